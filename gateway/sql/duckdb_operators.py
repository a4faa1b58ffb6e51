"""Operators: logic, comparison, arithmetic, intervals."""

from __future__ import annotations

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_decimals import decimal_operation
from gateway.sql.duckdb_literals import interval, number
from gateway.sql.duckdb_terms import (
    Term,
    at_node,
    cast,
    duck_type,
    field_name,
    let,
    null,
    unsupported,
)
from gateway.sql.duckdb_writer import Rule, Writer, coerce, unify
from gateway.sql.typing_rules import (
    BOOLEAN,
    DAY_INTERVAL,
    FLOATS,
    INTEGERS,
    MONTH_INTERVAL,
    NUMERIC,
    VARCHAR,
    as_decimal,
    common_type,
    timestamp,
)

_SYMBOLS: dict[type, str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_UNORDERED = frozenset({"map", "json"})
_NESTED = frozenset({"array", "map", "row"})
_MILLIS_DAY = 86_400_000


def junction(writer: Writer, node: exp.Expression) -> Term:
    """AND, OR; a term that may fail is evaluated only where Trino reaches it."""
    word, stop = ("AND", "false") if isinstance(node, exp.And) else ("OR", "true")
    left = writer.predicate(node.this, "Logical expression term")
    right = writer.predicate(node.expression, "Logical expression term")
    other = right.sql
    if right.fallible:
        other = f"CASE WHEN {left.sql} IS NOT DISTINCT FROM {stop} THEN {stop} ELSE {other} END"
    return Term(BOOLEAN, f"({left.sql} {word} {other})", left.fallible or right.fallible)


def negation(writer: Writer, node: exp.Expression) -> Term:
    """NOT."""
    inner = writer.predicate(node.this, "Value of logical NOT expression")
    return Term(BOOLEAN, f"(NOT {inner.sql})", inner.fallible)


def comparison(writer: Writer, node: exp.Expression) -> Term:
    """Write a comparison of two values, or of one with a sub-query (ANY, ALL)."""
    symbol = _SYMBOLS[type(node)]
    if isinstance(node.expression, (exp.Any, exp.All)):
        return _quantified(writer, node, symbol)
    return compare(symbol, writer.term(node.this), writer.term(node.expression), node)


def _quantified(writer: Writer, node: exp.Expression, symbol: str) -> Term:
    word = "ANY" if isinstance(node.expression, exp.Any) else "ALL"
    left = writer.term(node.this)
    right = writer.term(node.expression.this)
    kind, (one, other) = unify([left, right], node, "Quantified comparison")
    if kind.base in FLOATS or kind.base in _NESTED or other.sql != right.sql:
        raise unsupported(f"{symbol} {word} on {kind.compact()}", node)
    return Term(BOOLEAN, f"({one.sql} {symbol} {word} {other.sql})", one.fallible)


def compare(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term:
    """Compare two typed values as Trino does."""
    kind = common_type(left.type, right.type)
    ordering = symbol in {"<", "<=", ">", ">="}
    if kind is None or (ordering and kind.base in _UNORDERED):
        message = f"Cannot apply operator: {left.type.compact()} {symbol} {right.type.compact()}"
        raise at_node("TYPE_MISMATCH", message, node)
    if kind.base in _NESTED or kind.base == "json":
        return _nested(symbol, left, right, kind, node)
    one, other = coerce(left, kind, node), coerce(right, kind, node)
    fallible = one.fallible or other.fallible
    if kind.base in FLOATS:
        return Term(BOOLEAN, float_compare(symbol, one, other), fallible)
    return Term(BOOLEAN, f"({one.sql} {symbol} {other.sql})", fallible)


def float_compare(symbol: str, one: Term, other: Term) -> str:
    """NaN: no comparison holds but ``<>``; IS DISTINCT FROM sees it equal to itself."""
    plain = f"({one.sql} {symbol} {other.sql})"
    if symbol in {"=", "<>"} and not (one.nan_free or other.nan_free):
        answer = "false" if symbol == "=" else "true"
        both = f"isnan({one.sql}) AND isnan({other.sql})"
        return f"CASE WHEN {both} THEN {answer} ELSE {plain} END"
    if symbol in {"<", "<="} and not other.nan_free:
        return f"CASE WHEN isnan({other.sql}) AND {one.sql} IS NOT NULL THEN false ELSE {plain} END"
    if symbol in {">", ">="} and not one.nan_free:
        return f"CASE WHEN isnan({one.sql}) AND {other.sql} IS NOT NULL THEN false ELSE {plain} END"
    return plain


def _nested(symbol: str, left: Term, right: Term, kind: DataType, node: exp.Expression) -> Term:
    """Rows compare field by field, three-valued; arrays and maps only where proven."""
    fallible = left.fallible or right.fallible
    if kind.base == "row" and symbol in {"=", "<>"}:
        one, other = coerce(left, kind, node), coerce(right, kind, node)
        parts = []
        for number_, child in enumerate(kind.children):
            pair = [Term(child, f"({t.sql}).{field_name(kind, number_)}") for t in (one, other)]
            parts.append(compare("=", pair[0], pair[1], node).sql)
        whole = "(" + " AND ".join(parts) + ")"
        nulls = f"{one.sql} IS NULL OR {other.sql} IS NULL"
        equal = f"CASE WHEN {nulls} THEN NULL ELSE {whole} END"
        return Term(BOOLEAN, equal if symbol == "=" else f"(NOT {equal})", fallible)
    distinct = symbol.startswith("IS")
    if kind.base == "array" and kind.children[0].base not in (_NESTED | FLOATS):
        one, other = coerce(left, kind, node), coerce(right, kind, node)
        if distinct:
            return Term(BOOLEAN, f"({one.sql} {symbol} {other.sql})", fallible)
        if symbol in {"=", "<>"}:
            equal = f"mg_m_array_equal({one.sql}, {other.sql})"
            return Term(BOOLEAN, equal if symbol == "=" else f"(NOT {equal})", fallible)
    raise unsupported(f"{symbol} on {kind.compact()}", node)


def between(writer: Writer, node: exp.Expression) -> Term:
    """BETWEEN is two comparisons."""
    value = writer.term(node.this)
    low, high = writer.term(node.args["low"]), writer.term(node.args["high"])
    kind, (one, least, most) = unify([value, low, high], node, "BETWEEN operands")
    if kind.base in _NESTED or kind.base == "json":
        raise unsupported(f"BETWEEN on {kind.compact()}", node)
    above = compare(">=", one, least, node)
    below = compare("<=", one, most, node)
    fallible = above.fallible or below.fallible
    return Term(BOOLEAN, f"({above.sql} AND {below.sql})", fallible)


def membership(writer: Writer, node: exp.Expression) -> Term:
    """IN over a list, or over a sub-query of one column."""
    value = writer.term(node.this)
    query = node.args.get("query")
    if query is not None:
        return _in_query(writer, node, value, query)
    items = writer.terms(node.expressions)
    kind, (one, *others) = unify([value, *items], node, "IN value and list items")
    fallible = any(term.fallible for term in (value, *items))
    plain = kind.base not in _NESTED and kind.base != "json"
    if plain and (kind.base not in FLOATS or all(term.nan_free for term in others)):
        listed = ", ".join(term.sql for term in others)
        return Term(BOOLEAN, f"({one.sql} IN ({listed}))", fallible)
    equal = " OR ".join(compare("=", one, term, node).sql for term in others)
    return Term(BOOLEAN, f"({equal})", fallible)


def _in_query(writer: Writer, node: exp.Expression, value: Term, query: exp.Expression) -> Term:
    inner = writer.term(query)
    kind = common_type(value.type, inner.type)
    if kind is None:
        kinds = f"{value.type.compact()} vs {inner.type.compact()}"
        message = f"value and result of subquery must be of the same type for IN: {kinds}"
        raise at_node("TYPE_MISMATCH", message, node)
    if kind.base in FLOATS or kind.base in _NESTED or kind.base == "json":
        raise unsupported(f"IN (sub-query) on {kind.compact()}", node)
    if kind != inner.type and kind.base not in {*INTEGERS, "varchar", "timestamp"}:
        raise unsupported(f"IN (sub-query) over {inner.type.compact()}", node)
    one = coerce(value, kind, node)
    return Term(BOOLEAN, f"({one.sql} IN {inner.sql})", one.fallible)


def is_null(writer: Writer, node: exp.Expression) -> Term:
    """IS NULL; a row of NULLs is not NULL."""
    if not isinstance(node.expression, exp.Null):
        raise at_node("SYNTAX_ERROR", "mismatched input after IS", node)
    value = writer.term(node.this)
    return Term(BOOLEAN, f"({value.sql} IS NULL)", value.fallible)


def like(writer: Writer, node: exp.Expression) -> Term:
    """LIKE, with or without ESCAPE."""
    escape = None
    if isinstance(node, exp.Escape):
        escape, node = writer.term(node.expression), node.this
    value, pattern = writer.term(node.this), writer.term(node.expression)
    for term in (value, pattern, *((escape,) if escape else ())):
        if term.type.base not in {"varchar", "unknown"}:
            if term.type.base == "char":
                raise unsupported("LIKE on char", node)
            message = f"LIKE expects varchar: {term.type.compact()}"
            raise at_node("TYPE_MISMATCH", message, node)
    one, shape = coerce(value, VARCHAR, node), coerce(pattern, VARCHAR, node)
    fallible = one.fallible or shape.fallible
    if escape is None:
        return Term(BOOLEAN, f"({one.sql} LIKE {shape.sql})", fallible)
    return Term(BOOLEAN, _escaped(one, pattern, escape, node), fallible)


def _escaped(value: Term, pattern: Term, escape: Term, node: exp.Expression) -> str:
    if not isinstance(escape.constant, str) or not isinstance(pattern.constant, str):
        raise unsupported("LIKE … ESCAPE with a pattern that is no literal", node)
    mark, shape = escape.constant, pattern.constant
    if len(mark) != 1:
        raise at_node("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character", node)
    rest = shape.replace(mark + mark, "").replace(mark + "%", "").replace(mark + "_", "")
    if mark in rest:
        message = "Escape character must be followed by '%', '_' or the escape character itself"
        raise at_node("INVALID_FUNCTION_ARGUMENT", message, node)
    return f"({value.sql} LIKE {pattern.sql} ESCAPE {escape.sql})"


def negative(writer: Writer, node: exp.Expression) -> Term:
    """Write a unary minus; before a number it belongs to the literal."""
    inner = node.this
    if isinstance(inner, exp.Literal) and not inner.is_string:
        return number("-" + inner.this, node)
    if isinstance(inner, exp.Interval):
        return interval(inner, sign=-1)
    value = writer.term(inner)
    if value.type.base in NUMERIC or value.type in {DAY_INTERVAL, MONTH_INTERVAL}:
        sql = f"CAST((- {value.sql}) AS {duck_type(value.type)})"
        return Term(value.type, sql, value.fallible, value.nan_free)
    message = f"Cannot negate {value.type.compact()}"
    raise at_node("TYPE_MISMATCH", message, node)


def arithmetic(writer: Writer, node: exp.Expression) -> Term:
    """``+ - * / %`` on numbers, dates and intervals."""
    left, right = writer.term(node.this), writer.term(node.expression)
    return calculate(_SYMBOLS[type(node)], left, right, node)


def calculate(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term:
    """Write an arithmetic operator on two typed values."""
    kinds = {left.type.base, right.type.base}
    if kinds <= NUMERIC:
        return _numbers(symbol, left, right, node)
    if "unknown" in kinds:
        if left.type.base in NUMERIC or right.type.base in NUMERIC:
            other = right if left.type.base == "unknown" else left
            if other.type.base != "decimal":
                return Term(other.type, null(other.type), nan_free=True)
        raise unsupported(f"{symbol} on NULL", node)
    found = _moments(symbol, left, right, node)
    if found is None:
        message = f"Cannot apply operator: {left.type.compact()} {symbol} {right.type.compact()}"
        raise at_node("TYPE_MISMATCH", message, node)
    return found


def _numbers(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term:
    kind = common_type(left.type, right.type)
    if kind is None:
        raise unsupported(f"{left.type.compact()} {symbol} {right.type.compact()}", node)
    if kind.base == "decimal":
        one, other = (coerce(t, as_decimal(t.type) or t.type, node) for t in (left, right))
        found = decimal_operation(symbol, one, other)
        if found is None:
            raise unsupported(f"{left.type.compact()} {symbol} {right.type.compact()}", node)
        return found
    one, other = coerce(left, kind, node), coerce(right, kind, node)
    fallible = one.fallible or other.fallible
    if kind.base in FLOATS:
        sql = f"CAST(({one.sql} {symbol} {other.sql}) AS {duck_type(kind)})"
        return Term(kind, sql, fallible)
    by_constant = isinstance(right.constant, int) and right.constant > 0
    if symbol in "/%":
        fallible = fallible or not by_constant
    else:
        fallible = fallible or left.constant is None or right.constant is None
    sql = f"({one.sql} {'//' if symbol == '/' else symbol} {other.sql})"
    if symbol == "%" and not by_constant:
        # the least integer % -1 overflows in DuckDB and is 0 in Java
        sql = f"CASE WHEN {other.sql} = -1 THEN {one.sql} & 0 ELSE {sql} END"
    return Term(kind, cast(sql, kind), fallible, nan_free=True)


def _moments(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term | None:
    intervals = {DAY_INTERVAL, MONTH_INTERVAL}
    if symbol == "+" and left.type in intervals and right.type not in intervals:
        left, right = right, left
    if left.type in intervals and right.type == left.type and symbol in "+-":
        sql = cast(f"({left.sql} {symbol} {right.sql})", left.type)
        return Term(left.type, sql, left.fallible or right.fallible)
    if symbol == "*" and right.type in intervals:
        left, right = right, left
    if left.type in intervals and symbol in "*/" and right.type.base in NUMERIC:
        return _scaled(symbol, left, right, node)
    if right.type in intervals and symbol in "+-":
        return _shifted(symbol, left, right, node)
    clocks = {"date", "timestamp", "time", "timestamp with time zone"}
    if symbol == "-" and left.type.base in clocks:
        return _difference(left, right, node)
    return None


def _scaled(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term:
    unsafe = symbol == "/" and not (isinstance(right.constant, int) and right.constant)
    if right.type.base not in INTEGERS or unsafe:
        raise unsupported(f"{left.type.compact()} {symbol} {right.type.compact()}", node)
    word = "//" if symbol == "/" else symbol
    sql = cast(f"({left.sql} {word} {right.sql})", left.type)
    return Term(left.type, sql, left.fallible or right.fallible)


def _shifted(symbol: str, left: Term, right: Term, node: exp.Expression) -> Term | None:
    """Add an interval to a date or timestamp; to a date only whole days."""
    base, fallible = left.type.base, left.fallible or right.fallible
    if base not in {"date", "timestamp"}:
        if base == "time" or base.endswith("zone"):
            raise unsupported(f"{left.type.compact()} {symbol} {right.type.compact()}", node)
        return None
    amount = right.sql if symbol == "+" else f"(- {right.sql})"
    if right.type == MONTH_INTERVAL:
        moved = f"({left.sql} + to_months(CAST({amount} AS INTEGER)))"
        return Term(left.type, cast(moved, left.type), fallible)
    if base == "date":
        whole = let(
            amount,
            lambda v: (
                f"CASE WHEN {v} % {_MILLIS_DAY} = 0 THEN CAST({v} // {_MILLIS_DAY} AS INTEGER) "
                f"WHEN {v} IS NOT NULL THEN CAST('MG:INVALID_FUNCTION_ARGUMENT' AS INTEGER) END"
            ),
        )
        return Term(left.type, f"({left.sql} + {whole})", fallible=True)
    kind = timestamp(max(3, left.type.params[0]))
    return Term(kind, f"({left.sql} + to_milliseconds({amount}))", fallible)


def _difference(left: Term, right: Term, node: exp.Expression) -> Term | None:
    kind = common_type(left.type, right.type)
    if kind is None or kind.base not in {"date", "timestamp"}:
        if kind is None and right.type.base not in {"time", "timestamp with time zone"}:
            return None
        raise unsupported(f"{left.type.compact()} - {right.type.compact()}", node)
    one, other = coerce(left, kind, node), coerce(right, kind, node)
    if kind.base == "date":
        return Term(DAY_INTERVAL, f"(CAST(({one.sql} - {other.sql}) AS BIGINT) * {_MILLIS_DAY})")
    if kind.params[0] > 3:  # noqa: PLR2004 - milliseconds
        raise unsupported(f"difference of {kind.compact()}", node)
    return Term(DAY_INTERVAL, f"((epoch_us({one.sql}) - epoch_us({other.sql})) // 1000)")


def concatenation(writer: Writer, node: exp.Expression) -> Term:
    """Write ``||`` as the function ``concat`` that Trino makes of it."""
    call = exp.Anonymous(this="concat", expressions=[node.this, node.expression])
    call.meta.update(node.meta)
    return writer.term(call)


_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
OPERATORS: dict[type, Rule] = {
    exp.And: junction,
    exp.Or: junction,
    exp.Not: negation,
    **dict.fromkeys(_COMPARISONS, comparison),
    **dict.fromkeys(_ARITHMETIC, arithmetic),
    exp.Between: between,
    exp.In: membership,
    exp.Is: is_null,
    exp.Like: like,
    exp.Escape: like,
    exp.Neg: negative,
    exp.DPipe: concatenation,
}
