"""Trino types as JDBC describes them (``java.sql.Types``), for ``system.jdbc``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from gateway.datatypes import MAX_VARCHAR, DataType

_JAVA_OBJECT, _ARRAY = 2000, 2003
_CODES = {
    "boolean": 16,
    "bigint": -5,
    "integer": 4,
    "smallint": 5,
    "tinyint": -6,
    "real": 7,
    "double": 8,
    "decimal": 3,
    "varchar": 12,
    "char": 1,
    "varbinary": -3,
    "date": 91,
    "time": 92,
    "time with time zone": 2013,
    "timestamp": 93,
    "timestamp with time zone": 2014,
    "array": _ARRAY,
}
_SIZES = {
    "bigint": 19,
    "integer": 10,
    "smallint": 5,
    "tinyint": 3,
    "real": 24,
    "double": 53,
    "varbinary": MAX_VARCHAR,
    "date": 14,
}
# digits, separators and signs around the fraction; the longest zone name has 32 characters
_TIME_SIZES = {
    "time": 8,
    "time with time zone": 8 + 6,
    "timestamp": 1 + 5 + 15,
    "timestamp with time zone": 1 + 6 + 15 + 1 + 32,
}
_WHOLE = frozenset(["bigint", "integer", "smallint", "tinyint", "decimal"])
_FLOATING = frozenset(["real", "double"])
_DECIMAL_RADIX, _BINARY_RADIX = 10, 2
_SEARCHABLE, _NOT_SEARCHABLE = 3, 0
_NULLABLE = 1


@dataclass(frozen=True, slots=True)
class JdbcType:
    """What ``getColumns`` tells of one type; None where JDBC has nothing to say."""

    code: int
    text: str
    size: int | None
    digits: int | None
    radix: int | None
    octets: int | None


@cache
def jdbc_type(kind: DataType) -> JdbcType:
    """Describe one Trino type."""
    return JdbcType(
        _CODES.get(kind.base, _JAVA_OBJECT),
        kind.display(),
        _size(kind),
        _digits(kind),
        _radix(kind),
        _octets(kind),
    )


def _size(kind: DataType) -> int | None:
    if kind.base in {"varchar", "char"}:
        return kind.params[0] if kind.params else MAX_VARCHAR
    if kind.base == "decimal":
        return kind.params[0]
    if kind.base in _TIME_SIZES:
        fraction = kind.params[0]
        return _TIME_SIZES[kind.base] + min(fraction, 1) + fraction
    return _SIZES.get(kind.base)


def _digits(kind: DataType) -> int | None:
    if kind.base == "decimal":
        return kind.params[1]
    return kind.params[0] if kind.base in _TIME_SIZES else None


def _radix(kind: DataType) -> int | None:
    if kind.base in _WHOLE:
        return _DECIMAL_RADIX
    return _BINARY_RADIX if kind.base in _FLOATING else None


def _octets(kind: DataType) -> int | None:
    return _size(kind) if kind.base in {"varchar", "char", "varbinary"} else None


# The types that can stand in SQL; Trino's internal ones (patterns, paths) are left out.
_PLAIN = ("unknown", "boolean", "bigint", "integer", "smallint", "tinyint", "double", "real")
_OTHERS = ("varbinary", "date", "json", "uuid", "interval year to month", "interval day to second")
_PARAMETRIC = ("varchar", "char", "decimal", "row", "array", "map", "time", "timestamp")
_ZONED = ("time with time zone", "timestamp with time zone")


def type_rows() -> list[tuple[object, ...]]:
    """The rows of ``system.jdbc.types``."""
    plain = [_plain_row(DataType(name)) for name in (*_PLAIN, *_OTHERS)]
    return plain + [_parametric_row(name) for name in (*_PARAMETRIC, *_ZONED)]


def _plain_row(kind: DataType) -> tuple[object, ...]:
    found = jdbc_type(kind)
    return (
        *(kind.display(), found.code, found.size, None, None, None, _NULLABLE, False),
        *(_SEARCHABLE, None, False, None, None, 0, 0, None, None, found.radix),
    )


def _parametric_row(name: str) -> tuple[object, ...]:
    code = _ARRAY if name == "array" else _JAVA_OBJECT
    return (
        *(name, code, None, None, None, None, _NULLABLE, False),
        *(_NOT_SEARCHABLE, None, False, None, None, 0, 0, None, None, None),
    )
