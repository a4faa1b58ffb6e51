"""Row filters as SQL: literals typed as the column, no sub-query, and the security barrier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalog.model import Table
from gateway.datatypes import DataType
from gateway.policy.model import CompoundCondition, Condition, FieldCondition
from gateway.sql.model import Engine
from gateway.sql.spelling import FLOATS, INTEGERS, TZ, literal, reference, text_literal

_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_LISTS = {"in": "IN", "nin": "NOT IN"}
_LIKE: dict[str, Callable[[str], str]] = {
    "startswith": lambda text: f"{text}%",
    "endswith": lambda text: f"%{text}",
    "contains": lambda text: f"%{text}%",
}
_DOMAINS = (
    INTEGERS
    | FLOATS
    | {TZ, "boolean", "varchar", "char", "decimal", "date", "timestamp", "time", "uuid"}
)
_RANDOM = '"system"."builtin".random()'


@dataclass(frozen=True, slots=True)
class _Place:
    table: Table
    engine: Engine
    alias: str

    def column(self, name: str) -> tuple[str, DataType]:
        found = self.table.column(name)
        if found is None:
            raise ValueError("a row filter names a column its table does not have")
        return reference(self.alias, name), found.type


def where(condition: Condition, table: Table, engine: Engine, alias: str) -> str:
    """Write what follows WHERE: the filter, and on Trino its barrier where it needs one.

    Embedded scans filter their batches before DuckDB sees them, so the text for DuckDB
    carries the plain filter alone.
    """
    text = render(condition, table, engine, alias)
    if engine == "duckdb" or is_plain(condition, table):
        return text
    return behind_barrier(text)


def behind_barrier(text: str) -> str:
    """Write a filter so that Trino puts no expression of the user's before it."""
    return f"({text}) AND CASE WHEN {_RANDOM} < 0 THEN FALSE ELSE ({text}) END"


def render(condition: Condition, table: Table, engine: Engine, alias: str) -> str:
    """Write a condition over ``alias``'s raw columns; raises ValueError on anything unknown."""
    return _render(condition, _Place(table, engine, alias))


def _render(condition: Condition, place: _Place) -> str:
    if isinstance(condition, FieldCondition):
        return _field(condition, place)
    parts = [_wrapped(part, place) for part in condition.parts]
    if condition.operator == "not" and len(parts) == 1:
        return f"NOT {parts[0]}"
    if condition.operator in {"and", "or"} and parts:
        return f" {condition.operator.upper()} ".join(parts)
    raise ValueError(f"unknown condition {condition.operator} of {len(parts)}")


def _wrapped(part: Condition, place: _Place) -> str:
    text = _render(part, place)
    return f"({text})" if isinstance(part, CompoundCondition) else text


def _field(condition: FieldCondition, place: _Place) -> str:
    column, kind = place.column(condition.field)
    operator, value = condition.operator, condition.value
    if operator == "is_null" and isinstance(value, bool):
        return f"{column} IS NULL" if value else f"{column} IS NOT NULL"
    if operator in _LISTS and isinstance(value, tuple):
        return _list(operator, column, [literal(v, kind, place.engine) for v in value])
    if operator in _COMPARE and not isinstance(value, tuple):
        return f"{column} {_COMPARE[operator]} {literal(value, kind, place.engine)}"
    if operator in _LIKE and isinstance(value, str) and kind.base == "varchar":
        return f"{column} LIKE {text_literal(_LIKE[operator](_escaped(value)))} ESCAPE '!'"
    raise ValueError(f"unknown condition {operator}")


def _list(operator: str, column: str, values: list[str]) -> str:
    if values:
        return f"{column} {_LISTS[operator]} ({', '.join(values)})"
    if operator == "in":
        return "FALSE"
    raise ValueError("nin of an empty list would let every row pass")


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def is_plain(condition: Condition, table: Table) -> bool:
    """Whether Trino keeps this filter below every expression of the user (a plain domain).

    True only for single-column domains, AND-ed across columns. Views are never plain:
    their columns may be expressions.
    """
    if table.kind == "view":
        return False
    if isinstance(condition, CompoundCondition) and condition.operator == "and":
        return all(is_plain(part, table) for part in condition.parts)
    return len(columns_of(condition)) == 1 and _is_domain(condition, table)


def _is_domain(condition: Condition, table: Table) -> bool:
    if isinstance(condition, CompoundCondition):
        name = next(iter(columns_of(condition)))
        column = table.column(name)
        inverted_float = condition.operator == "not" and (not column or column.type.base in FLOATS)
        return not inverted_float and all(_is_domain(part, table) for part in condition.parts)
    column = table.column(condition.field)
    if column is None or column.type.base not in _DOMAINS or condition.operator in _LIKE:
        return False
    return not (condition.operator in {"ne", "nin"} and column.type.base in FLOATS)


def columns_of(condition: Condition) -> frozenset[str]:
    """The columns a condition tests."""
    if isinstance(condition, FieldCondition):
        return frozenset([condition.field])
    return frozenset[str]().union(*(columns_of(part) for part in condition.parts))
