"""Literals: every one carries its Trino type explicitly."""

from __future__ import annotations

import re
from datetime import date, datetime, time

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.sql.duckdb_terms import Term, at_node, cast, null, text, unsupported
from gateway.sql.duckdb_writer import Writer
from gateway.sql.typing_rules import (
    BIGINT,
    BOOLEAN,
    DATE,
    DAY_INTERVAL,
    DOUBLE,
    INTEGER,
    MONTH_INTERVAL,
    REAL,
    UNKNOWN,
    VARBINARY,
    VARCHAR,
    decimal_literal,
    timestamp,
    varchar,
)

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1
_RANGES = {"tinyint": 7, "smallint": 15, "integer": 31, "bigint": 63}
_MICROS = 6
_UNITS = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000}


def literal(_writer: Writer, node: exp.Expression) -> Term:
    """Write a string or a number."""
    if node.is_string:
        return Term(varchar(len(node.this)), text(node.this), constant=node.this)
    return number(node.this, node)


def number(written: str, node: exp.Expression) -> Term:
    """Type a number by how it is written; its sign belongs to it."""
    if re.fullmatch(r"-?\d+", written):
        return _integer(int(written), node)
    if "e" in written.lower():
        return Term(DOUBLE, cast(text(written), DOUBLE), nan_free=True)
    kind = decimal_literal(written)
    if kind is None:
        raise at_node("INVALID_LITERAL", f"Invalid decimal literal: {written}", node)
    return Term(kind, cast(text(written), kind), nan_free=True)


def _integer(value: int, node: exp.Expression) -> Term:
    if not _LONG_MIN <= value <= _LONG_MAX:
        raise at_node("SYNTAX_ERROR", f"Invalid numeric literal: {value}", node)
    kind = INTEGER if _INT_MIN <= value <= _INT_MAX else BIGINT
    return Term(kind, cast(f"({value})", kind), nan_free=True, constant=value)


def boolean(_writer: Writer, node: exp.Expression) -> Term:
    """TRUE, FALSE."""
    return Term(BOOLEAN, "true" if node.this else "false")


def nothing(_writer: Writer, _node: exp.Expression) -> Term:
    """NULL has the type ``unknown``."""
    return Term(UNKNOWN, null(UNKNOWN), nan_free=True)


def octets(_writer: Writer, node: exp.Expression) -> Term:
    """``X'01ff'``."""
    digits = node.this
    if len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", digits):
        raise at_node(
            "SYNTAX_ERROR", "Hexadecimal literal must contain an even number of digits", node
        )
    return Term(VARBINARY, f"from_hex({text(digits)})")


def typed_literal(kind: DataType, word: str, written: str, node: exp.Expression) -> Term:
    """``DATE '2020-01-01'`` and its like; raises INVALID_LITERAL or NOT_SUPPORTED."""
    try:
        found = _typed(kind, written, node)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise at_node("INVALID_LITERAL", f"'{written}' is not a valid {word.upper()} literal", node)
    return found


def _typed(kind: DataType, written: str, node: exp.Expression) -> Term | None:  # noqa: PLR0911 - one line a type
    if kind.base == "decimal":
        exact = decimal_literal(written)
        return None if exact is None else Term(exact, cast(text(written), exact), nan_free=True)
    if kind.base in _RANGES:
        return _typed_integer(kind, written, node)
    if kind.base == "date":
        day = _day(written, node)
        return None if day is None else Term(DATE, f"DATE '{day}'", constant=day)
    if kind.base.startswith("timestamp"):
        return _moment(written, node)
    if kind.base == "time":
        return _clock(written, node)
    if kind.base in {"double", "real"}:
        return _float(DOUBLE if kind.base == "double" else REAL, written, node)
    if kind.base == "varchar":
        return Term(VARCHAR, text(written), constant=written)
    if kind.base == "boolean":
        if written.lower() not in {"true", "false"}:
            raise unsupported(f"literal boolean '{written}'", node)
        return Term(BOOLEAN, written.lower())
    raise unsupported(f"{kind.base} literal", node)


def _typed_integer(kind: DataType, written: str, node: exp.Expression) -> Term | None:
    if not re.fullmatch(r"[+-]?\d+", written):
        return None
    value, bits = int(written), _RANGES[kind.base]
    if not -(2**bits) <= value < 2**bits:
        return None
    _ = node
    return Term(kind, cast(f"({value})", kind), nan_free=True, constant=value)


def _float(kind: DataType, written: str, node: exp.Expression) -> Term | None:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", written):
        if written in {"NaN", "Infinity", "-Infinity", "+Infinity"}:
            spelled = text(written.removeprefix("+"))
            return Term(kind, cast(spelled, kind), nan_free=written != "NaN")
        if re.fullmatch(r"[A-Za-z+-]*", written):
            raise unsupported(f"literal {kind.base} '{written}'", node)
        return None
    return Term(kind, cast(text(written), kind), nan_free=True)


