"""The allow-list: every node class, argument and value a tree may hold, as data.

The grammar cannot build anything else; this list says so a second time, for every tree
from wherever it came, and knows the functions. What is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql.allowvalues import (
    FIELDS,
    HEX,
    NAME,
    NUMBER,
    Check,
    all_of,
    are_nodes,
    is_behaviour,
    is_bound,
    is_count,
    is_flag,
    is_name,
    is_node,
    is_point,
    is_share,
    is_type,
    one_of,
    text_like,
    word,
)
from gateway.sql.functions import FUNCTIONS, Function
from gateway.sql.limits import MAX_TREE_DEPTH, rejected
from gateway.sql.sessionfns import SESSION_NAMES

_IDENTIFIER = one_of(exp.Identifier)
_QUERY = (exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Values, exp.Subquery)
_RELATION = (exp.Table, exp.Subquery, exp.Unnest, exp.Lateral)
_MUST: Mapping[type, tuple[str, ...]] = {
    exp.DataType: ("kind",),
    exp.Interval: ("this", "unit"),
    exp.Ordered: ("desc",),
    exp.Unnest: ("expressions",),
    exp.WindowSpec: ("kind", "start"),
    exp.Version: ("expression",),
    exp.TableSample: ("method", "percent"),
    exp.LimitOptions: ("with_ties",),
    exp.JSONExtract: ("json_query",),
    exp.FormatJson: ("encoding",),
}
_BINARY: Mapping[str, Check] = {"this": is_node, "expression": is_node}
_TAIL: Mapping[str, Check] = {
    "with_": one_of(exp.With),
    "order": one_of(exp.Order),
    "limit": one_of(exp.Limit),
    "offset": one_of(exp.Offset),
}
_SET: Mapping[str, Check] = {
    **_TAIL,
    "this": one_of(*_QUERY),
    "expression": one_of(*_QUERY),
    "distinct": is_flag,
    "by_name": is_flag,
}
_JSON_FORMAT = word("JSON", "UTF8", "UTF16", "UTF32")
_JSON_NULLS = word("NULL ON NULL", "ABSENT ON NULL")
_JSON_INVOKED: Mapping[str, Check] = {
    "this": is_node,
    "path": one_of(exp.Literal),
    "passing": all_of(exp.Alias),
    "on_condition": one_of(exp.OnCondition),
}

RULES: Mapping[type, Mapping[str, Check]] = {
    exp.Select: {
        **_TAIL,
        "expressions": are_nodes,
        "distinct": one_of(exp.Distinct),
        "from_": one_of(exp.From),
        "joins": all_of(exp.Join),
        "where": one_of(exp.Where),
        "group": one_of(exp.Group),
        "having": one_of(exp.Having),
        "windows": all_of(exp.Window),
    },
    exp.Union: _SET,
    exp.Intersect: _SET,
    exp.Except: _SET,
    exp.Values: {**_TAIL, "expressions": all_of(exp.Tuple)},
    exp.Subquery: {
        **_TAIL,
        "this": one_of(*_QUERY, *_RELATION),
        "alias": one_of(exp.TableAlias),
        "joins": all_of(exp.Join),
        "sample": one_of(exp.TableSample),
    },
    exp.With: {"expressions": all_of(exp.CTE), "recursive": is_flag},
    exp.CTE: {"this": one_of(*_QUERY), "alias": one_of(exp.TableAlias)},
    exp.TableAlias: {"this": _IDENTIFIER, "columns": all_of(exp.Identifier)},
    exp.From: {"this": one_of(*_RELATION)},
    exp.Join: {
        "this": one_of(*_RELATION),
        "side": word("LEFT", "RIGHT", "FULL"),
        "kind": word("INNER", "CROSS"),
        "on": is_node,
        "using": all_of(exp.Identifier),
    },
    exp.Table: {
        "this": _IDENTIFIER,
        "db": _IDENTIFIER,
        "catalog": _IDENTIFIER,
        "alias": one_of(exp.TableAlias),
        "joins": all_of(exp.Join),
        "version": one_of(exp.Version),
        "sample": one_of(exp.TableSample),
    },
    exp.Version: {
        "this": word("VERSION", "TIMESTAMP"),
        "kind": word("AS OF"),
        "expression": is_point,
    },
    exp.TableSample: {"method": word("BERNOULLI", "SYSTEM"), "percent": is_share},
    exp.Unnest: {
        "expressions": are_nodes,
        "alias": one_of(exp.TableAlias),
        "offset": is_flag,
        "joins": all_of(exp.Join),
    },
    exp.Lateral: {
        "this": one_of(exp.Subquery),
        "alias": one_of(exp.TableAlias),
        "joins": all_of(exp.Join),
    },
    exp.Where: {"this": is_node},
    exp.Having: {"this": is_node},
    exp.Group: {
        "expressions": are_nodes,
        "grouping_sets": all_of(exp.GroupingSets),
        "rollup": all_of(exp.Rollup),
        "cube": all_of(exp.Cube),
        "all": word("AUTO", "DISTINCT"),
    },
    exp.GroupingSets: {"expressions": all_of(exp.Tuple)},
    exp.Rollup: {"expressions": are_nodes},
    exp.Cube: {"expressions": are_nodes},
    exp.Order: {"this": is_node, "expressions": all_of(exp.Ordered)},
    exp.Ordered: {"this": is_node, "desc": is_flag, "nulls_first": is_flag},
    exp.Limit: {"expression": is_count, "limit_options": one_of(exp.LimitOptions)},
    exp.LimitOptions: {"with_ties": is_flag},
    exp.Offset: {"expression": is_count},
    exp.Distinct: {"expressions": are_nodes},
    exp.Alias: {"this": is_node, "alias": _IDENTIFIER},
    exp.Identifier: {"this": is_name, "quoted": is_flag},
    exp.Column: {
        "this": one_of(exp.Identifier, exp.Star),
        "table": _IDENTIFIER,
        "db": _IDENTIFIER,
        "catalog": _IDENTIFIER,
    },
    exp.Star: {},
    exp.Dot: {"this": is_node, "expression": _IDENTIFIER},
    exp.Literal: {"this": lambda value: type(value) is str, "is_string": is_flag},
    exp.HexString: {"this": text_like(HEX)},
    exp.Null: {},
    exp.Boolean: {"this": is_flag},
    exp.Placeholder: {},
    exp.Paren: {"this": is_node},
    exp.Neg: {"this": is_node},
    exp.Not: {"this": is_node},
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE), _BINARY),
    **dict.fromkeys((exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Div), _BINARY),
    **dict.fromkeys((exp.Mod, exp.DPipe, exp.NullSafeEQ, exp.NullSafeNEQ), _BINARY),
    exp.Like: _BINARY,
    exp.Escape: {"this": one_of(exp.Like), "expression": is_node},
    exp.Is: {"this": is_node, "expression": one_of(exp.Null)},
    exp.Between: {"this": is_node, "low": is_node, "high": is_node},
    exp.In: {"this": is_node, "expressions": are_nodes, "query": one_of(exp.Subquery)},
    exp.Exists: {"this": one_of(*_QUERY)},
    exp.Any: {"this": one_of(exp.Subquery)},
    exp.All: {"this": one_of(exp.Subquery)},
    exp.Case: {"this": is_node, "ifs": all_of(exp.If), "default": is_node},
    exp.If: {"this": is_node, "true": is_node},
    exp.Coalesce: {"this": is_node, "expressions": are_nodes},
    exp.Nullif: _BINARY,
    exp.Cast: {"this": is_node, "to": one_of(exp.DataType)},
    exp.TryCast: {"this": is_node, "to": one_of(exp.DataType)},
    exp.DataType: {"this": lambda value: value is exp.DType.USERDEFINED, "kind": is_type},
    exp.Extract: {"this": one_of(exp.Var), "expression": is_node},
    exp.Var: {"this": word(*FIELDS)},
    exp.AtTimeZone: {"this": is_node, "zone": one_of(exp.Literal, exp.Interval)},
    exp.Interval: {"this": one_of(exp.Literal), "unit": one_of(exp.Var, exp.IntervalSpan)},
    exp.IntervalSpan: {"this": one_of(exp.Var), "expression": one_of(exp.Var)},
    exp.Array: {"expressions": are_nodes},
    exp.Bracket: {"this": is_node, "expressions": are_nodes},
    exp.Tuple: {"expressions": are_nodes},
    exp.Lambda: {"this": is_node, "expressions": all_of(exp.Identifier)},
    exp.Anonymous: {"this": text_like(NAME), "expressions": are_nodes},
    exp.Filter: {"this": one_of(exp.Anonymous, exp.WithinGroup), "expression": one_of(exp.Where)},
    exp.WithinGroup: {"this": one_of(exp.Anonymous), "expression": one_of(exp.Order)},
    exp.IgnoreNulls: {"this": one_of(exp.Anonymous, exp.Filter)},
    exp.RespectNulls: {"this": one_of(exp.Anonymous, exp.Filter)},
    exp.Window: {
        "this": one_of(
            exp.Anonymous,
            exp.Filter,
            exp.WithinGroup,
            exp.IgnoreNulls,
            exp.RespectNulls,
            exp.Identifier,
        ),
        "partition_by": are_nodes,
        "order": one_of(exp.Order),
        "spec": one_of(exp.WindowSpec),
        "first": _IDENTIFIER,
        "alias": _IDENTIFIER,
        "over": word("OVER"),
    },
    exp.WindowSpec: {
        "kind": word("ROWS", "RANGE", "GROUPS"),
        "start": is_bound,
        "start_side": word("PRECEDING", "FOLLOWING"),
        "end": is_bound,
        "end_side": word("PRECEDING", "FOLLOWING"),
    },
    exp.OverflowTruncateBehavior: {"this": one_of(exp.Literal), "with_count": is_flag},
    exp.JSONExists: _JSON_INVOKED,
    exp.JSONValue: {**_JSON_INVOKED, "returning": one_of(exp.DataType)},
    exp.JSONExtract: {
        "this": is_node,
        "expression": one_of(exp.Literal),
        "expressions": all_of(exp.Alias),
        "json_query": is_flag,
        "emits": one_of(exp.DataType),
        "variant_extract": _JSON_FORMAT,
        "option": word("WITHOUT WRAPPER", "WITH CONDITIONAL WRAPPER", "WITH UNCONDITIONAL WRAPPER"),
        "quote": word("KEEP QUOTES", "OMIT QUOTES"),
        "on_condition": one_of(exp.OnCondition),
    },
    exp.OnCondition: {"empty": is_behaviour, "error": is_behaviour},
    exp.JSONObject: {
        "expressions": all_of(exp.JSONKeyValue),
        "null_handling": _JSON_NULLS,
        "unique_keys": word("WITH UNIQUE KEYS", "WITHOUT UNIQUE KEYS"),
        "return_type": one_of(exp.DataType),
        "encoding": _JSON_FORMAT,
    },
    exp.JSONArray: {
        "expressions": are_nodes,
        "null_handling": _JSON_NULLS,
        "return_type": one_of(exp.DataType),
        "strict": _JSON_FORMAT,
    },
    exp.JSONKeyValue: _BINARY,
    exp.FormatJson: {"this": is_node, "encoding": _JSON_FORMAT},
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
    if number and NUMBER.fullmatch(node.this) is None:
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
