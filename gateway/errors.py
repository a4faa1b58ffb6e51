"""The one table of errors a client can meet.

Names, codes and types are Trino's where Trino has them (``StandardErrorCode``,
Trino 476), so that hidden and absent read alike and drivers know them. Our own
codes start at 0x4D47_0100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ErrorType(StrEnum):
    """Who has to act: the person, the operator, or nobody but time."""

    USER_ERROR = "USER_ERROR"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INSUFFICIENT_RESOURCES = "INSUFFICIENT_RESOURCES"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of the table."""

    name: str
    code: int
    type: ErrorType


_U, _I, _R = ErrorType.USER_ERROR, ErrorType.INTERNAL_ERROR, ErrorType.INSUFFICIENT_RESOURCES

_ROWS = (
    ("GENERIC_USER_ERROR", 0, _U),
    ("SYNTAX_ERROR", 1, _U),
    ("ABANDONED_QUERY", 2, _U),
    ("USER_CANCELED", 3, _U),
    ("PERMISSION_DENIED", 4, _U),
    ("NOT_FOUND", 5, _U),
    ("FUNCTION_NOT_FOUND", 6, _U),
    ("INVALID_FUNCTION_ARGUMENT", 7, _U),
    ("DIVISION_BY_ZERO", 8, _U),
    ("INVALID_CAST_ARGUMENT", 9, _U),
    ("OPERATOR_NOT_FOUND", 10, _U),
    ("INVALID_VIEW", 11, _U),
    ("NOT_SUPPORTED", 13, _U),
    ("INVALID_SESSION_PROPERTY", 14, _U),
    ("INVALID_WINDOW_FRAME", 15, _U),
    ("NUMERIC_VALUE_OUT_OF_RANGE", 19, _U),
    ("UNKNOWN_TRANSACTION", 20, _U),
    ("NOT_IN_TRANSACTION", 21, _U),
    ("AUTOCOMMIT_WRITE_CONFLICT", 25, _U),
    ("INCOMPATIBLE_CLIENT", 27, _U),
    ("SUBQUERY_MULTIPLE_ROWS", 28, _U),
    ("QUERY_REJECTED", 31, _U),
    ("AMBIGUOUS_FUNCTION_CALL", 32, _U),
    ("QUERY_TEXT_TOO_LARGE", 35, _U),
    ("UNSUPPORTED_SUBQUERY", 36, _U),
    ("EXCEEDED_FUNCTION_MEMORY_LIMIT", 37, _U),
    ("ADMINISTRATIVELY_KILLED", 38, _U),
    ("QUERY_HAS_TOO_MANY_STAGES", 40, _U),
    ("INVALID_SPATIAL_PARTITIONING", 41, _U),
    ("TYPE_NOT_FOUND", 43, _U),
    ("CATALOG_NOT_FOUND", 44, _U),
    ("SCHEMA_NOT_FOUND", 45, _U),
    ("TABLE_NOT_FOUND", 46, _U),
    ("COLUMN_NOT_FOUND", 47, _U),
    ("ROLE_NOT_FOUND", 48, _U),
    ("DUPLICATE_NAMED_QUERY", 53, _U),
    ("DUPLICATE_COLUMN_NAME", 54, _U),
    ("MISSING_CATALOG_NAME", 56, _U),
    ("MISSING_SCHEMA_NAME", 57, _U),
    ("TYPE_MISMATCH", 58, _U),
    ("INVALID_LITERAL", 59, _U),
    ("COLUMN_TYPE_UNKNOWN", 60, _U),
    ("MISMATCHED_COLUMN_ALIASES", 61, _U),
    ("AMBIGUOUS_NAME", 62, _U),
    ("INVALID_COLUMN_REFERENCE", 63, _U),
    ("MISSING_GROUP_BY", 64, _U),
    ("MISSING_ORDER_BY", 65, _U),
    ("MISSING_OVER", 66, _U),
    ("NESTED_AGGREGATION", 67, _U),
    ("NESTED_WINDOW", 68, _U),
    ("EXPRESSION_NOT_IN_DISTINCT", 69, _U),
    ("TOO_MANY_GROUPING_SETS", 70, _U),
    ("FUNCTION_NOT_WINDOW", 71, _U),
    ("FUNCTION_NOT_AGGREGATE", 72, _U),
    ("EXPRESSION_NOT_AGGREGATE", 73, _U),
    ("EXPRESSION_NOT_SCALAR", 74, _U),
    ("EXPRESSION_NOT_CONSTANT", 75, _U),
    ("INVALID_ARGUMENTS", 76, _U),
    ("TOO_MANY_ARGUMENTS", 77, _U),
    ("INVALID_PARAMETER_USAGE", 80, _U),
    ("VIEW_IS_STALE", 81, _U),
    ("NULL_TREATMENT_NOT_ALLOWED", 83, _U),
    ("INVALID_RECURSIVE_REFERENCE", 87, _U),
    ("MISSING_COLUMN_ALIASES", 88, _U),
    ("NESTED_RECURSIVE", 89, _U),
    ("INVALID_LIMIT_CLAUSE", 90, _U),
    ("INVALID_ORDER_BY", 91, _U),
    ("DUPLICATE_WINDOW_NAME", 92, _U),
    ("INVALID_WINDOW_REFERENCE", 93, _U),
    ("INVALID_PARTITION_BY", 94, _U),
    ("INVALID_LABEL", 96, _U),
    ("INVALID_PROCESSING_MODE", 97, _U),
    ("INVALID_NAVIGATION_NESTING", 98, _U),
    ("INVALID_ROW_PATTERN", 99, _U),
    ("NESTED_ROW_PATTERN_RECOGNITION", 100, _U),
    ("INVALID_RANGE", 102, _U),
    ("INVALID_PATTERN_RECOGNITION_FUNCTION", 103, _U),
    ("MISSING_VARIABLE_DEFINITIONS", 105, _U),
    ("MISSING_ROW_PATTERN", 106, _U),
    ("INVALID_WINDOW_MEASURE", 107, _U),
    ("STACK_OVERFLOW", 108, _U),
    ("INVALID_PATH", 113, _U),
    ("JSON_INPUT_CONVERSION_ERROR", 114, _U),
    ("JSON_OUTPUT_CONVERSION_ERROR", 115, _U),
    ("PATH_EVALUATION_ERROR", 116, _U),
    ("INVALID_JSON_LITERAL", 117, _U),
    ("JSON_VALUE_RESULT_ERROR", 118, _U),
    ("DUPLICATE_COLUMN_OR_PATH_NAME", 127, _U),
    ("MISSING_PATH_NAME", 128, _U),
    ("QUERY_EXCEEDED_COMPILER_LIMIT", 132, _U),
    ("GENERIC_INTERNAL_ERROR", 65536, _I),
    ("PAGE_TOO_LARGE", 65538, _I),
    ("NO_NODES_AVAILABLE", 65541, _I),
    ("OPTIMIZER_TIMEOUT", 65556, _I),
    ("REMOTE_HOST_GONE", 65558, _I),
    ("CONFIGURATION_UNAVAILABLE", 65560, _I),
    ("GENERIC_INSUFFICIENT_RESOURCES", 131072, _R),
    ("EXCEEDED_GLOBAL_MEMORY_LIMIT", 131073, _R),
    ("QUERY_QUEUE_FULL", 131074, _R),
    ("EXCEEDED_TIME_LIMIT", 131075, _R),
    ("CLUSTER_OUT_OF_MEMORY", 131076, _R),
    ("EXCEEDED_CPU_LIMIT", 131077, _R),
    ("EXCEEDED_SPILL_LIMIT", 131078, _R),
    ("EXCEEDED_LOCAL_MEMORY_LIMIT", 131079, _R),
    ("EXCEEDED_SCAN_LIMIT", 131081, _R),
    ("MESHGATE_QUOTA_EXCEEDED", 0x4D47_0100, _R),
    ("TOKEN_KEY_UNAVAILABLE", 0x4D47_0101, _I),
    ("TOKEN_VERSION", 0x4D47_0102, _U),
)

ERRORS: Mapping[str, ErrorCode] = MappingProxyType(
    {name: ErrorCode(name, code, kind) for name, code, kind in _ROWS}
)


class MeshgateError(Exception):
    """A refusal or failure with everything the client, the audit record and the log need.

    Args:
        name: a name of ``ERRORS``.
        message: what the client reads: lower case start for our own texts,
            Trino's wording where Trino has one, and what to do next.
        line, column: 1-based position in the *user's* text, if known.
        audit: facts for the audit record alone (e.g. ``hidden``, ``domain``);
            never sent to the client.

    """

    def __init__(
        self,
        name: str,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        audit: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = ERRORS[name]
        self.message = message
        self.line = line
        self.column = column
        self.audit: Mapping[str, str] = MappingProxyType(dict(audit or {}))

    @property
    def name(self) -> str:
        """The error's name, e.g. ``TABLE_NOT_FOUND``."""
        return self.code.name

    def __str__(self) -> str:
        return self.message