def _day(written: str, node: exp.Expression) -> str | None:
    found = re.fullmatch(r"\s*([+-]?\d+)-(\d{1,2})-(\d{1,2})\s*", written, re.ASCII)
    if not found:
        return None
    year = int(found.group(1))
    if not 1 <= year <= 9999:  # noqa: PLR2004 - the years both engines print alike
        raise unsupported("a date outside the years 1 to 9999", node)
    return date(year, int(found.group(2)), int(found.group(3))).isoformat()


def _moment(written: str, node: exp.Expression) -> Term | None:
    found = re.fullmatch(
        r"(\d+-\d{1,2}-\d{1,2})(?: (\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?)?"
        r"( .+|[+-]\d.*)?",
        written,
        re.ASCII,
    )
    if not found:
        return None
    day = _day(found.group(1), node)
    hour, minute, second = (int(found.group(index) or 0) for index in (2, 3, 4))
    fraction, zone = found.group(5) or "", (found.group(6) or "").strip()
    datetime.fromisoformat(f"{day}T{hour:02}:{minute:02}:{second:02}")
    if len(fraction) > _MICROS or (zone and zone != "UTC"):
        raise unsupported("a timestamp of more than 6 digits or of another zone than UTC", node)
    clock = f"{day} {hour:02}:{minute:02}:{second:02}.{fraction or '0'}"
    if zone:
        kind = DataType("timestamp with time zone", (len(fraction),))
        return Term(kind, f"TIMESTAMPTZ '{clock}+00'")
    return Term(timestamp(len(fraction)), f"TIMESTAMP '{clock}'")


def _clock(written: str, node: exp.Expression) -> Term | None:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,12}))?)?", written, re.ASCII)
    if not found:
        return None
    hour, minute, second = (int(found.group(index) or 0) for index in (1, 2, 3))
    fraction = found.group(4) or ""
    time(hour, minute, second)
    if len(fraction) > _MICROS:
        raise unsupported("a time of more than 6 digits", node)
    clock = f"{hour:02}:{minute:02}:{second:02}.{fraction or '0'}"
    return Term(DataType("time", (len(fraction),)), f"TIME '{clock}'")


def interval(node: exp.Interval, sign: int = 1) -> Term:
    """Write ``INTERVAL '3' DAY``: whole milliseconds, or whole months."""
    written, unit = node.this.this, node.args["unit"]
    first = (unit.this if isinstance(unit, exp.IntervalSpan) else unit).name
    last = unit.expression.name if isinstance(unit, exp.IntervalSpan) else first
    if first in {"YEAR", "MONTH"}:
        return _months(written, first, last, sign, node)
    return _millis(written, first, last, sign, node)


def _months(written: str, first: str, last: str, sign: int, node: exp.Expression) -> Term:
    pair = re.fullmatch(r"([+-]?)(\d{1,7})-(\d{1,4})", written)
    if first == "YEAR" and last == "MONTH" and pair:
        count = int(pair.group(2)) * 12 + int(pair.group(3))
        count = -count if pair.group(1) == "-" else count
    elif first == last and re.fullmatch(r"[+-]?\d{1,7}", written):
        count = int(written) * (12 if first == "YEAR" else 1)
    else:
        raise _bad_interval(written, node)
    return Term(MONTH_INTERVAL, f"CAST(({sign * count}) AS INTEGER)")


def _millis(written: str, first: str, last: str, sign: int, node: exp.Expression) -> Term:
    if first == last:
        plain = r"[+-]?\d{1,9}(\.\d{1,3})?" if first == "SECOND" else r"[+-]?\d{1,9}"
        if not re.fullmatch(plain, written):
            raise _bad_interval(written, node)
        whole, _, fraction = written.lstrip("+-").partition(".")
        count = int(whole) * _UNITS[first] + int(fraction.ljust(3, "0"))
        count = -count if written.startswith("-") else count
    else:
        count = _span(written, first, last, node)
    return Term(DAY_INTERVAL, f"CAST(({sign * count}) AS BIGINT)")


def _span(written: str, first: str, last: str, node: exp.Expression) -> int:
    names = list(_UNITS)
    names = names[names.index(first) : names.index(last) + 1]
    parts = re.split(r"[ :.]", written)
    shapes = {"DAY": r"\d{1,9} ", "HOUR": r"\d{1,9}:", "MINUTE": r"\d{1,9}:", "SECOND": r"\d{1,9}"}
    pattern = "".join(shapes[name] for name in names).rstrip(": ")
    if last == "SECOND":
        pattern += r"(\.\d{3})?"
    if not re.fullmatch(pattern, written):
        raise _bad_interval(written, node)
    count = sum(int(part) * _UNITS[name] for part, name in zip(parts, names, strict=False))
    return count + (int(parts[-1]) if len(parts) > len(names) else 0)


def _bad_interval(written: str, node: exp.Expression) -> MeshgateError:
    _ = written
    return unsupported("an interval written like this", node)


def interval_literal(_writer: Writer, node: exp.Expression) -> Term:
    """Write an interval without sign."""
    if not isinstance(node, exp.Interval):
        raise unsupported("interval", node)
    return interval(node)
