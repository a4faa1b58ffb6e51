"""The allow-list: every node class, argument and value a tree may hold, as data.

The grammar cannot build anything else; this list says so a second time, for every tree
from wherever it came, and knows the functions. What is not listed is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.sql.functions import FUNCTIONS, Function
from gateway.sql.limits import MAX_TREE_DEPTH, rejected
from gateway.sql.sessionfns import SESSION_NAMES

Check = Callable[[Any], bool]

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNITS = frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
_FIELDS = _UNITS | frozenset(
    """
    QUARTER WEEK DAY_OF_MONTH DAY_OF_WEEK DOW DAY_OF_YEAR DOY YEAR_OF_WEEK YOW TIMEZONE_HOUR
    TIMEZONE_MINUTE
    """.split()  # noqa: SIM905 - a word list reads better as words
)


def _node(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    return isinstance(value, exp.Expression)


def _nodes(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    return type(value) is list and all(isinstance(item, exp.Expression) for item in value)


def _flag(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    return type(value) is bool


def _a(*kinds: type[exp.Expression]) -> Check:
    return lambda value: type(value) in kinds


def _all(*kinds: type[exp.Expression]) -> Check:
    return lambda value: type(value) is list and all(type(item) in kinds for item in value)


def _word(*words: str) -> Check:
    return lambda value: type(value) is str and value in words


def _count(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    if type(value) is exp.Literal:
        return not value.args["is_string"] and value.this.isdigit()
    return type(value) is exp.Placeholder


def _text(pattern: re.Pattern[str]) -> Check:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _name_text(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    return type(value) is str and bool(value) and "\x00" not in value


def _bound(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    return value in {"UNBOUNDED", "CURRENT ROW"} if type(value) is str else _node(value)


def _type_text(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    try:
        return type(value) is str and bool(DataType.parse(value))
    except ValueError:
        return False


_IDENTIFIER = _a(exp.Identifier)
_QUERY = (exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Values, exp.Subquery)
_RELATION = (exp.Table, exp.Subquery, exp.Unnest, exp.Lateral)
_MUST: Mapping[type, tuple[str, ...]] = {
    exp.DataType: ("kind",),
    exp.Interval: ("this", "unit"),
    exp.Ordered: ("desc",),
    exp.Unnest: ("expressions",),
    exp.WindowSpec: ("kind", "start"),
}
_BINARY: Mapping[str, Check] = {"this": _node, "expression": _node}
_TAIL: Mapping[str, Check] = {
    "with_": _a(exp.With),
    "order": _a(exp.Order),
    "limit": _a(exp.Limit),
    "offset": _a(exp.Offset),
}
_SET: Mapping[str, Check] = {
    **_TAIL,
    "this": _a(*_QUERY),
    "expression": _a(*_QUERY),
    "distinct": _flag,
}

RULES: Mapping[type, Mapping[str, Check]] = {
    exp.Select: {
        **_TAIL,
        "expressions": _nodes,
        "distinct": _a(exp.Distinct),
        "from_": _a(exp.From),
        "joins": _all(exp.Join),
        "where": _a(exp.Where),
        "group": _a(exp.Group),
        "having": _a(exp.Having),
        "windows": _all(exp.Window),
    },
    exp.Union: _SET,
    exp.Intersect: _SET,
    exp.Except: _SET,
    exp.Values: {**_TAIL, "expressions": _all(exp.Tuple)},
    exp.Subquery: {
        **_TAIL,
        "this": _a(*_QUERY, *_RELATION),
        "alias": _a(exp.TableAlias),
        "joins": _all(exp.Join),
    },
    exp.With: {"expressions": _all(exp.CTE)},
    exp.CTE: {"this": _a(*_QUERY), "alias": _a(exp.TableAlias)},
    exp.TableAlias: {"this": _IDENTIFIER, "columns": _all(exp.Identifier)},
    exp.From: {"this": _a(*_RELATION)},
    exp.Join: {
        "this": _a(*_RELATION),
        "side": _word("LEFT", "RIGHT", "FULL"),
        "kind": _word("INNER", "CROSS"),
        "on": _node,
        "using": _all(exp.Identifier),
    },
    exp.Table: {
        "this": _IDENTIFIER,
        "db": _IDENTIFIER,
        "catalog": _IDENTIFIER,
        "alias": _a(exp.TableAlias),
        "joins": _all(exp.Join),
    },
    exp.Unnest: {
        "expressions": _nodes,
        "alias": _a(exp.TableAlias),
        "offset": _flag,
        "joins": _all(exp.Join),
    },
    exp.Lateral: {
        "this": _a(exp.Subquery),
        "alias": _a(exp.TableAlias),
        "joins": _all(exp.Join),
    },
    exp.Where: {"this": _node},
    exp.Having: {"this": _node},
    exp.Group: {
        "expressions": _nodes,
        "grouping_sets": _all(exp.GroupingSets),
        "rollup": _all(exp.Rollup),
        "cube": _all(exp.Cube),
    },
    exp.GroupingSets: {"expressions": _all(exp.Tuple)},
    exp.Rollup: {"expressions": _nodes},
    exp.Cube: {"expressions": _nodes},
    exp.Order: {"this": _node, "expressions": _all(exp.Ordered)},
    exp.Ordered: {"this": _node, "desc": _flag, "nulls_first": _flag},
    exp.Limit: {"expression": _count},
    exp.Offset: {"expression": _count},
    exp.Distinct: {"expressions": _nodes},
    exp.Alias: {"this": _node, "alias": _IDENTIFIER},
    exp.Identifier: {"this": _name_text, "quoted": _flag},
    exp.Column: {
        "this": _a(exp.Identifier, exp.Star),
        "table": _IDENTIFIER,
        "db": _IDENTIFIER,
        "catalog": _IDENTIFIER,
    },
    exp.Star: {},
    exp.Dot: {"this": _node, "expression": _IDENTIFIER},
    exp.Literal: {"this": lambda value: type(value) is str, "is_string": _flag},
    exp.HexString: {"this": _text(_HEX)},
    exp.Null: {},
    exp.Boolean: {"this": _flag},
    exp.Placeholder: {},
    exp.Paren: {"this": _node},
    exp.Neg: {"this": _node},
    exp.Not: {"this": _node},
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE), _BINARY),
    **dict.fromkeys((exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Div), _BINARY),
    **dict.fromkeys((exp.Mod, exp.DPipe, exp.NullSafeEQ, exp.NullSafeNEQ), _BINARY),
    exp.Like: _BINARY,
    exp.Escape: {"this": _a(exp.Like), "expression": _node},
    exp.Is: {"this": _node, "expression": _a(exp.Null)},
    exp.Between: {"this": _node, "low": _node, "high": _node},
    exp.In: {"this": _node, "expressions": _nodes, "query": _a(exp.Subquery)},
    exp.Exists: {"this": _a(*_QUERY)},
    exp.Any: {"this": _a(exp.Subquery)},
    exp.All: {"this": _a(exp.Subquery)},
    exp.Case: {"this": _node, "ifs": _all(exp.If), "default": _node},
    exp.If: {"this": _node, "true": _node},
    exp.Coalesce: {"this": _node, "expressions": _nodes},
    exp.Nullif: _BINARY,
    exp.Cast: {"this": _node, "to": _a(exp.DataType)},
    exp.TryCast: {"this": _node, "to": _a(exp.DataType)},
    exp.DataType: {"this": lambda value: value is exp.DType.USERDEFINED, "kind": _type_text},
    exp.Extract: {"this": _a(exp.Var), "expression": _node},
    exp.Var: {"this": _word(*_FIELDS)},
    exp.AtTimeZone: {"this": _node, "zone": _a(exp.Literal, exp.Interval)},
    exp.Interval: {"this": _a(exp.Literal), "unit": _a(exp.Var, exp.IntervalSpan)},
    exp.IntervalSpan: {"this": _a(exp.Var), "expression": _a(exp.Var)},
    exp.Array: {"expressions": _nodes},
    exp.Bracket: {"this": _node, "expressions": _nodes},
    exp.Tuple: {"expressions": _nodes},
    exp.Lambda: {"this": _node, "expressions": _all(exp.Identifier)},
    exp.Anonymous: {"this": _text(_NAME), "expressions": _nodes},
    exp.Filter: {"this": _a(exp.Anonymous, exp.WithinGroup), "expression": _a(exp.Where)},
    exp.WithinGroup: {"this": _a(exp.Anonymous), "expression": _a(exp.Order)},
    exp.IgnoreNulls: {"this": _a(exp.Anonymous, exp.Filter)},
    exp.RespectNulls: {"this": _a(exp.Anonymous, exp.Filter)},
    exp.Window: {
        "this": _a(
            exp.Anonymous,
            exp.Filter,
            exp.WithinGroup,
            exp.IgnoreNulls,
            exp.RespectNulls,
            exp.Identifier,
        ),
        "partition_by": _nodes,
        "order": _a(exp.Order),
        "spec": _a(exp.WindowSpec),
        "alias": _IDENTIFIER,
        "over": _word("OVER"),
    },
    exp.WindowSpec: {
        "kind": _word("ROWS", "RANGE", "GROUPS"),
        "start": _bound,
        "start_side": _word("PRECEDING", "FOLLOWING"),
        "end": _bound,
        "end_side": _word("PRECEDING", "FOLLOWING"),
    },
}


_AROUND = (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


def check_tree(tree: exp.Expression) -> None:
    """Raise at the first node, argument, value or function that is not listed.

    Raises:
        MeshgateError: NOT_SUPPORTED, FUNCTION_NOT_FOUND, FUNCTION_NOT_WINDOW, MISSING_OVER,
            FUNCTION_NOT_AGGREGATE, QUERY_REJECTED (deeper than ``MAX_TREE_DEPTH``).

    """
    stack: list[tuple[exp.Expression, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_TREE_DEPTH:
            raise rejected("the query is nested too deeply", "name parts of it with WITH")
        _check_node(node)
        for value in node.args.values():
            if isinstance(value, exp.Expression):
                stack.append((value, depth + 1))
            elif type(value) is list:
                stack.extend((item, depth + 1) for item in value)


def _check_node(node: exp.Expression) -> None:
    rules = RULES.get(type(node))
    if rules is None or node.comments:
        _refuse(node, f"the expression {node.key.upper()}")
    required = (*node.required_args, *_MUST.get(type(node), ()))
    if any(node.args.get(key) is None for key in required):
        _refuse(node, f"this form of {node.key.upper()}")
    for key, value in node.args.items():
        if value is None or value == []:
            continue
        check = rules.get(key)
        if check is None or not check(value):
            _refuse(node, f"this form of {node.key.upper()}")
    if isinstance(node, exp.Anonymous):
        _check_call(node)
    number = isinstance(node, exp.Literal) and not node.args["is_string"]
    if number and _NUMBER.fullmatch(node.this) is None:
        _refuse(node, "this number")


def _check_call(node: exp.Anonymous) -> None:
    """Check that a function exists, may be called, and is called as its kind allows."""
    name = node.this.lower()
    if name in SESSION_NAMES:
        return
    function = FUNCTIONS.get(name)
    if function is None:
        _fail(node, "FUNCTION_NOT_FOUND", f"Function '{name}' not registered")
    if function.refused_because is not None:
        _refuse(node, f"the function {name}", function.refused_because)
    _check_kind(node, function)


def _check_kind(node: exp.Anonymous, function: Function) -> None:
    place: exp.Expression = node
    while isinstance(place.parent, _AROUND):
        place = place.parent
    windowed = isinstance(place.parent, exp.Window) and place.arg_key == "this"
    name = function.name
    if function.kind == "window" and not windowed:
        _fail(node, "MISSING_OVER", f"Window function {name} requires an OVER clause")
    if function.kind == "scalar" and windowed:
        _fail(node, "FUNCTION_NOT_WINDOW", f"Not a window function: {name}")
    special = any(isinstance(item, (exp.Distinct, exp.Order)) for item in node.expressions)
    if function.kind != "aggregate" and (special or place is not node) and not windowed:
        _fail(node, "FUNCTION_NOT_AGGREGATE", f"Function {name} is not an aggregate function")
    star = any(isinstance(item, exp.Star) for item in node.expressions)
    if star and name != "count":
        _refuse(node, f"{name}(*)", "name the columns")


def _refuse(
    node: exp.Expression, what: str, advice: str = "rewrite the query without it"
) -> NoReturn:
    _fail(node, "NOT_SUPPORTED", f"{what} is not supported: {advice}")


def _fail(node: exp.Expression, name: str, message: str) -> NoReturn:
    at = node.meta.get("at")
    line, column = at or (None, None)
    place = f"line {line}:{column}: " if at else ""
    raise MeshgateError(name, place + message, line=line, column=column)
