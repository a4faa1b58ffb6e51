"""Each aggregate and window function in DuckDB's words.

A rule gives None where Trino has no such overload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_casts import cast_term
from gateway.sql.duckdb_decimals import quotient, unscaled
from gateway.sql.duckdb_terms import Term, at_node, cast, duck_type, raising, unsupported
from gateway.sql.typing_rules import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    FLOATS,
    INTEGERS,
    MAX_DIGITS,
    NUMERIC,
    VARCHAR,
    array_of,
    common_type,
)


@dataclass(frozen=True, slots=True)
class Place:
    """What surrounds a call: DISTINCT, ORDER BY, FILTER, WITHIN GROUP, OVER, as DuckDB text."""

    over: str = ""
    distinct: bool = False
    order: str = ""
    where: str = ""
    within: str = ""
    ignore_nulls: bool = False

    def call(self, name: str, arguments: str, extra: str = "") -> str:
        """Write the call; ``extra`` narrows FILTER."""
        inside = ("DISTINCT " if self.distinct else "") + arguments
        if self.order:
            inside += f" ORDER BY {self.order}"
        if self.ignore_nulls:
            inside += " IGNORE NULLS"
        both = " AND ".join(f"({part})" for part in (self.where, extra) if part)
        kept = f" FILTER (WHERE {both})" if both else ""
        return f"{name}({inside}){kept}{self.over}"


_SAFE_DIGITS = 28
"""A sum of ten thousand million such decimals fits."""
Rule = Callable[[list[Term], Place, exp.Expression], Term | None]
_MOMENTS = frozenset({"date", "timestamp", "time", "timestamp with time zone"})
_PLAIN = frozenset({*NUMERIC, *_MOMENTS, "varchar", "boolean", "varbinary", "uuid"})
_INTERVALS = frozenset({"interval day to second", "interval year to month"})


def _count(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) > 1:
        return None
    if place.distinct and terms[0].type.base in {"array", "map", "json"}:
        raise unsupported(f"count(DISTINCT {terms[0].type.compact()})", node)
    inside = terms[0].sql if terms else "*"
    return Term(BIGINT, place.call("count", inside), nan_free=True)


def _sum(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:  # noqa: PLR0911 - one a type
    if len(terms) != 1:
        return None
    value = terms[0]
    if value.type.base in INTEGERS:
        return Term(BIGINT, cast(place.call("sum", value.sql), BIGINT), nan_free=True)
    if value.type.base == "decimal":
        kind = DataType("decimal", (MAX_DIGITS, value.type.params[1]))
        return Term(kind, cast(place.call("sum", value.sql), kind), nan_free=True)
    if value.type.base == "double":
        return Term(DOUBLE, place.call("sum", value.sql))
    if value.type.base == "real":
        return Term(value.type, cast(place.call("sum", value.sql), value.type))
    if value.type.base in _INTERVALS:
        return Term(value.type, cast(place.call("sum", value.sql), value.type))
    return _unknown_or_none(value, node)


def _unknown_or_none(value: Term, node: exp.Expression) -> Term | None:
    if value.type.base == "unknown":
        raise unsupported("an aggregate over NULL", node)
    return None


def _avg(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1:
        return None
    value = terms[0]
    if value.type.base in INTEGERS:
        total, count = (place.call(name, value.sql) for name in ("sum", "count"))
        return Term(DOUBLE, f"(CAST({total} AS DOUBLE) / nullif({count}, 0))")
    if value.type.base in FLOATS:
        return Term(value.type, cast(place.call("avg", f"CAST({value.sql} AS DOUBLE)"), value.type))
    if value.type.base == "decimal":
        scale = value.type.params[1]
        if value.type.params[0] > _SAFE_DIGITS:
            raise unsupported(f"avg over {value.type.compact()}, whose sum may overflow", node)
        total, count = (place.call(name, value.sql) for name in ("sum", "count"))
        number = unscaled(total, MAX_DIGITS, scale)
        divisor = f"CAST(nullif({count}, 0) AS HUGEINT)"
        sql = quotient(number, divisor, value.type, overflow=value.type.params[0])
        return Term(value.type, sql, nan_free=True)
    if value.type.base in _INTERVALS:
        raise unsupported("avg over intervals", node)
    return _unknown_or_none(value, node)


def _extreme(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if len(terms) == 2:  # noqa: PLR2004 - min(x, n)
            return _several(name, terms, place, node)
        if len(terms) != 1:
            return None
        value = terms[0]
        if value.type.base in {"map", "json"}:
            return None
        if value.type.base not in _PLAIN | _INTERVALS:
            raise unsupported(f"{name} over {value.type.compact()}", node)
        place = replace(place, distinct=False)
        if value.type.base in FLOATS and not value.nan_free:
            numbers = place.call(name, value.sql, f"NOT isnan({value.sql})")
            return Term(value.type, f"coalesce({numbers}, {place.call(name, value.sql)})")
        return Term(value.type, place.call(name, value.sql), nan_free=value.nan_free)

    return rule


def _several(name: str, terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    value, count = terms
    if value.type.base not in _PLAIN - FLOATS or count.type.base not in INTEGERS:
        raise unsupported(f"{name} of several over {value.type.compact()}", node)
    if not isinstance(count.constant, int) or not 1 <= count.constant <= 1000:  # noqa: PLR2004
        raise unsupported(f"{name} of this many", node)
    if place.over:
        raise unsupported(f"{name} of several over a window", node)
    listed = place.call(name, f"{value.sql}, {count.constant}")
    return Term(array_of(value.type), cast(listed, array_of(value.type)))


def _by(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if len(terms) == 3:  # noqa: PLR2004
            raise unsupported(f"{name} of several", node)
        if len(terms) != 2:  # noqa: PLR2004
            return None
        value, key = terms
        if (
            key.type.base not in _PLAIN
            or place.distinct
            or (key.type.base in FLOATS and not key.nan_free)
        ):
            raise unsupported(f"{name} by {key.type.compact()}", node)
        # arg_max skips NULL values; a one-field row around the value is never NULL
        best = place.call(f"arg_{name[:3]}", f"struct_pack(v := {value.sql}), {key.sql}")
        return Term(value.type, f"({best}).v", nan_free=value.nan_free)

    return rule


def _boolean(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, _node: exp.Expression) -> Term | None:
        if len(terms) != 1 or terms[0].type.base != "boolean":
            return None
        return Term(BOOLEAN, place.call(name, terms[0].sql))

    return rule


def _count_if(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1 or terms[0].type.base != "boolean":
        return None
    if place.distinct:
        raise unsupported("count_if(DISTINCT …)", node)
    return Term(BIGINT, place.call("count", "*", terms[0].sql), nan_free=True)


def _deviation(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if len(terms) != 1:
            return None
        value = terms[0]
        if value.type.base not in NUMERIC:
            return _unknown_or_none(value, node)
        number = cast_term(value, DOUBLE, node)
        if number.nan_free:
            return Term(DOUBLE, place.call(name, number.sql))
        odd = place.call("count", number.sql, f"NOT isfinite({number.sql})")
        plain = place.call(name, number.sql, f"isfinite({number.sql})")
        sql = f"CASE WHEN {odd} > 0 THEN {raising('NOT_SUPPORTED', DOUBLE)} ELSE {plain} END"
        return Term(DOUBLE, sql, fallible=True)

    return rule


def _array_agg(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1:
        return None
    if place.distinct:
        raise unsupported("array_agg(DISTINCT …): its order is not defined", node)
    kind = array_of(terms[0].type)
    return Term(kind, cast(place.call("list", terms[0].sql), kind))


def _any_value(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1:
        return None
    if place.over:
        raise unsupported("any_value over a window", node)
    return Term(terms[0].type, place.call("any_value", terms[0].sql), nan_free=terms[0].nan_free)


def _bitwise(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, _node: exp.Expression) -> Term | None:
        if len(terms) != 1 or terms[0].type.base not in INTEGERS:
            return None
        return Term(BIGINT, place.call(name, cast(terms[0].sql, BIGINT)), nan_free=True)

    return rule


def _listagg(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if not terms or terms[0].type.base != "varchar" or not place.within or place.over:
        raise unsupported("listagg of this kind", node)
    if place.distinct or (len(terms) > 1 and not isinstance(terms[1].constant, str)):
        raise unsupported("listagg of this kind", node)
    separator = terms[1].sql if len(terms) > 1 else "''"
    ordered = replace(place, order=place.within)
    return Term(VARCHAR, ordered.call("string_agg", f"{terms[0].sql}, {separator}"))


def _histogram(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1:
        return None
    if terms[0].type.base not in _PLAIN - FLOATS or place.distinct or place.over:
        raise unsupported(f"histogram over {terms[0].type.compact()}", node)
    kind = DataType("map", (), ((None, terms[0].type), (None, BIGINT)))
    value = terms[0].sql
    counted = place.call("histogram", value, f"{value} IS NOT NULL")
    return Term(kind, f"CAST({counted} AS {duck_type(kind)})")


def _geometric_mean(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1 or terms[0].type.base not in NUMERIC:
        return None
    if terms[0].type.base not in INTEGERS:
        raise unsupported(f"geometric_mean over {terms[0].type.compact()}", node)
    value = f"CAST({terms[0].sql} AS DOUBLE)"
    negative = f"bool_or({terms[0].sql} <= 0)"
    if place.over or place.where or place.distinct:
        raise unsupported("geometric_mean of this kind", node)
    mean = f"exp(avg(ln(CASE WHEN {value} > 0 THEN {value} END)))"
    sql = f"CASE WHEN {negative} THEN {raising('NOT_SUPPORTED', DOUBLE)} ELSE {mean} END"
    return Term(DOUBLE, sql, fallible=True)


def _two_numbers(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if len(terms) != 2:  # noqa: PLR2004
            return None
        bases = [term.type.base for term in terms]
        if not all(term.type.base in NUMERIC for term in terms):
            return None
        if bases != ["double", "double"] or not all(term.nan_free for term in terms):
            raise unsupported(f"{name}({', '.join(bases)})", node)
        return Term(DOUBLE, place.call(name, f"{terms[0].sql}, {terms[1].sql}"))

    return rule


AGGREGATES: dict[str, Rule] = {
    "count": _count,
    "sum": _sum,
    "avg": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "min_by": _by("min_by"),
    "max_by": _by("max_by"),
    "bool_and": _boolean("bool_and"),
    "every": _boolean("bool_and"),
    "bool_or": _boolean("bool_or"),
    "count_if": _count_if,
    "stddev": _deviation("stddev_samp"),
    "stddev_samp": _deviation("stddev_samp"),
    "stddev_pop": _deviation("stddev_pop"),
    "variance": _deviation("var_samp"),
    "var_samp": _deviation("var_samp"),
    "var_pop": _deviation("var_pop"),
    "array_agg": _array_agg,
    "any_value": _any_value,
    "arbitrary": _any_value,
    "bitwise_and_agg": _bitwise("bit_and"),
    "bitwise_or_agg": _bitwise("bit_or"),
    "bitwise_xor_agg": _bitwise("bit_xor"),
    "listagg": _listagg,
    "histogram": _histogram,
    "geometric_mean": _geometric_mean,
    "covar_pop": _two_numbers("covar_pop"),
    "covar_samp": _two_numbers("covar_samp"),
}


def _ranking(name: str, kind: DataType) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if terms:
            return None
        if name != "row_number" and "ORDER BY" not in place.over:
            raise unsupported(f"{name} without ORDER BY", node)
        if " BETWEEN " in place.over or "PRECEDING" in place.over:
            raise unsupported(f"{name} with a frame", node)
        return Term(kind, cast(place.call(name, ""), kind), nan_free=True)

    return rule


def _shift(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        if not 1 <= len(terms) <= 3:  # noqa: PLR2004
            return None
        if "ORDER BY" not in place.over or "PRECEDING" in place.over:
            raise unsupported(f"{name} over this window", node)
        value, offset = terms[0], "1"
        if terms[1:]:
            if not isinstance(terms[1].constant, int):
                raise unsupported(f"{name} by an offset that is no number", node)
            if terms[1].constant < 0:
                raise at_node("INVALID_FUNCTION_ARGUMENT", "Offset must be at least 0", node)
            offset = str(terms[1].constant)
        inside = f"{value.sql}, {offset}"
        if terms[2:]:
            if common_type(terms[2].type, value.type) != value.type:
                return None
            inside += f", {cast_term(terms[2], value.type, node).sql}"
        return Term(value.type, cast(place.call(name, inside), value.type), nan_free=value.nan_free)

    return rule


def _value(name: str) -> Rule:
    def rule(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
        wanted = 2 if name == "nth_value" else 1
        if len(terms) != wanted:
            return None
        inside = terms[0].sql
        if name == "nth_value":
            if not isinstance(terms[1].constant, int):
                raise unsupported("nth_value with an offset that is no number", node)
            if terms[1].constant < 1:
                raise at_node("INVALID_FUNCTION_ARGUMENT", "Offset must be at least 1", node)
            inside += f", {terms[1].constant}"
        return Term(terms[0].type, place.call(name, inside), nan_free=terms[0].nan_free)

    return rule


def _ntile(terms: list[Term], place: Place, node: exp.Expression) -> Term | None:
    if len(terms) != 1 or not isinstance(terms[0].constant, int):
        raise unsupported("ntile of what is no number", node)
    if terms[0].constant < 1:
        raise at_node("INVALID_FUNCTION_ARGUMENT", "Buckets must be greater than 0", node)
    if "ORDER BY" not in place.over or "PRECEDING" in place.over:
        raise unsupported("ntile over this window", node)
    return Term(BIGINT, cast(place.call("ntile", str(terms[0].constant)), BIGINT), nan_free=True)


WINDOWS: dict[str, Rule] = {
    "row_number": _ranking("row_number", BIGINT),
    "rank": _ranking("rank", BIGINT),
    "dense_rank": _ranking("dense_rank", BIGINT),
    "percent_rank": _ranking("percent_rank", DOUBLE),
    "cume_dist": _ranking("cume_dist", DOUBLE),
    "lag": _shift("lag"),
    "lead": _shift("lead"),
    "first_value": _value("first_value"),
    "last_value": _value("last_value"),
    "nth_value": _value("nth_value"),
    "ntile": _ntile,
}
