"""Engine failures as Trino's errors, in our words.

The texts of engines and libraries carry cell values, paths and literals, so none of them
ever leaves a worker: the client reads our sentence for the error's name and the query id.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import duckdb
import pyarrow as pa
from pyiceberg.exceptions import RESTError, ValidationError

from gateway.errors import ERRORS, MeshgateError
from gateway.sql.markers import read_marker

_AGAIN = "run the query again; if it fails again, give the operators its id"

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "DIVISION_BY_ZERO": "Division by zero",
        "SUBQUERY_MULTIPLE_ROWS": "Scalar sub-query has returned multiple rows",
        "INVALID_CAST_ARGUMENT": "a value cannot be cast to the wanted type; "
        "use TRY_CAST to get NULL for such values",
        "NUMERIC_VALUE_OUT_OF_RANGE": "a number is out of the range of its type; "
        "cast to a wider type first",
        "INVALID_FUNCTION_ARGUMENT": "a function was called with a value it does not accept; "
        "use TRY to get NULL for such values",
        "INVALID_WINDOW_FRAME": "a window frame bound is NULL or negative",
        "NOT_SUPPORTED": "a value is outside what this engine computes exactly as Trino does; "
        "simplify the expression or restrict the rows it sees",
        "EXCEEDED_LOCAL_MEMORY_LIMIT": "the query needs more memory than a query may use; "
        "read fewer columns or rows, or aggregate earlier",
        "EXCEEDED_TIME_LIMIT": "the query ran longer than a query may; "
        "restrict it, or ask for a higher limit",
        "USER_CANCELED": "the query was cancelled",
        "QUERY_QUEUE_FULL": "too many queries are running and waiting; try again in a moment",
        "MESHGATE_QUOTA_EXCEEDED": "the answer is larger than a query may return; "
        "add a LIMIT, or aggregate",
        "CONFIGURATION_UNAVAILABLE": f"a data file of this query cannot be read; {_AGAIN}",
        "TOKEN_KEY_UNAVAILABLE": "a token key is not available; leave the tokenized column out, "
        "or ask the operators to check the key reference",
        "GENERIC_INTERNAL_ERROR": f"the engine failed on this query; {_AGAIN}",
    }
)


def failure(name: str, query_id: str, *, cause: str = "") -> MeshgateError:
    """Build the client's error: our sentence, the query id; ``cause`` goes to the audit alone."""
    known = name if name in SENTENCES and name in ERRORS else "GENERIC_INTERNAL_ERROR"
    tail = f" (query {query_id})" if query_id else ""
    audit = {"engine_error": cause} if cause else None
    return MeshgateError(known, SENTENCES[known] + tail, audit=audit)


def name_of(error: BaseException) -> str:
    """Name the Trino error an exception of DuckDB, Arrow, pyiceberg or Python stands for."""
    if isinstance(error, MeshgateError):
        return error.name
    if isinstance(error, duckdb.Error):
        return _engine_name(error)
    if isinstance(error, MemoryError | pa.ArrowMemoryError):
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    if isinstance(error, OSError | RESTError | ValidationError):
        return "CONFIGURATION_UNAVAILABLE"
    return "GENERIC_INTERNAL_ERROR"


def _engine_name(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    if isinstance(error, duckdb.InterruptException):
        return "USER_CANCELED"
    text = str(error)
    if "bad_alloc" in text or "Out of Memory Error" in text:
        return "EXCEEDED_LOCAL_MEMORY_LIMIT"
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        # Generated text that does not bind is our defect, whatever its text resembles.
        return read_marker(text) or "GENERIC_INTERNAL_ERROR"
    return read_marker(text) or _by_class(error)


def _by_class(error: duckdb.Error) -> str:
    """Fall back on DuckDB's own classes where its texts vary."""
    classes: tuple[tuple[type[duckdb.Error], str], ...] = (
        (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
        (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
        (duckdb.NotImplementedException, "NOT_SUPPORTED"),
    )
    return next(
        (name for kind, name in classes if isinstance(error, kind)), "GENERIC_INTERNAL_ERROR"
    )
