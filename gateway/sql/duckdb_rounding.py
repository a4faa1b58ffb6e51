"""round and truncate to a number of digits."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_decimals import rescaled, unscaled
from gateway.sql.duckdb_terms import Term, cast, duck_type, let, raising, unsupported

Form = Callable[[list[Term], DataType, exp.Expression], Term]
_MOST_DIGITS = 15


def _digits(term: Term, node: exp.Expression) -> int:
    if not isinstance(term.constant, int) or abs(term.constant) > _MOST_DIGITS:
        raise unsupported("rounding to a number of digits that is no small literal", node)
    return term.constant


def _half_away(value: str, unit: int) -> str:
    sign = f"CASE WHEN {value} < 0 THEN -1 ELSE 1 END"
    return f"((abs({value}) + {unit // 2}) // {unit} * {unit} * {sign})"


def _round_whole(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    value, digits = values[0], _digits(values[1], node)
    if digits >= 0:
        return Term(kind, value.sql, value.fallible, nan_free=True)
    whole = f"CAST({value.sql} AS HUGEINT)"
    sql = let(
        whole,
        lambda v: (
            f"CASE WHEN {v} IS NOT NULL THEN coalesce(TRY_CAST({_half_away(v, 10**-digits)} "
            f"AS {duck_type(kind)}), {raising('NOT_SUPPORTED', kind)}) END"
        ),
    )
    return Term(kind, sql, fallible=True, nan_free=True)


def _round_decimal(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    value, digits = values[0], _digits(values[1], node)
    precision, scale = value.type.params
    if digits >= scale:
        return Term(kind, cast(value.sql, kind), value.fallible, nan_free=True)
    raw = unscaled(value.sql, precision, scale)
    whole = let(raw, lambda v: _half_away(v, 10 ** (scale - digits)))
    return Term(kind, rescaled(whole, kind, overflow=precision + 1), value.fallible, nan_free=True)


def _truncate_decimal(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    value, digits = values[0], _digits(values[1], node)
    precision, scale = value.type.params
    if digits >= scale:
        return Term(kind, value.sql, value.fallible, nan_free=True)
    unit = 10 ** (scale - digits)
    whole = f"({unscaled(value.sql, precision, scale)} // {unit} * {unit})"
    return Term(kind, rescaled(whole, kind, overflow=precision), value.fallible, nan_free=True)


def _round_double(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    value, digits = values[0], _digits(values[1], node)
    factor = f"CAST('1e{digits}' AS DOUBLE)"
    sql = let(
        value.sql,
        lambda v: (
            f"CASE WHEN NOT isfinite({v}) THEN {v} WHEN abs({v} * {factor}) < 9e18 "
            f"THEN round({v} * {factor}) / {factor} "
            f"WHEN {v} IS NOT NULL THEN {raising('NOT_SUPPORTED', kind)} END"
        ),
    )
    return Term(kind, sql, fallible=True, nan_free=value.nan_free)


ROUNDING_FORMS: dict[str, Form] = {
    "round_whole": _round_whole,
    "round_decimal": _round_decimal,
    "truncate_decimal": _truncate_decimal,
    "round_double": _round_double,
}
