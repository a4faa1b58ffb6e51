"""How types and typed literals are written for each engine."""

from __future__ import annotations

import re
from typing import assert_never

from gateway.datatypes import DataType
from gateway.names import quote
from gateway.policy.model import Scalar
from gateway.sql.model import Engine

INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
FLOATS = frozenset({"real", "double"})
TZ = "timestamp with time zone"
_DUCKDB = {
    "real": "REAL",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "varbinary": "BLOB",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
    TZ: "TIMESTAMPTZ",
}
_ISO = re.compile(r"(\d{4,5}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(Z?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?")
_TEXTS = {
    "char": re.compile(r"(?s:.*)"),
    "decimal": re.compile(r"[+-]?[0-9]+([.][0-9]+)?"),
    "real": _NUMBER,
    "double": _NUMBER,
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}
_CLOCK = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?", re.ASCII)


def text_literal(value: str) -> str:
    """Quote text for either engine: ``it's`` becomes ``'it''s'``."""
    if "\x00" in value:
        raise ValueError("text of a policy holds NUL")
    return "'" + value.replace("'", "''") + "'"


def reference(alias: str, column: str) -> str:
    """Name a column: ``"alias"."column"``, bare where there is no alias (native expressions)."""
    return f"{quote(alias)}.{quote(column)}" if alias else quote(column)


def spell(kind: DataType, engine: Engine) -> str:
    """Write a type as the engine reads it; raises ValueError where it has no such type."""
    match engine:
        case "trino":
            return kind.compact()
        case "duckdb":
            return _duckdb(kind)
        case _:
            assert_never(engine)


def _duckdb(kind: DataType) -> str:
    if kind.base == "array":
        return f"{_duckdb(kind.children[0])}[]"
    if kind.base == "map":
        key, value = kind.children
        return f"MAP({_duckdb(key)}, {_duckdb(value)})"
    if kind.base == "row":
        if any(name is None for name, _ in kind.fields):
            raise ValueError("a row with unnamed fields has no DuckDB type")
        inner = ", ".join(f"{quote(name or '')} {_duckdb(child)}" for name, child in kind.fields)
        return f"STRUCT({inner})"
    if kind.base == "decimal":
        return f"DECIMAL({kind.params[0]},{kind.params[1]})"
    return _DUCKDB.get(kind.base, kind.base.upper())


def literal(value: Scalar, kind: DataType, engine: Engine) -> str:
    """Write a policy's value with exactly the column's type.

    Raises:
        ValueError: the value does not fit the type; nothing is coerced.

    """
    if kind.base == "boolean":
        return ("TRUE" if value else "FALSE") if isinstance(value, bool) else _misfit(value, kind)
    if kind.base in INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int):
            return _misfit(value, kind)
        return f"{kind.base.upper()} '{value}'"
    if not isinstance(value, str):
        return _misfit(value, kind)
    return _from_text(value, kind, engine)


def _from_text(value: str, kind: DataType, engine: Engine) -> str:
    if kind.base == "varchar":
        return text_literal(value)
    if kind.base in {"timestamp", TZ}:
        return _timestamp(value, kind, engine)
    if kind.base == "time":
        return f"TIME {text_literal(_time(value, kind))}"
    pattern = _TEXTS.get(kind.base)
    if pattern is None or not pattern.fullmatch(value):
        return _misfit(value, kind)
    if kind.base in {"char", "decimal"}:
        return f"CAST({text_literal(value)} AS {spell(kind, engine)})"
    return f"{kind.base.upper()} {text_literal(value)}"


def _timestamp(value: str, kind: DataType, engine: Engine) -> str:
    found = _ISO.fullmatch(value)
    zoned = kind.base == TZ
    if not found or bool(found.group(4)) is not zoned:
        return _misfit(value, kind)
    text = f"{found.group(1)} {found.group(2)}{_fraction(found.group(3), kind)}"
    if not zoned:
        return f"TIMESTAMP '{text}'"
    return f"TIMESTAMP '{text} UTC'" if engine == "trino" else f"TIMESTAMPTZ '{text}+00'"


def _time(value: str, kind: DataType) -> str:
    found = _CLOCK.fullmatch(value)
    return found.group(1) + _fraction(found.group(2), kind) if found else _misfit(value, kind)


def _fraction(digits: str | None, kind: DataType) -> str:
    """Pad to the column's precision, so that the literal has the column's type."""
    precision, given = kind.params[0], (digits or "").rstrip("0")
    if len(given) > precision:
        raise ValueError(f"a {kind.text()} has no {len(given)} fraction digits")
    return "." + given.ljust(precision, "0") if precision else ""


def _misfit(value: Scalar, kind: DataType) -> str:
    raise ValueError(f"a {type(value).__name__} of a policy does not fit {kind.text()}")
