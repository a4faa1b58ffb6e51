"""Dates, times, timestamps and intervals as Trino prints them, a column at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.datatypes import DataType
from gateway.protocol.floats import calendar_date

_FIRST_DAY, _LAST_DAY = -719528, 2932896  # 0000-01-01 and 9999-12-31: what Arrow prints as Java
_MICROS, _NANOS = 6, 9
_MILLIS = 3
_DAY_SECONDS = 86_400
_DAY_MILLIS = 86_400_000
_YEAR = 12


def date_texts(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    """``2020-01-31``; years outside 0..9999 as Java writes them."""
    days = array.cast(pa.date32())
    return _rare(
        days.cast(pa.string()), days.cast(pa.int32()), 1, lambda day, _: calendar_date(day)
    )


def timestamp_texts(array: pa.Array, kind: DataType, precise: bool) -> pa.Array:  # noqa: FBT001
    """``2020-01-31 01:02:03.000004``, with `` UTC`` after an instant."""
    digits, values = _ticks(array, pa.timestamp)
    shown = kind.params[0] if precise else _MILLIS
    values = _rounded(values, digits - shown)
    unit = pa.timestamp("us" if digits == _MICROS else "ns")
    text = values.cast(unit).cast(pa.string())
    if digits == _MICROS:  # nanoseconds reach only from 1677 to 2262
        text = _rare(text, values, _DAY_SECONDS * 10**digits, _far)
    text = _fraction(text, digits, shown)
    zoned = kind.base.endswith("with time zone")
    return pc.binary_join_element_wise(text, " UTC", "") if zoned else text


def time_texts(array: pa.Array, kind: DataType, precise: bool) -> pa.Array:  # noqa: FBT001
    """``01:02:03.000004``; rounding up from the last moment gives midnight."""
    digits, values = _ticks(array, pa.time64)
    shown = kind.params[0] if precise else _MILLIS
    values = _rounded(values, digits - shown)
    day = _DAY_SECONDS * 10**digits
    values = pc.if_else(pc.greater_equal(values, day), pc.subtract(values, day), values)
    text = values.cast(pa.time64("us" if digits == _MICROS else "ns")).cast(pa.string())
    return _fraction(text, digits, shown)


def day_interval_texts(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    """``-2 03:04:05.006`` from Arrow intervals, durations, or whole milliseconds."""
    if pa.types.is_duration(array.type):
        array = array.cast(pa.duration("ms")).cast(pa.int64())
    return _texts(array, _day_interval)


def year_interval_texts(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    """``1-3`` from Arrow intervals or whole months."""
    return _texts(array, _year_interval)


def _ticks(array: pa.Array, make: Callable[[str], Any]) -> tuple[int, pa.Array]:
    """The values as whole micro- or nanoseconds, and how many digits that is."""
    if array.type.unit == "ns":
        return _NANOS, array.cast(pa.int64())
    if array.type.unit != "us":
        array = array.cast(make("us"))
    return _MICROS, array.cast(pa.int64())


def _rounded(values: pa.Array, drop: int) -> pa.Array:
    """Round half up to fewer digits; Arrow divides towards zero, so negatives are corrected."""
    if drop <= 0:
        return values
    step = 10**drop
    raised = pc.add(values, step // 2)
    whole = pc.divide(raised, step)
    below = pc.less(pc.subtract(raised, pc.multiply(whole, step)), 0)
    return pc.multiply(pc.subtract(whole, below.cast(pa.int64())), step)


def _fraction(text: pa.Array, digits: int, shown: int) -> pa.Array:
    """Keep ``shown`` of ``digits`` fraction digits (and no point before none), or add zeros."""
    if shown > digits:
        return pc.binary_join_element_wise(text, "0" * (shown - digits), "")
    if shown == digits:
        return text
    return pc.utf8_slice_codeunits(text, 0, -(digits - shown + (shown == 0)))


def _rare(
    text: pa.Array, values: pa.Array, per_day: int, far: Callable[[int, int], str]
) -> pa.Array:
    """Replace the text of values outside the years 0 to 9999."""
    outside = pc.or_(
        pc.less(values, _FIRST_DAY * per_day),
        pc.greater_equal(values, (_LAST_DAY + 1) * per_day),
    )
    outside = pc.fill_null(outside, fill_value=False)
    if not pc.any(outside).as_py():
        return text
    fixed = [far(value, value // per_day) for value in values.filter(outside).to_pylist()]
    return pc.replace_with_mask(text, outside, pa.array(fixed, pa.string()))


def _far(micros: int, day: int) -> str:
    seconds, fraction = divmod(micros - day * _DAY_SECONDS * 10**_MICROS, 10**_MICROS)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{calendar_date(day)} {hour:02d}:{minute:02d}:{second:02d}.{fraction:06d}"


def _texts(array: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    values = [None if value is None else text(value) for value in array.to_pylist()]
    return pa.array(values, pa.string())


def _day_interval(value: Any) -> str:  # noqa: ANN401 - an int or pyarrow's named tuple
    if isinstance(value, int):
        millis = value
    elif value.months:
        raise ValueError("an interval of days holds months")
    else:
        millis = value.days * _DAY_MILLIS + value.nanoseconds // 1_000_000
    days, rest = divmod(abs(millis), _DAY_MILLIS)
    seconds, milli = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{'-' if millis < 0 else ''}{days} {hour:02d}:{minute:02d}:{second:02d}.{milli:03d}"


def _year_interval(value: Any) -> str:  # noqa: ANN401 - an int or pyarrow's named tuple
    if not isinstance(value, int) and (value.days or value.nanoseconds):
        raise ValueError("an interval of months holds days")
    months = value if isinstance(value, int) else value.months
    years, rest = divmod(abs(months), _YEAR)
    return f"{'-' if months < 0 else ''}{years}-{rest}"
