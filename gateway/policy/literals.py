"""Which JSON value a policy may compare with which column type, in canonical spelling."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

from gateway.datatypes import DataType
from gateway.policy.model import Scalar

MAX_BYTES = 4096
_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(?:\.(\d+))?")
_DOUBLE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,12}))?(Z?)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def fits(value: object, declared: DataType) -> bool:
    """True if ``literal`` accepts the value."""
    try:
        literal(value, declared)
    except ValueError:
        return False
    return True


def literal(value: object, declared: DataType) -> Scalar:
    """The value as this type's canonical JSON literal; ValueError if it does not fit.

    Timestamps come back as ``2026-01-31T10:00:00[.123]`` (zoned ones end in ``Z``),
    decimals, doubles, dates and UUIDs as the text given.
    """
    base = declared.base
    if base == "boolean" and isinstance(value, bool):
        return value
    if base in _BITS and isinstance(value, int) and not isinstance(value, bool):
        limit = 1 << (_BITS[base] - 1)
        if -limit <= value < limit:
            return value
    if isinstance(value, str) and _sound(value):
        return _text(value, declared)
    raise ValueError(f"value does not fit {declared.text()}")


def _sound(value: str) -> bool:
    if "\0" in value:
        return False
    try:
        return len(value.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def _text(value: str, declared: DataType) -> str:
    match declared.base:
        case "varchar":
            good = not declared.params or len(value) <= declared.params[0]
        case "decimal":
            good = _decimal_fits(value, *declared.params)
        case "double":
            good = bool(_DOUBLE.fullmatch(value)) and math.isfinite(float(value))
        case "date":
            good = _is_date(value)
        case "uuid":
            good = bool(_UUID.fullmatch(value))
        case "timestamp" | "timestamp with time zone":
            return _timestamp(value, declared)
        case _:
            good = False
    if not good:
        raise ValueError(f"value does not fit {declared.text()}")
    return value


def _decimal_fits(value: str, precision: int, scale: int) -> bool:
    parsed = _DECIMAL.fullmatch(value)
    if not parsed:
        return False
    whole, fraction = parsed.group(1).lstrip("0"), parsed.group(2) or ""
    return len(whole) <= precision - scale and len(fraction) <= scale


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _timestamp(value: str, declared: DataType) -> str:
    parsed = _TIMESTAMP.fullmatch(value)
    zoned = declared.base != "timestamp"
    if not parsed or bool(parsed.group(4)) != zoned:
        raise ValueError(f"value does not fit {declared.text()}")
    day, clock, fraction, _ = parsed.groups()
    datetime.fromisoformat(f"{day}T{clock}")
    if len(fraction or "") > declared.params[0]:
        raise ValueError(f"value is finer than {declared.text()}")
    return f"{day}T{clock}" + (f".{fraction}" if fraction else "") + ("Z" if zoned else "")
