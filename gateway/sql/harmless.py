"""Expressions that cannot fail, whatever row they are computed for: as data.

Comparisons with short literals, and count, sum and avg of bare columns. What is not listed
may fail: a quotient, a cast, a function, a sub-query of one value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.shapes import constant, unwrapped

_AGGREGATES = frozenset({"count", "sum", "avg"})
_NUMBER = re.compile(r"[0-9]{0,18}(?:\.[0-9]{0,6})?(?:[eE][+-]?[0-9]{1,3})?")
_TYPED = frozenset(
    """
    bigint boolean date double integer real smallint timestamp tinyint uuid varchar
    """.split()  # noqa: SIM905 - a word list reads better as words
) | {"timestamp with time zone"}


def harmless(node: exp.Expression) -> bool:
    """Whether an expression is one of the listed kinds, in a form that cannot fail."""
    keys = _NODES.get(type(node))
    if keys is None:
        return False
    given = {
        key
        for key, value in node.args.items()
        if value is not None and value is not False and value != []
    }
    check = _CHECKS.get(type(node))
    return given <= keys and (check is None or check(node))


def _short(node: exp.Expression) -> bool:
    """Whether a literal has so few digits that every type it meets can hold it."""
    return node.is_string or _NUMBER.fullmatch(node.this) is not None


def _typed(node: exp.Expression) -> bool:
    """Whether it is a typed literal; a DECIMAL is as short as other numbers."""
    if not constant(node):
        return False
    base = DataType.parse(node.args["to"].args["kind"]).base
    if base == "decimal":
        return _NUMBER.fullmatch(node.this.this.strip().lstrip("+-")) is not None
    return base in _TYPED


def _value(node: exp.Expression) -> bool:
    return isinstance(unwrapped(node), (exp.Column, exp.Anonymous))


def _call(node: exp.Expression) -> bool:
    """``count(*)``, or count, sum and avg of one bare column; DISTINCT for count alone."""
    name = node.this.lower()
    if name not in _AGGREGATES or len(node.expressions) != 1 or node.meta.get("keyword"):
        return False
    (argument,) = node.expressions
    if name == "count" and isinstance(argument, exp.Distinct):
        return len(argument.expressions) == 1 and isinstance(argument.expressions[0], exp.Column)
    return isinstance(argument, exp.Column) or (name == "count" and isinstance(argument, exp.Star))


def _comparison(node: exp.Expression) -> bool:
    one, other = node.this, node.expression
    return (_value(one) and constant(other)) or (constant(one) and _value(other))


def _listed(node: exp.Expression) -> bool:
    return _value(node.this) and all(map(constant, node.expressions))


def _ranged(node: exp.Expression) -> bool:
    return _value(node.this) and constant(node.args["low"]) and constant(node.args["high"])


def _grouped(node: exp.Expression) -> bool:
    return all(isinstance(unwrapped(item), (exp.Column, exp.Literal)) for item in node.expressions)


def _relation(node: exp.Expression) -> bool:
    """A sub-query as a relation or an operand: never inside an expression."""
    place = node.parent
    return place is None or isinstance(place, (exp.From, exp.SetOperation, exp.Subquery, exp.CTE))


def _pattern(node: exp.Expression) -> bool:
    pattern = unwrapped(node.expression)
    text = isinstance(pattern, exp.Literal) and pattern.is_string
    return text and isinstance(unwrapped(node.this), exp.Column)


_TAIL = frozenset({"with_", "order", "limit", "offset"})
_BOTH = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
_SET = _TAIL | _BOTH | {"distinct"}
_SELECT = frozenset({"expressions", "distinct", "from_", "where", "group", "having"})
_NODES: Mapping[type[exp.Expression], frozenset[str]] = MappingProxyType(
    {
        exp.Select: _TAIL | _SELECT,
        exp.Union: _SET,
        exp.Intersect: _SET,
        exp.Except: _SET,
        exp.Subquery: _TAIL | {"this", "alias"},
        exp.With: frozenset({"expressions"}),
        exp.CTE: frozenset({"this", "alias"}),
        exp.TableAlias: frozenset({"this", "columns"}),
        exp.From: _ONE,
        exp.Table: frozenset({"this", "db", "catalog", "alias"}),
        exp.Where: _ONE,
        exp.Having: _ONE,
        exp.Group: frozenset({"expressions"}),
        exp.Order: frozenset({"expressions"}),
        exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
        exp.Limit: frozenset({"expression"}),
        exp.Offset: frozenset({"expression"}),
        exp.Distinct: frozenset({"expressions"}),
        exp.Alias: frozenset({"this", "alias"}),
        exp.Identifier: frozenset({"this", "quoted"}),
        exp.Column: frozenset({"this", "table"}),
        exp.Star: frozenset(),
        exp.Literal: frozenset({"this", "is_string"}),
        exp.Null: frozenset(),
        exp.Boolean: _ONE,
        exp.Paren: _ONE,
        exp.Neg: _ONE,
        exp.Not: _ONE,
        exp.And: _BOTH,
        exp.Or: _BOTH,
        **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _BOTH),
        exp.Like: _BOTH,
        exp.Is: _BOTH,
        exp.Between: frozenset({"this", "low", "high"}),
        exp.In: frozenset({"this", "expressions"}),
        exp.Cast: frozenset({"this", "to"}),
        exp.DataType: frozenset({"this", "kind"}),
        exp.Anonymous: frozenset({"this", "expressions"}),
    }
)
_CHECKS: Mapping[type[exp.Expression], Callable[[exp.Expression], bool]] = MappingProxyType(
    {
        exp.Select: _relation,
        exp.Subquery: _relation,
        exp.Group: _grouped,
        exp.Anonymous: _call,
        exp.Neg: constant,
        exp.Cast: _typed,
        exp.Literal: _short,
        **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _comparison),
        exp.Like: _pattern,
        exp.Is: lambda node: _value(node.this),
        exp.Between: _ranged,
        exp.In: _listed,
    }
)
