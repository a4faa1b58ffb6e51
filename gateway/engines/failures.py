"""Engine failures as Trino's errors, in our words.

The texts of engines and libraries carry cell values, paths and literals, so none of them
ever leaves a worker: the client reads our sentence for the error's name and the query id.
"""

from __future__ import annotations

import re
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

_CLUSTER: Mapping[str, str] = MappingProxyType(
    {
        "NO_NODES_AVAILABLE": "no cluster takes queries at the moment; try again in a moment",
        "REMOTE_HOST_GONE": "the cluster lost this query; run it again",
        "TYPE_MISMATCH": "the types of an expression do not fit together; cast one side",
        "FUNCTION_NOT_FOUND": "a function of this query does not take arguments of these types; "
        "cast them",
        "OPERATOR_NOT_FOUND": "an operator of this query does not take these types; cast them",
        "AMBIGUOUS_FUNCTION_CALL": "a function call fits several functions; cast its arguments",
        "INVALID_LITERAL": "a literal of this query is not valid for its type",
        "INVALID_ARGUMENTS": "a function was called with arguments it does not take",
        "TOO_MANY_ARGUMENTS": "a function was called with too many arguments",
        "INVALID_PATH": "a JSON path of this query is not valid",
        "INVALID_RANGE": "a range of this query is not valid",
        "INVALID_LIMIT_CLAUSE": "a LIMIT, OFFSET or FETCH of this query is not valid",
        "INVALID_ORDER_BY": "an ORDER BY of this query is not valid",
        "INVALID_COLUMN_REFERENCE": "a column cannot be used at this place",
        "INVALID_WINDOW_REFERENCE": "a named window of this query cannot be used so",
        "INVALID_RECURSIVE_REFERENCE": "a recursive WITH refers to itself where it may not",
        "NESTED_RECURSIVE": "a recursive WITH holds another one",
        "DUPLICATE_WINDOW_NAME": "two windows of this query have one name",
        "AMBIGUOUS_NAME": "a name of this query could mean two things; qualify it",
        "MISMATCHED_COLUMN_ALIASES": "a list of column aliases has the wrong length",
        "MISSING_COLUMN_ALIASES": "a recursive WITH needs column aliases",
        "MISSING_GROUP_BY": "this query needs GROUP BY",
        "MISSING_ORDER_BY": "a window or aggregate of this query needs ORDER BY",
        "MISSING_OVER": "a window function needs OVER",
        "NESTED_AGGREGATION": "an aggregate holds another aggregate",
        "NESTED_WINDOW": "a window function holds another one",
        "NULL_TREATMENT_NOT_ALLOWED": "a function takes no IGNORE NULLS",
        "FUNCTION_NOT_AGGREGATE": "a function is used as an aggregate and is none",
        "FUNCTION_NOT_WINDOW": "a function is used over a window and cannot be",
        "EXPRESSION_NOT_AGGREGATE": "a selected expression must be an aggregate "
        "or appear in GROUP BY",
        "EXPRESSION_NOT_CONSTANT": "an expression must be constant",
        "EXPRESSION_NOT_IN_DISTINCT": "for SELECT DISTINCT, what ORDER BY names must be selected",
        "EXPRESSION_NOT_SCALAR": "an aggregate or window function stands where none may",
        "UNSUPPORTED_SUBQUERY": "a correlated sub-query of this shape cannot be run; use a join",
        "JSON_INPUT_CONVERSION_ERROR": "a value is not valid JSON; use ON ERROR to say what then",
        "JSON_OUTPUT_CONVERSION_ERROR": "a JSON value does not convert; use ON ERROR",
        "JSON_VALUE_RESULT_ERROR": "a JSON path found no single scalar; use ON ERROR, ON EMPTY",
        "PATH_EVALUATION_ERROR": "a JSON path fails on a value; use lax mode or ON ERROR",
        "STACK_OVERFLOW": "this query is nested too deeply; write it flatter",
        "QUERY_HAS_TOO_MANY_STAGES": "this query has too many parts; split it",
        "QUERY_EXCEEDED_COMPILER_LIMIT": "an expression of this query is too large; split it",
        "TOO_MANY_GROUPING_SETS": "this query has too many grouping sets",
        "OPTIMIZER_TIMEOUT": "this query took too long to plan; write it simpler",
        "QUERY_TEXT_TOO_LARGE": "with what governs it, this query is too long; write it shorter",
        "INVALID_SESSION_PROPERTY": "the cluster does not accept a session property of this query; "
        "RESET SESSION what was set",
        "GENERIC_USER_ERROR": "the engine refused a value or an expression of this query",
        "QUERY_REJECTED": "the cluster does not accept this query now; try again later",
        "ABANDONED_QUERY": "nobody asked for this query's rows for too long; run it again",
        "ADMINISTRATIVELY_KILLED": "an administrator ended this query",
        "EXCEEDED_FUNCTION_MEMORY_LIMIT": "a function needs more memory than it may use",
        "EXCEEDED_GLOBAL_MEMORY_LIMIT": "the query needs more memory than a query may use; "
        "read fewer columns or rows, or aggregate earlier",
        "CLUSTER_OUT_OF_MEMORY": "the cluster has no memory left for this query; "
        "try again later, or read less",
        "EXCEEDED_CPU_LIMIT": "the query used more processor time than a query may; restrict it",
        "EXCEEDED_SCAN_LIMIT": "the query reads more than a query may; restrict it",
        "EXCEEDED_SPILL_LIMIT": "the query needs more temporary space than a query may use",
        "GENERIC_INSUFFICIENT_RESOURCES": "the cluster lacks what this query needs; "
        "try again later, or read less",
        "PAGE_TOO_LARGE": "one row of this query is too large to be sent; select fewer columns",
        "INVALID_PARTITION_BY": "what PARTITION BY names cannot be compared",
        "INVALID_LABEL": "a row pattern uses a label that it does not define",
        "INVALID_PROCESSING_MODE": "RUNNING or FINAL stands where a row pattern takes none",
        "INVALID_NAVIGATION_NESTING": "navigation functions of a row pattern are nested wrongly",
        "INVALID_ROW_PATTERN": "a row pattern of this query is not valid",
        "NESTED_ROW_PATTERN_RECOGNITION": "a row pattern holds another one",
        "INVALID_PATTERN_RECOGNITION_FUNCTION": "a function of a row pattern is used wrongly",
        "MISSING_VARIABLE_DEFINITIONS": "a row pattern needs DEFINE",
        "MISSING_ROW_PATTERN": "a row pattern is missing",
        "INVALID_WINDOW_MEASURE": "a measure of a window is not valid",
        "INVALID_JSON_LITERAL": "a JSON literal of this query is not valid",
        "DUPLICATE_COLUMN_OR_PATH_NAME": "two columns or paths of JSON_TABLE have one name",
        "MISSING_PATH_NAME": "a path of JSON_TABLE needs a name",
        "INVALID_SPATIAL_PARTITIONING": "a spatial partitioning of this query is not valid",
        "COLUMN_TYPE_UNKNOWN": "a column has no type; cast it",
    }
)
"""Beyond the embedded engine's, what a cluster may report and a client can do something about."""

