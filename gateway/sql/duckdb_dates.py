"""Date functions whose unit or format is a constant."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import Term, at_node, let, raising, text, unsupported

Form = Callable[[list[Term], DataType, exp.Expression], Term]
_DAYS = ("day", "week", "month", "quarter", "year")
_CLOCK = ("millisecond", "second", "minute", "hour")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAY_COUNTS = {"day": 1, "week": 7}
_MILLIS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000}
_LIMITS = {"day": 4_000_000, "week": 600_000, "month": 120_000, "quarter": 40_000, "year": 10_000}
_MILLI_DIGITS = 3


def _unit(term: Term, allowed: tuple[str, ...], node: exp.Expression) -> str:
    if not isinstance(term.constant, str):
        raise unsupported("a date unit that is no literal", node)
    unit = term.constant.lower()
    if unit not in allowed:
        message = f"'{term.constant}' is not a valid field"
        raise at_node("INVALID_FUNCTION_ARGUMENT", message, node)
    return unit


def _truncate_date(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS, node)
    sql = f"CAST(date_trunc('{unit}', {values[1].sql}) AS DATE)"
    return Term(kind, sql, values[1].fallible)


def _truncate_timestamp(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS + _CLOCK, node)
    sql = f"CAST(date_trunc('{unit}', {values[1].sql}) AS TIMESTAMP)"
    return Term(kind, sql, values[1].fallible)


def _moved(unit: str, amount: str, start: str, target: str, kind: DataType) -> str:
    """Move a date or timestamp; far beyond both engines' years is refused."""
    if unit in _MONTHS:
        moved = f"{start} + to_months(CAST({amount} * {_MONTHS[unit]} AS INTEGER))"
    elif target == "DATE":
        moved = f"{start} + CAST({amount} * {_DAY_COUNTS[unit]} AS INTEGER)"
    elif unit in _DAY_COUNTS:
        moved = f"{start} + to_days(CAST({amount} * {_DAY_COUNTS[unit]} AS INTEGER))"
    else:
        moved = f"{start} + to_milliseconds({amount} * {_MILLIS[unit]})"
    limit = _LIMITS.get(unit, 300_000_000_000_000 // _MILLIS.get(unit, 1))
    known = f"{amount} IS NOT NULL AND {start} IS NOT NULL"
    return (
        f"CASE WHEN abs({amount}) <= {limit} THEN CAST(({moved}) AS {target}) "
        f"WHEN {known} THEN {raising('NOT_SUPPORTED', kind)} END"
    )


def _add_date(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS, node)
    start = values[2].sql
    sql = let(values[1].sql, lambda amount: _moved(unit, amount, start, "DATE", kind))
    return Term(kind, sql, fallible=True)


def _add_timestamp(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS + _CLOCK, node)
    start = values[2].sql
    if unit == "millisecond" and kind.params[0] < _MILLI_DIGITS:
        raise unsupported(f"date_add of milliseconds to {kind.compact()}", node)
    sql = let(values[1].sql, lambda amount: _moved(unit, amount, start, "TIMESTAMP", kind))
    return Term(kind, sql, fallible=True)


def _difference(unit: str, one: str, other: str, kind: DataType) -> Term:
    return Term(kind, f"date_sub('{unit}', {one}, {other})", nan_free=True)


def _diff_date(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    return _difference(_unit(values[0], _DAYS, node), values[1].sql, values[2].sql, kind)


def _diff_timestamp(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS + _CLOCK, node)
    return _difference(unit, values[1].sql, values[2].sql, kind)


def _diff_zoned(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    unit = _unit(values[0], _DAYS + _CLOCK, node)
    one, other = (f"({value.sql} AT TIME ZONE 'UTC')" for value in values[1:])
    return _difference(unit, one, other, kind)


# MySQL's letters, as date_format knows them; the others it knows are errors or text
_FORMATS = {
    "a": "%a",
    "b": "%b",
    "c": "%-m",
    "d": "%d",
    "e": "%-d",
    "f": "%f",
    "H": "%H",
    "h": "%I",
    "I": "%I",
    "i": "%M",
    "j": "%j",
    "k": "%-H",
    "l": "%-I",
    "M": "%B",
    "m": "%m",
    "p": "%p",
    "r": "%I:%M:%S %p",
    "S": "%S",
    "s": "%S",
    "T": "%H:%M:%S",
    "v": "%V",
    "W": "%A",
    "x": "%G",
    "Y": "%Y",
    "y": "%y",
    "%": "%%",
}
_UNSUPPORTED_FORMATS = frozenset("DUuVwX")


def _date_format(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    layout = values[1].constant
    if not isinstance(layout, str):
        raise unsupported("date_format with a format that is no literal", node)
    out, letters = "", iter(layout)
    for letter in letters:
        if letter != "%":
            out += letter
            continue
        code = next(letters, None)
        if code is None:
            raise unsupported("date_format ending in %", node)
        if code in _UNSUPPORTED_FORMATS:
            message = f"%{code} not supported in date format string"
            raise at_node("INVALID_FUNCTION_ARGUMENT", message, node)
        out += _FORMATS.get(code, code)
    return _formatted(values[0], out, kind)


def _formatted(value: Term, layout: str, kind: DataType) -> Term:
    sql = let(
        value.sql,
        lambda v: (
            f"CASE WHEN year({v}) BETWEEN 1 AND 9999 THEN strftime({v}, {text(layout)}) "
            f"WHEN {v} IS NOT NULL THEN {raising('NOT_SUPPORTED', kind)} END"
        ),
    )
    return Term(kind, sql, fallible=True)


_JODA = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "MM": "%m",
    "M": "%-m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "d": "%-d",
    "HH": "%H",
    "H": "%-H",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "EEE": "%a",
    "EEEE": "%A",
}


def _format_datetime(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    layout = values[1].constant
    if not isinstance(layout, str) or not layout or "'" in layout or not layout.isascii():
        raise unsupported("format_datetime with this format", node)
    out, start = "", 0
    while start < len(layout):
        end = start
        while end < len(layout) and layout[end] == layout[start]:
            end += 1
        run = layout[start:end]
        if run[0].isalpha():
            if run not in _JODA:
                raise unsupported(f"format_datetime with {run}", node)
            run = _JODA[run]
        elif "%" in run:
            raise unsupported("format_datetime with %", node)
        out += run
        start = end
    return _formatted(values[0], out, kind)


def _iso_timestamp(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    digits = values[0].type.params[0]
    shown = digits + 1 if digits else 0
    return Term(kind, f"replace(mg_m_timestamp_text({values[0].sql}, {shown}), ' ', 'T')")


DATE_FORMS: dict[str, Form] = {
    "truncate_date": _truncate_date,
    "truncate_timestamp": _truncate_timestamp,
    "add_date": _add_date,
    "add_timestamp": _add_timestamp,
    "diff_date": _diff_date,
    "diff_timestamp": _diff_timestamp,
    "diff_zoned": _diff_zoned,
    "date_format": _date_format,
    "format_datetime": _format_datetime,
    "iso_timestamp": _iso_timestamp,
}
