"""Exact decimal arithmetic. DuckDB's own division of decimals is a division of doubles."""

from __future__ import annotations

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import Term, duck_type, let, let_two, raising
from gateway.sql.typing_rules import MAX_DIGITS, arithmetic

_SHORT = 18
_DIRECT = 37


def decimal_operation(operator: str, left: Term, right: Term) -> Term | None:
    """``+ - * / %`` of two decimals, None where Trino has no such type."""
    kind = arithmetic(operator, left.type, right.type)
    if kind is None:
        return None
    if operator == "*":
        return Term(
            kind, _product(left, right, kind), left.fallible or right.fallible, nan_free=True
        )
    if operator == "/":
        sql = divide(left.sql, left.type, right.sql, right.type, kind)
        return Term(kind, sql, fallible=True, nan_free=True)
    (p1, s1), (p2, s2) = left.type.params, right.type.params
    scale = max(s1, s2)
    width = max(p1 - s1, p2 - s2) + scale + (operator != "%")
    shared = DataType("decimal", (min(MAX_DIGITS, width), scale))
    one, other = (_widened(term, shared, exact=width <= MAX_DIGITS) for term in (left, right))
    sql = f"CAST(({one} {operator} {other}) AS {duck_type(kind)})"
    fallible = operator == "%" or left.fallible or right.fallible
    return Term(kind, sql, fallible, nan_free=True)


def _widened(term: Term, shared: DataType, *, exact: bool) -> str:
    """Give an operand the result's scale; where digits may not suffice, Trino overflows."""
    if exact:
        return f"CAST({term.sql} AS {duck_type(shared)})"
    return let(
        term.sql,
        lambda v: (
            f"CASE WHEN {v} IS NOT NULL THEN coalesce(TRY_CAST({v} AS {duck_type(shared)}), "
            f"{raising('NUMERIC_VALUE_OUT_OF_RANGE', shared)}) END"
        ),
    )


def _product(left: Term, right: Term, kind: DataType) -> str:
    """Multiply; one operand is widened because DuckDB keeps two short ones short."""
    (p1, s1), (p2, _) = left.type.params, right.type.params
    one = left.sql
    if p1 + p2 > _SHORT and max(p1, p2) <= _SHORT:
        one = f"CAST({one} AS DECIMAL({_SHORT + 1},{s1}))"
    return f"CAST(({one} * {right.sql}) AS {duck_type(kind)})"


def divide(one: str, left: DataType, other: str, right: DataType, kind: DataType) -> str:
    """Write ``one / other`` rounded half away from zero; zero divisors raise."""
    (p1, s1), (p2, s2) = left.params, right.params
    shift = kind.params[1] - s1 + s2
    short = p1 + shift <= _SHORT and p1 + s1 <= _SHORT and p2 + s2 <= _SHORT
    number = f"({unscaled(one, p1, s1, short=short)} * {_power(shift, short=short)})"
    return quotient(number, unscaled(other, p2, s2, short=short), kind, overflow=p1 + shift)


def quotient(number: str, divisor: str, kind: DataType, *, overflow: int) -> str:
    """Write ``number // divisor`` half away from zero as ``kind``; both are whole numbers.

    ``overflow`` is the most digits the quotient can have.
    """

    def rounded(n: str, d: str) -> str:
        sign = f"CASE WHEN ({n} < 0) = ({d} < 0) THEN 1 ELSE -1 END"
        up = f"CASE WHEN abs({n} % {d}) >= abs({d}) - abs({n} % {d}) THEN {sign} ELSE 0 END"
        return f"({n} // {d} + {up})"

    whole = let_two(number, divisor, rounded)
    return rescaled(whole, kind, overflow=overflow)


def rescaled(whole: str, kind: DataType, *, overflow: int) -> str:
    """Read a whole number as the unscaled value of a decimal."""
    precision, scale = kind.params
    wide = f"CAST({whole} AS DECIMAL({MAX_DIGITS},0))"
    if overflow > MAX_DIGITS:
        wide = let(
            whole,
            lambda q: (
                f"CASE WHEN {q} IS NOT NULL THEN coalesce(TRY_CAST({q} AS DECIMAL(38,0)), "
                f"{raising('NOT_SUPPORTED', DataType('decimal', (38, 0)))}) END"
            ),
        )
    if not scale:
        return f"CAST({wide} AS DECIMAL({precision},0))"
    unit = "0." + "0" * (scale - 1) + "1"
    return f"CAST(({wide} * CAST('{unit}' AS DECIMAL({scale},{scale}))) AS {duck_type(kind)})"


def unscaled(sql: str, precision: int, scale: int, *, short: bool = False) -> str:
    """Write a decimal's unscaled value: BIGINT if ``short``, else HUGEINT."""
    whole = "BIGINT" if short else "HUGEINT"
    if not scale:
        return f"CAST({sql} AS {whole})"
    if short:
        narrow = f"CAST({sql} AS DECIMAL(18,{scale}))"
        return f"CAST(({narrow} * CAST({10**scale} AS DECIMAL(18,0))) AS BIGINT)"
    power = f"CAST({10**scale} AS DECIMAL(38,0))"
    if precision + scale <= _DIRECT:
        return f"CAST((CAST({sql} AS DECIMAL(38,{scale})) * {power}) AS HUGEINT)"
    return let(
        sql,
        lambda v: (
            f"(CAST(trunc({v}) AS HUGEINT) * CAST({10**scale} AS HUGEINT) "
            f"+ CAST((({v} - trunc({v})) * {power}) AS HUGEINT))"
        ),
    )


def _power(digits: int, *, short: bool) -> str:
    return f"CAST('{10**digits}' AS {'BIGINT' if short else 'HUGEINT'})"
