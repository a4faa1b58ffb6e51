"""Trino's casts in DuckDB's words, one rule per pair of types; the unlisted is refused.

A rule writes the value, or NULL where Trino fails; ``cast_term`` turns that NULL into
Trino's error (CAST) or leaves it (TRY_CAST).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import (
    Term,
    at_node,
    cast,
    duck_type,
    field_name,
    let,
    null,
    raising,
    unsupported,
)
from gateway.sql.duckdb_textcasts import from_text
from gateway.sql.typing_rules import FLOATS, INTEGERS, NUMERIC

INVALID = "INVALID_CAST_ARGUMENT"
RANGE = "NUMERIC_VALUE_OUT_OF_RANGE"
_EXACT_DOUBLE, _EXACT_REAL, _SHORT = 15, 7, 18
_TRUE_FALSE = 5
_MAX_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Attempt:
    """One cast: ``sql`` gives NULL where it fails; ``error`` is the failure (None: never)."""

    sql: str
    error: str | None = None
    nan_error: str | None = None


def cast_term(
    term: Term, target: DataType, node: exp.Expression | None, *, attempt: bool = False
) -> Term:
    """Cast as CAST does, or as TRY_CAST; raises TYPE_MISMATCH or NOT_SUPPORTED."""
    source = term.type
    duck_type(target)
    if source == target:
        return Term(target, term.sql, term.fallible, term.nan_free)
    if source.base == "unknown":
        return Term(target, null(target), nan_free=True)
    rule = _rule(source, target, node)
    can_fail = rule(term.sql, source, target).error is not None

    def body(value: str) -> str:
        tried = rule(value, source, target)
        if tried.error is None or attempt:
            return tried.sql
        failure = raising(tried.error, target)
        first = f"WHEN {value} IS NULL THEN {null(target)}"
        if tried.nan_error:
            first += f" WHEN isnan({value}) THEN {raising(tried.nan_error, target)}"
        return f"CASE {first} ELSE coalesce({tried.sql}, {failure}) END"

    sql = let(term.sql, body)
    nan_free = term.nan_free or source.base not in {*FLOATS, "varchar"}
    kept = term.constant if source.base in INTEGERS and target.base in INTEGERS else None
    return Term(target, sql, (can_fail and not attempt) or term.fallible, nan_free, kept)


_Rule = Callable[[str, DataType, DataType], Attempt]


def _rule(source: DataType, target: DataType, node: exp.Expression | None) -> _Rule:
    found = _RULES.get((source.base, target.base))
    if found is None and (
        source.base in _NEVER.get(target.base, ()) or _nested_mix(source, target)
    ):
        message = f"Cannot cast {source.compact()} to {target.compact()}"
        raise at_node("TYPE_MISMATCH", message, node)
    if found is None:
        raise unsupported(f"CAST({source.compact()} AS {target.compact()})", node)
    return found


def _nested_mix(source: DataType, target: DataType) -> bool:
    nested = {"array", "map", "row"}
    if "json" in {source.base, target.base}:
        return False
    return (source.base in nested or target.base in nested) and source.base != target.base


def _refuse(source: DataType, target: DataType) -> Exception:
    return unsupported(f"CAST({source.compact()} AS {target.compact()})")


def _plain(value: str, _source: DataType, target: DataType) -> Attempt:
    return Attempt(cast(value, target))


def _integer(value: str, source: DataType, target: DataType) -> Attempt:
    if INTEGERS[source.base] <= INTEGERS[target.base]:
        return Attempt(cast(value, target))
    return Attempt(f"TRY_CAST({value} AS {duck_type(target)})", RANGE)


def _to_decimal(value: str, source: DataType, target: DataType) -> Attempt:
    precision, scale = target.params
    whole, fraction = (INTEGERS[source.base], 0) if source.base in INTEGERS else source.params
    if precision - scale >= whole - fraction and scale >= fraction:
        return Attempt(cast(value, target))
    return Attempt(f"TRY_CAST({value} AS {duck_type(target)})", INVALID)


def _decimal_integer(value: str, _source: DataType, target: DataType) -> Attempt:
    return Attempt(f"TRY_CAST({value} AS {duck_type(target)})", INVALID)


def _decimal_double(value: str, source: DataType, _target: DataType) -> Attempt:
    precision, scale = source.params
    if precision <= _EXACT_DOUBLE:
        return Attempt(f"CAST({value} AS DOUBLE)")
    if precision <= _SHORT:
        whole = f"CAST(CAST({value} AS DECIMAL(38,{scale})) * {10**scale} AS BIGINT)"
        return Attempt(f"(CAST({whole} AS DOUBLE) / CAST({10**scale} AS DOUBLE))")
    return Attempt(f"CAST(CAST({value} AS VARCHAR) AS DOUBLE)")


def _decimal_real(value: str, source: DataType, target: DataType) -> Attempt:
    if source.params[0] > _EXACT_REAL:
        raise _refuse(source, target)
    return Attempt(f"CAST({value} AS FLOAT)")


def _truth(value: str, _source: DataType, _target: DataType) -> Attempt:
    return Attempt(f"({value} <> 0)")


def _bounded(sql: str, target: DataType) -> Attempt:
    if not target.params:
        return Attempt(sql)
    kept = let(sql, lambda v: f"CASE WHEN length({v}) <= {target.params[0]} THEN {v} END")
    return Attempt(kept, INVALID)


def _integer_text(value: str, source: DataType, target: DataType) -> Attempt:
    if target.params and target.params[0] > INTEGERS[source.base]:
        return Attempt(f"CAST({value} AS VARCHAR)")
    return _bounded(f"CAST({value} AS VARCHAR)", target)


def _decimal_text(value: str, source: DataType, target: DataType) -> Attempt:
    precision, scale = source.params
    if precision == scale == _MAX_DIGITS:
        raise _refuse(source, target)
    if precision == scale:
        value = f"CAST({value} AS DECIMAL({precision + 1},{scale}))"
    return _bounded(f"CAST({value} AS VARCHAR)", target)


def _float_integer(value: str, _source: DataType, target: DataType) -> Attempt:
    tried = f"TRY_CAST(round(CAST({value} AS DOUBLE)) AS {duck_type(target)})"
    if target.base == "bigint":
        return Attempt(tried, INVALID)
    return Attempt(tried, RANGE, INVALID)


def _double_decimal(value: str, _source: DataType, target: DataType) -> Attempt:
    return Attempt(f"TRY_CAST(CAST({value} AS VARCHAR) AS {duck_type(target)})", INVALID)


def _double_real(value: str, _source: DataType, _target: DataType) -> Attempt:
    limit = (
        f"CASE WHEN {value} > 0 THEN CAST('Infinity' AS FLOAT) ELSE CAST('-Infinity' AS FLOAT) END"
    )
    known = f"coalesce(TRY_CAST({value} AS FLOAT), {limit})"
    return Attempt(f"CASE WHEN {value} IS NOT NULL THEN {known} END")


def _boolean_decimal(value: str, source: DataType, target: DataType) -> Attempt:
    if target.params[0] == target.params[1]:
        raise _refuse(source, target)
    return Attempt(f"CAST(CAST({value} AS INTEGER) AS {duck_type(target)})")


def _float_text(value: str, _source: DataType, target: DataType) -> Attempt:
    return _bounded(f"mg_m_float_text({value})", target)


def _boolean_text(value: str, source: DataType, target: DataType) -> Attempt:
    if target.params and target.params[0] < _TRUE_FALSE:
        raise _refuse(source, target)
    return Attempt(f"CAST({value} AS VARCHAR)")


def _cut(value: str, source: DataType, target: DataType) -> Attempt:
    if not target.params or (source.params and source.params <= target.params):
        return Attempt(value)
    return Attempt(f"left({value}, {target.params[0]})")


def _date_text(value: str, _source: DataType, target: DataType) -> Attempt:
    return _bounded(f"mg_m_date_text({value})", target)


def _timestamp_text(value: str, source: DataType, target: DataType) -> Attempt:
    return _bounded(f"mg_m_timestamp_text({value}, {_digits(source)})", target)


def _zoned_text(value: str, source: DataType, target: DataType) -> Attempt:
    local = f"({value} AT TIME ZONE 'UTC')"
    return _bounded(f"(mg_m_timestamp_text({local}, {_digits(source)}) || ' UTC')", target)


def _digits(kind: DataType) -> int:
    """How many characters of ``.ffffff`` a precision shows."""
    return kind.params[0] + 1 if kind.params[0] else 0


def _time_text(value: str, source: DataType, target: DataType) -> Attempt:
    shown = 8 + _digits(source)
    return _bounded(f"left(mg_m_time_text({value}), {shown})", target)


def _same_clock(value: str, source: DataType, target: DataType) -> Attempt:
    if source.params <= target.params:
        return Attempt(value)
    if source.base != "timestamp":
        raise _refuse(source, target)
    return Attempt(round_timestamp(value, target.params[0]))


def round_timestamp(value: str, precision: int) -> str:
    """Round to ``precision`` digits, halves up."""
    return f"mg_m_round_timestamp({value}, {10 ** (6 - precision)})"


def _date_timestamp(value: str, _source: DataType, _target: DataType) -> Attempt:
    return Attempt(f"CAST({value} AS TIMESTAMP)")


def _timestamp_time(value: str, source: DataType, target: DataType) -> Attempt:
    if source.params > target.params:
        raise _refuse(source, target)
    return Attempt(f"CAST({value} AS TIME)")


def _zoned_timestamp(value: str, source: DataType, target: DataType) -> Attempt:
    return _same_clock(
        f"({value} AT TIME ZONE 'UTC')", DataType("timestamp", source.params), target
    )


def _zoned_date(value: str, _source: DataType, _target: DataType) -> Attempt:
    return Attempt(f"CAST(({value} AT TIME ZONE 'UTC') AS DATE)")


def _array(value: str, source: DataType, target: DataType) -> Attempt:
    inner = element_cast("mg_e", source.children[0], target.children[0])
    return Attempt(f"list_transform({value}, lambda mg_e: {inner})")


def element_cast(name: str, source: DataType, target: DataType) -> str:
    """Write the cast of one nested value."""
    return cast_term(Term(source, name), target, None).sql


def _row(value: str, source: DataType, target: DataType) -> Attempt:
    if len(source.fields) != len(target.fields):
        raise at_node("TYPE_MISMATCH", "Cannot cast a row to one of another width", None)
    parts = [
        f"{field_name(target, number)} := "
        + element_cast(f"({value}).{field_name(source, number)}", one, other)
        for number, (one, other) in enumerate(zip(source.children, target.children, strict=True))
    ]
    packed = f"struct_pack({', '.join(parts)})"
    return Attempt(f"CASE WHEN {value} IS NULL THEN NULL ELSE {packed} END")


def _map(value: str, source: DataType, target: DataType) -> Attempt:
    one, other = source.children[0], target.children[0]
    if one != other and other.base not in INTEGERS and other.base != "varchar":
        raise _refuse(source, target)
    key = element_cast("mg_e.key", one, other)
    inner = element_cast("mg_e.value", source.children[1], target.children[1])
    entries = (
        f"list_transform(map_entries({value}), lambda mg_e: struct_pack(k := {key}, v := {inner}))"
    )
    return Attempt(f"map_from_entries({entries})")


def _binary(value: str, _source: DataType, _target: DataType) -> Attempt:
    return Attempt(f"encode({value})")


def _interval_text(value: str, source: DataType, target: DataType) -> Attempt:
    if source.base == "interval day to second":
        return _bounded(f"mg_m_day_interval_text({value})", target)
    raise _refuse(source, target)


def _text_rule(value: str, _source: DataType, target: DataType) -> Attempt:
    return Attempt(from_text(value, target), INVALID)


_FLOAT_ROWS = tuple(FLOATS)
_RULES: dict[tuple[str, str], _Rule] = {
    **{(one, other): _integer for one in INTEGERS for other in INTEGERS},
    **{(one, "decimal"): _to_decimal for one in (*INTEGERS, "decimal")},
    **{(one, other): _plain for one in (*INTEGERS, "boolean") for other in _FLOAT_ROWS},
    **{("boolean", other): _plain for other in INTEGERS},
    **{("decimal", other): _decimal_integer for other in INTEGERS},
    **{(one, "boolean"): _truth for one in NUMERIC},
    **{(one, "varchar"): _integer_text for one in INTEGERS},
    **{(one, other): _float_integer for one in _FLOAT_ROWS for other in INTEGERS},
    **{("varchar", other): _text_rule for other in (*INTEGERS, "boolean", "decimal", "real")},
    **{("varchar", other): _text_rule for other in ("double", "date", "timestamp", "uuid")},
    **{(one, one): _same_clock for one in ("timestamp", "time", "timestamp with time zone")},
    **{(one, "varchar"): _float_text for one in _FLOAT_ROWS},
    ("boolean", "decimal"): _boolean_decimal,
    ("boolean", "varchar"): _boolean_text,
    ("decimal", "double"): _decimal_double,
    ("decimal", "real"): _decimal_real,
    ("decimal", "varchar"): _decimal_text,
    ("double", "decimal"): _double_decimal,
    ("double", "real"): _double_real,
    ("real", "double"): _plain,
    ("varchar", "varchar"): _cut,
    ("varchar", "varbinary"): _binary,
    ("date", "varchar"): _date_text,
    ("date", "timestamp"): _date_timestamp,
    ("timestamp", "date"): _plain,
    ("timestamp", "time"): _timestamp_time,
    ("timestamp", "varchar"): _timestamp_text,
    ("time", "varchar"): _time_text,
    ("timestamp with time zone", "timestamp"): _zoned_timestamp,
    ("timestamp with time zone", "date"): _zoned_date,
    ("timestamp with time zone", "varchar"): _zoned_text,
    ("uuid", "varchar"): lambda value, _s, target: _bounded(f"CAST({value} AS VARCHAR)", target),
    ("interval day to second", "varchar"): _interval_text,
    ("array", "array"): _array,
    ("row", "row"): _row,
    ("map", "map"): _map,
}
_CLOCKS = ("date", "time", "timestamp", "timestamp with time zone")
_INTERVALS = ("interval day to second", "interval year to month")
_NEVER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys([*NUMERIC, "boolean"], (*_CLOCKS, *_INTERVALS, "varbinary", "uuid")),
    "date": (*NUMERIC, "boolean", "varbinary", "uuid", "time", *_INTERVALS),
    "timestamp": (*NUMERIC, "boolean", "varbinary", "uuid", *_INTERVALS),
    "varchar": ("varbinary",),
    "varbinary": (*NUMERIC, "boolean", *_CLOCKS),
}
