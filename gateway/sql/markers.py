"""How an error of the embedded engine names the Trino error it stands for.

Generated text raises by a failing conversion of a marker (``raising``): unlike DuckDB's
``error()`` that is not volatile, so windows, TRY and constant folding keep working.
Errors DuckDB raises by itself are known by their texts.
"""

from __future__ import annotations

import re

from gateway.errors import ERRORS

_MARK = re.compile(r"MG:([A-Z_]+)")
_NATURAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"Division by zero", "DIVISION_BY_ZERO"),
        (r"More than one row returned by a subquery", "SUBQUERY_MULTIPLE_ROWS"),
        (r"Overflow in multiplication of INT128", "NOT_SUPPORTED"),
        (r"Out of Range Error: Overflow (in|on) ?", "NUMERIC_VALUE_OUT_OF_RANGE"),
        (r"Type U?INT\d+ with value \S+ can't be cast .* type INT", "NUMERIC_VALUE_OUT_OF_RANGE"),
        (r"Could not convert string ", "INVALID_CAST_ARGUMENT"),
        (r"Casting value .* to type DECIMAL.* failed", "INVALID_CAST_ARGUMENT"),
        (r"Could not cast value .* to DECIMAL", "INVALID_CAST_ARGUMENT"),
        (r"Map keys (must be unique|can not be NULL)", "INVALID_FUNCTION_ARGUMENT"),
        (r"map key list does not align", "INVALID_FUNCTION_ARGUMENT"),
        (r"(date|timestamp) field value out of range", "INVALID_CAST_ARGUMENT"),
    )
)


def marker(name: str) -> str:
    """Spell the marker of a Trino error name; KeyError if the table of errors lacks it."""
    return f"MG:{ERRORS[name].name}"


def read_marker(text: str) -> str | None:
    """Read the Trino error name an engine error stands for, None if it is unknown."""
    found = _MARK.search(text)
    if found and found.group(1) in ERRORS:
        return found.group(1)
    return next((name for pattern, name in _NATURAL if pattern.search(text)), None)
