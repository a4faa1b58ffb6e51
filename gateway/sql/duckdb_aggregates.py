"""Aggregates and window functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import fold
from gateway.sql.duckdb_aggregate_forms import AGGREGATES, WINDOWS, Place
from gateway.sql.duckdb_terms import Term, at_node, unsupported
from gateway.sql.duckdb_writer import Writer
from gateway.sql.functions import FUNCTIONS


@dataclass(frozen=True, slots=True)
class Call:
    """An aggregate or window call without its wrappers."""

    node: exp.Expression
    name: str
    arguments: tuple[exp.Expression, ...]
    distinct: bool = False
    order: tuple[exp.Expression, ...] = ()
    where: exp.Expression | None = None
    within: tuple[exp.Expression, ...] = ()
    ignore_nulls: bool = False


def unwrap(node: exp.Expression) -> Call:
    """Take the wrappers off a call."""
    if isinstance(node, exp.Filter):
        return replace(unwrap(node.this), where=node.expression.this)
    if isinstance(node, exp.WithinGroup):
        return replace(unwrap(node.this), within=tuple(node.expression.expressions))
    if isinstance(node, (exp.IgnoreNulls, exp.RespectNulls)):
        return replace(unwrap(node.this), ignore_nulls=isinstance(node, exp.IgnoreNulls))
    if not isinstance(node, exp.Anonymous):
        raise unsupported("a window over this expression", node)
    arguments, order, distinct = list(node.expressions), (), False
    if arguments and isinstance(arguments[-1], exp.Order):
        order = tuple(arguments[-1].expressions)
        arguments[-1] = arguments[-1].this
    if arguments and isinstance(arguments[0], exp.Distinct):
        distinct, arguments = True, list(arguments[0].expressions)
    return Call(node, str(node.this).lower(), tuple(arguments), distinct, order)


def aggregate(writer: Writer, node: exp.Expression) -> Term:
    """Write an aggregate over the rows of a group."""
    found = unwrap(node)
    scope = writer.scope
    known = FUNCTIONS.get(found.name)
    if known is None or known.kind != "aggregate":
        message = f"Filter is only valid for aggregation functions: {found.name}"
        raise at_node("FUNCTION_NOT_AGGREGATE", message, node)
    if scope.in_aggregate:
        raise at_node("NESTED_AGGREGATION", f"Cannot nest aggregation '{found.name}'", node)
    if scope.forbids:
        raise _misplaced(scope.forbids, node)
    scope.in_aggregate = True
    try:
        term = _written(writer, found, Place())
    finally:
        scope.in_aggregate = False
    scope.aggregated = True
    return term


def _misplaced(clause: str, node: exp.Expression) -> MeshgateError:
    words = "cannot contain aggregations, window functions or grouping operations"
    return at_node("EXPRESSION_NOT_SCALAR", f"{clause} {words}", node)


def _written(writer: Writer, found: Call, place: Place) -> Term:
    rule = AGGREGATES.get(found.name)
    if rule is None:
        raise unsupported(f"aggregate {found.name}", found.node)
    if found.arguments and isinstance(found.arguments[0], exp.Star):
        terms: list[Term] = []
        if found.name != "count":
            raise unsupported(f"{found.name}(*)", found.node)
    else:
        terms = writer.terms(found.arguments)
    place = replace(place, distinct=found.distinct, order=_ordering(writer, found.order))
    if found.within:
        place = replace(place, within=_ordering(writer, found.within))
    if found.where is not None:
        condition = writer.predicate(found.where, "FILTER clause")
        place = replace(place, where=condition.sql)
    if found.order and found.distinct:
        raise unsupported("DISTINCT with ORDER BY in an aggregate", found.node)
    term = rule(terms, place, found.node)
    if term is None:
        shown = ", ".join(term.type.compact() for term in terms)
        message = f"Unexpected parameters ({shown}) for function {found.name}"
        raise at_node("FUNCTION_NOT_FOUND", message, found.node)
    return term


def _ordering(writer: Writer, items: tuple[exp.Expression, ...]) -> str:
    from gateway.sql.duckdb_queries import direction  # noqa: PLC0415

    parts = []
    for item in items:
        term = writer.term(item.this)
        if term.type.base in {"array", "map", "row", "json"}:
            raise unsupported(f"ORDER BY {term.type.compact()}", item)
        parts.append(f"{term.sql}{direction(item)}")
    return ", ".join(parts)


def windowed(writer: Writer, node: exp.Expression) -> Term:
    """Write ``f(…) OVER (…)``."""
    scope = writer.scope
    found = unwrap(node.this)
    if scope.forbids:
        raise _misplaced(scope.forbids, node)
    if scope.in_aggregate:
        raise at_node("NESTED_WINDOW", "Cannot nest window functions inside aggregation", node)
    known = FUNCTIONS.get(found.name)
    if known is None or known.kind == "scalar":
        if known is None:
            raise at_node("FUNCTION_NOT_FOUND", f"Function '{found.name}' not registered", node)
        raise at_node("FUNCTION_NOT_WINDOW", f"Not a window function: {found.name}", node)
    if found.where is not None or found.distinct or found.order:
        raise at_node("NOT_SUPPORTED", "FILTER, DISTINCT or ORDER BY in a window function", node)
    place = Place(over=_over(writer, node), ignore_nulls=found.ignore_nulls)
    if known.kind == "aggregate":
        if found.ignore_nulls:
            raise unsupported("IGNORE NULLS on an aggregate", node)
        return _written(writer, found, place)
    rule = WINDOWS.get(found.name)
    if rule is None:
        raise unsupported(f"window function {found.name}", node)
    term = rule(writer.terms(found.arguments), place, found.node)
    if term is None:
        message = f"Unexpected parameters for function {found.name}"
        raise at_node("FUNCTION_NOT_FOUND", message, node)
    return term


def _over(writer: Writer, node: exp.Expression) -> str:
    name = node.args.get("alias")
    if name is not None:
        named = writer.named_windows[-1].get(fold(name.name)) if writer.named_windows else None
        if named is None or any(node.args.get(key) for key in ("partition_by", "order", "spec")):
            raise unsupported("a window built on a named one", node)
        if named.args.get("alias") is not None:
            raise unsupported("a named window built on another", node)
        node = named
    parts = []
    keys = node.args.get("partition_by") or []
    if keys:
        terms = writer.terms(keys)
        for term, key in zip(terms, keys, strict=True):
            if term.type.base in {"map", "json", "row", "array"}:
                raise unsupported(f"PARTITION BY {term.type.compact()}", key)
        parts.append("PARTITION BY " + ", ".join(term.sql for term in terms))
    order = node.args.get("order")
    if order is not None:
        parts.append("ORDER BY " + _ordering(writer, tuple(order.expressions)))
    spec = node.args.get("spec")
    if spec is not None:
        parts.append(_frame(writer, spec, order))
    return " OVER (" + " ".join(parts) + ")"


def _frame(writer: Writer, spec: exp.Expression, order: exp.Expression | None) -> str:
    kind = str(spec.args["kind"]).upper()
    keys = [writer.term(item.this) for item in order.expressions] if order is not None else []
    start = _bound(writer, spec, "start", kind, keys)
    end = _bound(writer, spec, "end", kind, keys)
    return f"{kind} BETWEEN {start} AND {end}" if end else f"{kind} {start}"


def _bound(writer: Writer, spec: exp.Expression, name: str, kind: str, keys: list[Term]) -> str:
    value, side = spec.args.get(name), spec.args.get(f"{name}_side")
    if value is None:
        return ""
    if isinstance(value, str):
        return "CURRENT ROW" if value == "CURRENT ROW" else f"{value} {side}"
    term = writer.term(value)
    if kind in {"ROWS", "GROUPS"}:
        if not isinstance(term.constant, int) or term.constant < 0:
            raise unsupported("a frame offset that is no number", spec)
        return f"{term.constant} {side}"
    key = keys[0].type if len(keys) == 1 else DataType("unknown")
    return f"{_range_offset(term, key, spec)} {side}"


def _range_offset(term: Term, key: DataType, spec: exp.Expression) -> str:
    if key.base in {"integer", "bigint"} and isinstance(term.constant, int) and term.constant >= 0:
        return str(term.constant)
    if key.base == "date" and term.type.base == "interval day to second":
        return f"to_milliseconds({term.sql})"
    if key.base == "date" and term.type.base == "interval year to month":
        return f"to_months({term.sql})"
    raise unsupported("a RANGE frame over this type", spec)
