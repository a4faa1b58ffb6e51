"""Conditions as pruning hints for pyiceberg: which files can hold a passing row.

A hint may keep too much, never too little: the exact filter still runs on every batch.
Whatever is not certain becomes no hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    NotEqualTo,
    NotIn,
    NotNull,
    Or,
    StartsWith,
)

from gateway.engines.rowfilter import is_text, literal
from gateway.policy.model import CompoundCondition, Condition, FieldCondition

_ANY = AlwaysTrue()
_MAX_LIST = 200

_PREDICATES: Mapping[str, Any] = {
    "eq": EqualTo,
    "ne": NotEqualTo,
    "lt": LessThan,
    "lte": LessThanOrEqual,
    "gt": GreaterThan,
    "gte": GreaterThanOrEqual,
    "in": In,
    "nin": NotIn,
    "null": IsNull,
    "not_null": NotNull,
    "startswith": StartsWith,
}
_NEGATED = {
    "eq": "ne",
    "ne": "eq",
    "lt": "gte",
    "lte": "gt",
    "gt": "lte",
    "gte": "lt",
    "in": "nin",
    "nin": "in",
}


def hint(condition: Condition, schema: pa.Schema) -> BooleanExpression:
    """Return an expression that holds for every row the condition is TRUE for."""
    return _hint(condition, schema, negated=False)


def _hint(condition: Condition, schema: pa.Schema, *, negated: bool) -> BooleanExpression:
    if isinstance(condition, CompoundCondition):
        return _compound(condition, schema, negated=negated)
    operator, value = condition.operator, condition.value
    if not _certain(schema.field(condition.field).type):
        return _ANY
    if operator == "is_null" and isinstance(value, bool):
        return _make("null" if value is not negated else "not_null", condition.field)
    if operator == "startswith" and isinstance(value, str) and not negated and value.isascii():
        return _make("startswith", condition.field, value) if value else _ANY
    if operator not in _NEGATED:
        return _ANY
    return _predicate(condition, _NEGATED[operator] if negated else operator, schema)


def _make(operator: str, *operands: Any) -> BooleanExpression:  # noqa: ANN401 - literals
    made: BooleanExpression = _PREDICATES[operator](*operands)
    return made


def _compound(
    condition: CompoundCondition, schema: pa.Schema, *, negated: bool
) -> BooleanExpression:
    if condition.operator == "not":
        return _hint(condition.parts[0], schema, negated=not negated)
    parts = [_hint(part, schema, negated=negated) for part in condition.parts]
    result = parts[0]
    every = (condition.operator == "and") is not negated
    for part in parts[1:]:
        result = And(result, part) if every else Or(result, part)
    return result


def _predicate(condition: FieldCondition, operator: str, schema: pa.Schema) -> BooleanExpression:
    kind = schema.field(condition.field).type
    if isinstance(condition.value, tuple):
        values = {literal(value, kind).as_py() for value in condition.value}
        if not values or len(values) > _MAX_LIST:
            return _ANY
        return _make(operator, condition.field, values)
    return _make(operator, condition.field, literal(condition.value, kind).as_py())


def _certain(kind: pa.DataType) -> bool:
    """Types whose file statistics and literals compare exactly alike everywhere."""
    zoneless = pa.types.is_timestamp(kind) and kind.tz is None
    exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind)
    return bool(exact or zoneless or is_text(kind))
