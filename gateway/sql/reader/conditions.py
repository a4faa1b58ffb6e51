"""From the text after WHERE back to the row filter and its barrier."""

from __future__ import annotations

import re

from gateway.catalog.model import Table
from gateway.policy.model import CompoundCondition, Condition, FieldCondition, Scalar
from gateway.sql.reader.expressions import Tree
from gateway.sql.reader.literals import read_literal
from gateway.sql.reader.tokens import UnreadableError

FALSE = CompoundCondition("or", ())
"""What an ``in`` of an empty list is brought to: no row passes."""

_SIGNS = {"=": "eq", "<>": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_LISTS = {"in": "in", "not in": "nin"}
_RANDOM = ("op", "<", ("call", "random"), ("number", "0"))
_DOMAINS = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "real",
        "double",
        "decimal",
        "varchar",
        "char",
        "date",
        "time",
        "uuid",
        "timestamp",
    ]
) | {"timestamp with time zone"}
_ESCAPED = re.compile(r"!([!%_])|([^!%_])", re.DOTALL)
_BARRIER = 2


class ConditionReader:
    """Reads the filter of one table under one private alias."""

    def __init__(self, table: Table, alias: str, engine: str) -> None:
        self._table = table
        self._alias = alias
        self._engine = engine

    def read(self, tree: Tree) -> tuple[Condition, bool]:
        """Return the filter and whether the barrier stands beside it."""
        parts = tree[1:] if tree[0] == "and" else ()
        if len(parts) == _BARRIER and parts[1][0] == "case":
            guarded = ("case", ("when", _RANDOM, ("word", "FALSE")), ("else", parts[0]))
            if self._engine != "trino" or parts[1] != guarded:
                raise UnreadableError("a barrier that is none")
            return self._condition(parts[0]), True
        return self._condition(tree), False

    def _condition(self, tree: Tree) -> Condition:
        head = tree[0]
        if tree == ("word", "FALSE"):
            return FALSE
        if head in {"and", "or", "not"}:
            return CompoundCondition(head, tuple(self._condition(part) for part in tree[1:]))
        if head == "op" and tree[1] in _SIGNS:
            return self._field(_SIGNS[tree[1]], tree[2], (tree[3],), single=True)
        if head in _LISTS and len(tree) > _BARRIER:
            return self._field(_LISTS[head], tree[1], tree[2:], single=False)
        if head in {"null", "not null"}:
            return FieldCondition("is_null", self._column(tree[1])[0], head == "null")
        if head == "like":
            operator, text = _like(tree[2])
            name, base = self._column(tree[1])
            if base == "varchar":
                return FieldCondition(operator, name, text)
        raise UnreadableError("a row filter that is no condition")

    def _field(self, operator: str, column: Tree, values: Tree, *, single: bool) -> FieldCondition:
        name, _ = self._column(column)
        found = self._table.column(name)
        if found is None:
            raise UnreadableError("a row filter on no column")
        read = tuple(read_literal(value, found.type, self._engine) for value in values)
        return FieldCondition(operator, name, read[0] if single else read)

    def _column(self, tree: Tree) -> tuple[str, str]:
        found = self._table.column(str(tree[-1])) if tree[:2] == ("col", self._alias) else None
        if found is None:
            raise UnreadableError("a row filter on something else than a column")
        return found.name, found.type.base


def _like(pattern: str) -> tuple[str, str]:
    starts, body = pattern.startswith("%"), pattern.removeprefix("%")
    ends = body.endswith("%") and (len(body) - len(body[:-1].rstrip("!")) - 1) % 2 == 0
    body = body[:-1] if ends else body
    if _ESCAPED.sub("", body):
        raise UnreadableError("a LIKE pattern that no policy can say")
    text = _ESCAPED.sub(lambda hit: hit.group(1) or hit.group(2), body)
    if starts and ends:
        return "contains", text
    if starts and body:
        return "endswith", text
    if ends or starts:
        return "startswith", text
    raise UnreadableError("a LIKE pattern that no policy can say")


def normal(condition: Condition, table: Table) -> Condition:
    """Bring a decision's condition to the one form the reader returns."""
    if isinstance(condition, CompoundCondition):
        parts = tuple(normal(part, table) for part in condition.parts)
        single = len(parts) == 1 and condition.operator in {"and", "or"}
        return parts[0] if single else CompoundCondition(condition.operator, parts)
    if condition.operator == "in" and condition.value == ():
        return FALSE
    if condition.operator in {"startswith", "endswith"} and condition.value == "":
        return FieldCondition("startswith", condition.field, "")
    column = table.column(condition.field)
    if column is None or not column.type.base.startswith("time") or condition.operator == "is_null":
        return condition
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    padded = tuple(padded_instant(value, column.type.params[0]) for value in values)
    many = isinstance(condition.value, tuple)
    return FieldCondition(condition.operator, condition.field, padded if many else padded[0])


def padded_instant(value: Scalar, digits: int) -> Scalar:
    """Write an instant or time of day with exactly the column's fraction digits."""
    if not isinstance(value, str):
        return value
    zone = "Z" if value.endswith("Z") else ""
    body, _, fraction = value.removesuffix("Z").replace(" ", "T").partition(".")
    kept = fraction.rstrip("0").ljust(digits, "0")
    return body + (f".{kept}" if kept else "") + zone


def plain_domain(condition: Condition, table: Table) -> bool:
    """Whether Trino keeps this filter below the user's expressions without a barrier."""
    if table.kind == "view":
        return False
    if isinstance(condition, CompoundCondition) and condition.operator == "and":
        return all(plain_domain(part, table) for part in condition.parts)
    leaves = list(_leaves(condition))
    if len({leaf.field for leaf in leaves}) != 1:
        return False
    column = table.column(leaves[0].field)
    base = column.type.base if column else ""
    if base not in _DOMAINS or any("with" in leaf.operator for leaf in leaves):
        return False
    if any(leaf.operator == "contains" for leaf in leaves):
        return False
    negative = any(leaf.operator in {"ne", "nin"} for leaf in leaves) or _inverts(condition)
    return not (base in {"real", "double"} and negative)


def _leaves(condition: Condition) -> list[FieldCondition]:
    if isinstance(condition, FieldCondition):
        return [condition]
    return [leaf for part in condition.parts for leaf in _leaves(part)]


def _inverts(condition: Condition) -> bool:
    if isinstance(condition, FieldCondition):
        return False
    return condition.operator == "not" or any(_inverts(part) for part in condition.parts)