_AS_OURS: Mapping[str, str] = MappingProxyType(
    {
        "SERVER_STARTING_UP": "NO_NODES_AVAILABLE",
        "SERVER_SHUTTING_DOWN": "NO_NODES_AVAILABLE",
        "CATALOG_NOT_AVAILABLE": "NO_NODES_AVAILABLE",
        "REMOTE_TASK_ERROR": "REMOTE_HOST_GONE",
        "REMOTE_TASK_FAILED": "REMOTE_HOST_GONE",
        "PAGE_TRANSPORT_ERROR": "REMOTE_HOST_GONE",
        "PAGE_TRANSPORT_TIMEOUT": "REMOTE_HOST_GONE",
        "TABLE_NOT_FOUND": "CONFIGURATION_UNAVAILABLE",
        "SCHEMA_NOT_FOUND": "CONFIGURATION_UNAVAILABLE",
        "CATALOG_NOT_FOUND": "CONFIGURATION_UNAVAILABLE",
        "CATALOG_UNAVAILABLE": "CONFIGURATION_UNAVAILABLE",
        "CATALOG_STORE_ERROR": "CONFIGURATION_UNAVAILABLE",
        "CONFIGURATION_INVALID": "CONFIGURATION_UNAVAILABLE",
        "TABLE_REDIRECTION_ERROR": "CONFIGURATION_UNAVAILABLE",
        "UNSUPPORTED_TABLE_TYPE": "CONFIGURATION_UNAVAILABLE",
        "ABANDONED_TASK": "REMOTE_HOST_GONE",
        "CORRUPT_PAGE": "REMOTE_HOST_GONE",
        "REMOTE_BUFFER_CLOSE_FAILED": "REMOTE_HOST_GONE",
        "REMOTE_TASK_MISMATCH": "REMOTE_HOST_GONE",
        "TOO_MANY_REQUESTS_FAILED": "REMOTE_HOST_GONE",
        "ADMINISTRATIVELY_PREEMPTED": "CLUSTER_OUT_OF_MEMORY",
        "OUT_OF_SPILL_SPACE": "EXCEEDED_SPILL_LIMIT",
        "EXCEEDED_TASK_DESCRIPTOR_STORAGE_CAPACITY": "GENERIC_INSUFFICIENT_RESOURCES",
        "INVALID_RESOURCE_GROUP": "QUERY_REJECTED",
    }
)
"""Names that say more of the cluster than a client can use, as the name that says what to do.

A table that was resolved and governed is missing there: the catalogs disagree.
"""
_STORAGE = ("ICEBERG_", "HIVE_", "PARQUET_", "ORC_")
"""Errors of connectors: a file or a catalog does not answer. Their texts name paths."""

