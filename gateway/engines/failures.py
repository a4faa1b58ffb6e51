"""Engine failures as Trino's errors, in our words.

The texts of engines and libraries carry cell values, paths and literals, so none of them
ever leaves a worker: the client reads our sentence for the error's name and the query id.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.errors import ERRORS, MeshgateError

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
        "NOT_SUPPORTED": "an expression or a value of this query is outside what this engine "
        "computes exactly as Trino does; simplify the expression or restrict the rows it sees",
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
