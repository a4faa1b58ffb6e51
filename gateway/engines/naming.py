"""Which of Trino's errors an exception inside a worker stands for.

Only names leave a worker: texts of engines and libraries carry cell values and paths.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from pyiceberg.exceptions import RESTError, ValidationError

from gateway.errors import MeshgateError
from gateway.sql.markers import read_marker


def name_of(error: BaseException) -> str:
    """Name the Trino error an exception of DuckDB, Arrow, pyiceberg or Python stands for."""
    if isinstance(error, MeshgateError):
        return error.name
    if isinstance(error, duckdb.Error):
        return _engine_name(error)
    if isinstance(error, MemoryError | pa.ArrowMemoryError):
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    streamed = _streamed(error)
    if streamed is not None:
        return _engine_name(streamed)
    if isinstance(error, OSError | RESTError | ValidationError):
        return "CONFIGURATION_UNAVAILABLE"
    return "GENERIC_INTERNAL_ERROR"


def engine_error(error: OSError) -> duckdb.Error:
    """What DuckDB raised while its rows were read: Arrow passes on the text alone."""
    text = str(error)
    kind = next((k for head, k in _BY_HEAD if text.startswith(head)), duckdb.Error)
    return kind(text)


_BY_HEAD: tuple[tuple[str, type[duckdb.Error]], ...] = (
    ("Conversion Error", duckdb.ConversionException),
    ("Out of Range Error", duckdb.OutOfRangeException),
    ("Out of Memory Error", duckdb.OutOfMemoryException),
    ("INTERRUPT Error", duckdb.InterruptException),
    ("Invalid Input Error", duckdb.InvalidInputException),
    ("Not implemented Error", duckdb.NotImplementedException),
)


def _streamed(error: BaseException) -> duckdb.Error | None:
    """Find the engine's own error in what Arrow raises once rows are flowing.

    Arrow's stream interface hands on nothing but the text, as an OSError.
    """
    if not isinstance(error, OSError | pa.ArrowException):
        return None
    text = str(error)
    found = (kind for prefix, kind in _BY_PREFIX if text.startswith(f"{prefix} Error: "))
    kind = next(found, None)
    return kind(text) if kind else None


def _engine_name(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    if isinstance(error, duckdb.InterruptException):
        return "USER_CANCELED"
    text = str(error)
    if "bad_alloc" in text or "Out of Memory Error" in text:
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    if isinstance(error, duckdb.CatalogException) and "Table with name" in text:
        # Only scans have names: generated text that asks for another is our defect.
        return "GENERIC_INTERNAL_ERROR"
    return read_marker(text) or _by_class(error)


_BY_PREFIX: tuple[tuple[str, type[duckdb.Error]], ...] = (
    ("Conversion", duckdb.ConversionException),
    ("Out of Range", duckdb.OutOfRangeException),
    ("Invalid Input", duckdb.InvalidInputException),
    ("Invalid Type", duckdb.InvalidTypeException),
    ("Mismatch Type", duckdb.TypeMismatchException),
    ("Not implemented", duckdb.NotImplementedException),
    ("Out of Memory", duckdb.OutOfMemoryException),
    ("INTERRUPT", duckdb.InterruptException),
)
"""How the texts of DuckDB's errors begin."""

_BY_CLASS: tuple[tuple[type[duckdb.Error], str], ...] = (
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.BinderException, "NOT_SUPPORTED"),
    (duckdb.CatalogException, "NOT_SUPPORTED"),
    (duckdb.InvalidInputException, "NOT_SUPPORTED"),
    (duckdb.InvalidTypeException, "NOT_SUPPORTED"),
    (duckdb.TypeMismatchException, "NOT_SUPPORTED"),
    (duckdb.NotImplementedException, "NOT_SUPPORTED"),
)
"""Where DuckDB's text is unknown: an expression nobody has proven is not supported."""


def _by_class(error: duckdb.Error) -> str:
    found = (name for kind, name in _BY_CLASS if isinstance(error, kind))
    return next(found, "GENERIC_INTERNAL_ERROR")
