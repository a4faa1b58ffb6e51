"""Casts from text: what Trino's parsers accept, nothing else; NULL where Trino fails.

Text that Trino may read in a way not proven here (digits of other scripts, far years,
hexadecimal floats, zones) raises NOT_SUPPORTED when it is met.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import duck_type, raising, text

_BLANK = r"[ \t\n\f\r]*"
_WHOLE = rf"{_BLANK}[+-]?\d+{_BLANK}"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)"
_DECIMAL = rf"{_NUMBER}([eE][+-]?\d{{1,2}})?"
_FLOAT = rf"{_BLANK}(?:{_NUMBER}([eE][+-]?\d{{1,4}})?[dDfF]?|[+-]?(NaN|Infinity)){_BLANK}"
_DAY = r" *\d{4}-\d{1,2}-\d{1,2} *"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_MOMENT = rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}( {_CLOCK})?"
_OTHER = r"(?s).*[^\x20-\x7e\t\n\f\r].*"
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def from_text(value: str, target: DataType) -> str:
    """Write the conversion of a text; NULL where Trino fails to convert."""
    return _WRITERS[target.base](value, target)


def _guarded(value: str, accepted: str, unproven: str, converted: str, target: DataType) -> str:
    return (
        f"CASE WHEN regexp_full_match({value}, {text(accepted)}) THEN {converted} "
        f"WHEN regexp_full_match({value}, {text(unproven)}) "
        f"THEN {raising('NOT_SUPPORTED', target)} END"
    )


def _trimmed(value: str) -> str:
    return rf"trim({value}, e' \t\n\f\r')"


def _whole(value: str, target: DataType) -> str:
    converted = f"TRY_CAST({_trimmed(value)} AS {duck_type(target)})"
    return _guarded(value, _WHOLE, _OTHER, converted, target)


def _decimal(value: str, target: DataType) -> str:
    converted = f"TRY_CAST({value} AS {duck_type(target)})"
    unproven = rf"{_OTHER}|{_NUMBER}[eE][+-]?\d{{3,}}"
    return _guarded(value, _DECIMAL, unproven, converted, target)


def _float(value: str, target: DataType) -> str:
    bare = f"regexp_replace({_trimmed(value)}, '([0-9.])[dDfF]$', '\\1')"
    bare = f"CASE WHEN ends_with({_trimmed(value)}, 'NaN') THEN 'NaN' ELSE {bare} END"
    unproven = rf"{_OTHER}|.*0[xX].*[pP].*|.*[eE][+-]?\d{{5,}}.*"
    return _guarded(value, _FLOAT, unproven, f"TRY_CAST({bare} AS {duck_type(target)})", target)


def _boolean(value: str, _target: DataType) -> str:
    return (
        f"CASE WHEN lower({value}) IN ('t', 'true', '1') THEN true "
        f"WHEN lower({value}) IN ('f', 'false', '0') THEN false END"
    )


def _date(value: str, target: DataType) -> str:
    unproven = rf"{_OTHER}|\s*[+-]?\d+-\d+-\d+\s*|\s*0000.*"
    accepted = _DAY
    converted = f"CASE WHEN trim({value}) LIKE '0000%' THEN {raising('NOT_SUPPORTED', target)} "
    converted += f"ELSE TRY_CAST(trim({value}) AS DATE) END"
    return _guarded(value, accepted, unproven, converted, target)


def _timestamp(value: str, target: DataType) -> str:
    converted = f"CASE WHEN {value} LIKE '0000%' THEN {raising('NOT_SUPPORTED', target)} "
    rounded = (
        f"mg_m_round_timestamp(TRY_CAST({value} AS TIMESTAMP), {10 ** (6 - target.params[0])})"
    )
    converted += f"ELSE {rounded} END"
    unproven = rf"{_OTHER}|\s*[+-]?\d+-\d+-\d+.*"
    return _guarded(value, _MOMENT, unproven, converted, target)


def _uuid(value: str, target: DataType) -> str:
    return _guarded(value, _UUID, r"[0-9a-fA-F-]+", f"TRY_CAST({value} AS UUID)", target)


_WRITERS: dict[str, Callable[[str, DataType], str]] = {
    "tinyint": _whole,
    "smallint": _whole,
    "integer": _whole,
    "bigint": _whole,
    "decimal": _decimal,
    "double": _float,
    "real": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "uuid": _uuid,
}