_TYPE = r"[a-z][a-z0-9_(), ]{0,120}"
_OWN_WORDS: Mapping[str, tuple[re.Pattern[str], ...]] = MappingProxyType(
    {
        name: tuple(re.compile(pattern, re.ASCII) for pattern in patterns)
        for name, patterns in {
            "EXCEEDED_TIME_LIMIT": (
                r"Query exceeded (the )?maximum [a-z ]{1,30} limit of [0-9.]{1,12}[a-z]{1,2}",
            ),
            "TYPE_MISMATCH": (
                rf"Cannot apply operator: {_TYPE} (\+|-|\*|/|%|=|<|<=|IS DISTINCT FROM) {_TYPE}",
                rf"Cannot cast {_TYPE} to {_TYPE}",
            ),
            "DIVISION_BY_ZERO": (r"Division by zero",),
            "SUBQUERY_MULTIPLE_ROWS": (r"Scalar sub-query has returned multiple rows",),
        }.items()
    }
)
"""Whole texts of Trino that name nothing but types and limits; all others may carry data."""
_PLACE = re.compile(r"line [0-9]+:[0-9]+: ", re.ASCII)


def scrubbed(name: str, message: str, query_id: str = "") -> MeshgateError:
    """Build the client's error from a cluster's: its name, and a text that carries no data.

    A name that no client should meet, since only a defect of the gateway leads there, becomes
    GENERIC_INTERNAL_ERROR. ``line 1:5:`` is dropped: it counts in the rewritten text.
    """
    known = _AS_OURS.get(name, name)
    if name.startswith(_STORAGE):
        known = "CONFIGURATION_UNAVAILABLE"
    text = _PLACE.sub("", message, count=1)
    if any(pattern.fullmatch(text) for pattern in _OWN_WORDS.get(name, ())):
        return MeshgateError(name, text, audit={"engine_error": name})
    return failure(known, query_id, cause=name)


def failure(name: str, query_id: str, *, cause: str = "") -> MeshgateError:
    """Build the client's error: our sentence, the query id; ``cause`` goes to the audit alone."""
    sentence = SENTENCES.get(name) or _CLUSTER.get(name)
    known = name if sentence and name in ERRORS else "GENERIC_INTERNAL_ERROR"
    tail = f" (query {query_id})" if query_id else ""
    audit = {"engine_error": cause} if cause else None
    return MeshgateError(known, (sentence or SENTENCES[known]) + tail, audit=audit)
