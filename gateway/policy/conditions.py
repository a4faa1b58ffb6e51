"""Row filters as UCAST: reading, validating against column types, canonical form.

A condition is three-valued; a row passes only if it is TRUE.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.policy.literals import literal
from gateway.policy.model import CompoundCondition, Condition, FieldCondition, Scalar

EQUALITY = frozenset({"eq", "ne"})
ORDER = frozenset({"lt", "lte", "gt", "gte"})
LISTS = frozenset({"in", "nin"})
TEXT = frozenset({"startswith", "endswith", "contains"})
OPERATORS = EQUALITY | ORDER | LISTS | TEXT | {"is_null"}

MAX_DEPTH, MAX_NODES, MAX_LIST = 8, 256, 1000

_ORDERED = frozenset(
    [
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "decimal",
        "double",
        "date",
        "timestamp",
        "timestamp with time zone",
        "varchar",
    ]
)
_COMPARABLE = (_ORDERED - {"double"}) | {"boolean", "uuid"}


class ConditionError(ValueError):
    """A condition that may not become a row filter."""


def parse(raw: object, columns: Sequence[Column]) -> Condition:
    """Read and validate one condition; the result is canonical.

    Raises:
        ConditionError: with the first thing that is wrong.

    """
    types = {column.name: column.type for column in columns}
    nodes = [0]
    return canonical(_parse(raw, types, nodes, 1))


def _parse(raw: object, types: Mapping[str, DataType], nodes: list[int], depth: int) -> Condition:
    nodes[0] += 1
    if depth > MAX_DEPTH or nodes[0] > MAX_NODES:
        raise ConditionError(f"a condition has at most {MAX_DEPTH} levels, {MAX_NODES} nodes")
    if not isinstance(raw, dict):
        raise ConditionError("a condition is an object")
    if raw.get("type") == "compound":
        return _compound(raw, types, nodes, depth)
    if raw.get("type") == "field":
        return _field(raw, types)
    raise ConditionError("a condition's type is field or compound")


def _compound(
    raw: dict[str, Any], types: Mapping[str, DataType], nodes: list[int], depth: int
) -> CompoundCondition:
    if raw.keys() != {"type", "operator", "value"}:
        raise ConditionError("a compound has exactly type, operator, value")
    operator, parts = raw["operator"], raw["value"]
    if operator not in {"and", "or", "not"} or not isinstance(parts, list) or not parts:
        raise ConditionError("a compound is and, or, not of a list that is not empty")
    if operator == "not" and len(parts) != 1:
        raise ConditionError("not takes exactly one condition")
    return CompoundCondition(operator, tuple(_parse(p, types, nodes, depth + 1) for p in parts))


def _field(raw: dict[str, Any], types: Mapping[str, DataType]) -> FieldCondition:
    if raw.keys() != {"type", "operator", "field", "value"}:
        raise ConditionError("a field condition has exactly type, operator, field, value")
    operator, name, value = raw["operator"], raw["field"], raw["value"]
    if not isinstance(name, str) or name not in types:
        raise ConditionError(f"unknown column {name!r}")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise ConditionError(f"unknown operator {operator!r}")
    declared = types[name]
    if not _supports(operator, declared):
        raise ConditionError(f"{operator} does not apply to {name} ({declared.text()})")
    try:
        return FieldCondition(operator, name, _value(operator, value, declared))
    except ValueError as error:
        raise ConditionError(f"{name}: {error}") from None


def _supports(operator: str, declared: DataType) -> bool:
    if operator == "is_null":
        return True
    if operator in TEXT:
        return declared.base == "varchar"
    return declared.base in (_ORDERED if operator in ORDER else _COMPARABLE)


def _value(operator: str, value: object, declared: DataType) -> Scalar | tuple[Scalar, ...]:
    if operator == "is_null":
        if not isinstance(value, bool):
            raise ConditionError("is_null takes true or false")
        return value
    if operator in TEXT:
        return literal(value, DataType("varchar"))
    if operator not in LISTS:
        return literal(value, declared)
    if not isinstance(value, list) or len(value) > MAX_LIST:
        raise ConditionError(f"{operator} takes a list of at most {MAX_LIST} values")
    if operator == "nin" and not value:
        raise ConditionError("nin takes at least one value")
    return tuple(literal(element, declared) for element in value)


def canonical(condition: Condition) -> Condition:
    """The same condition with operands sorted, doubles dropped, lone operands unwrapped."""
    if isinstance(condition, FieldCondition):
        if not isinstance(condition.value, tuple):
            return condition
        values = tuple(sorted(set(condition.value), key=_value_key))
        return FieldCondition(condition.operator, condition.field, values)
    parts = sorted({canonical(part) for part in condition.parts}, key=text)
    if condition.operator != "not" and len(parts) == 1:
        return parts[0]
    return CompoundCondition(condition.operator, tuple(parts))


def _value_key(value: Scalar) -> tuple[str, Scalar]:
    return type(value).__name__, value


def conjunction(conditions: Sequence[Condition]) -> Condition | None:
    """AND of all in the order given; None of none."""
    if len(conditions) < 2:  # noqa: PLR2004 - one needs no AND
        return conditions[0] if conditions else None
    return CompoundCondition("and", tuple(conditions))


def to_json(condition: Condition) -> dict[str, Any]:
    """The UCAST document of a condition."""
    if isinstance(condition, FieldCondition):
        value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
        return {
            "type": "field",
            "operator": condition.operator,
            "field": condition.field,
            "value": value,
        }
    parts = [to_json(part) for part in condition.parts]
    return {"type": "compound", "operator": condition.operator, "value": parts}


def text(condition: Condition) -> str:
    """Canonical JSON text: equal texts mean equal conditions."""
    return json.dumps(to_json(condition), sort_keys=True, ensure_ascii=False)


def words(condition: Condition | None) -> str:
    """A row filter for people: ``(region in ["EU"]) and (paid gt "5")``."""
    if condition is None:
        return "all rows"
    if isinstance(condition, FieldCondition):
        value = json.dumps(to_json(condition)["value"], ensure_ascii=False)
        return f"{condition.field} {condition.operator} {value}"
    parts = [f"({words(part)})" for part in condition.parts]
    if condition.operator == "not":
        return f"not {parts[0]}"
    return f" {condition.operator} ".join(parts)
