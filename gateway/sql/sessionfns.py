"""Functions that answer from the session: replaced by literals before anything is governed.

Engines would answer them with their own login, clock and version; a person must see the
values of their own session, the same ones on every engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.session import Session
from gateway.sql.lex import QUOTED, Token
from gateway.sql.typenames import data_type

TRINO_VERSION = "476"
CALLED_NAMES = frozenset(["now", "version", "current_timezone", "current_groups"])
PRECISE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "current_time": "TIME WITH TIME ZONE",
        "current_timestamp": "TIMESTAMP WITH TIME ZONE",
        "localtime": "TIME",
        "localtimestamp": "TIMESTAMP",
    }
)
"""Functions that may be asked for a number of digits, and their types' names."""
MAX_DIGITS = 12
_DIGITS = 3
_PRECISE = re.compile(r"([a-z_]+)\(([0-9]{1,2})\)", re.ASCII)
SESSION_NAMES = CALLED_NAMES | frozenset(
    """
    current_user current_catalog current_schema current_date current_time current_timestamp
    localtime localtimestamp
    """.split()  # noqa: SIM905 - a word list reads better as words
)


def session_values(
    session: Session,
    user: str,
    now: datetime,
    *,
    groups: Iterable[str] = (),
    names: Iterable[str] = SESSION_NAMES,
) -> Mapping[str, exp.Expression]:
    """Literals for ``resolve(…, session=…)`` by function name, with digits as in :func:`key_of`.

    Args:
        session: its defaults and time zone (an IANA name or ``+hh:mm``).
        user: the principal's name.
        now: the statement's start, an aware datetime; one per statement.
        groups: the principal's groups, as policies see them.
        names: what the statement calls (``session_names``); matters for digits alone.

    """
    local = now.astimezone(_zone(session.time_zone))
    made = {
        "current_user": _text(user),
        "current_groups": _texts(groups),
        "current_catalog": _text(session.catalog),
        "current_schema": _text(session.schema),
        "current_timezone": _text(session.time_zone),
        "version": _text(TRINO_VERSION),
        "current_date": _typed("date", f"{local:%Y-%m-%d}"),
        "now": _clock_value("current_timestamp", local, session.time_zone, _DIGITS),
    }
    for name in PRECISE_TYPES:
        made[name] = _clock_value(name, local, session.time_zone, _DIGITS)
    for name in names:
        asked = _PRECISE.fullmatch(name)
        if asked and int(asked[2]) <= MAX_DIGITS:
            made[name] = _clock_value(asked[1], local, session.time_zone, int(asked[2]))
    return MappingProxyType(made)


def _clock_value(name: str, local: datetime, zone: str, digits: int) -> exp.Expression:
    """Write the statement's start with so many digits of a second; the clock knows six."""
    fraction = f"{local.microsecond:06d}".ljust(MAX_DIGITS, "0")[:digits]
    clock = f"{local:%H:%M:%S}" + (f".{fraction}" if digits else "")
    offset = f"{local:%z}"
    if name == "current_timestamp":
        return _instant(local, clock, zone)
    if name == "localtimestamp":
        return _typed("timestamp", f"{local:%Y-%m-%d} {clock}")
    return _typed("time", clock if name == "localtime" else f"{clock}{offset[:3]}:{offset[3:5]}")


def key_of(node: exp.Anonymous) -> str:
    """What a call asks for: the function's name, with digits as ``localtime(6)``."""
    name = str(node.this).lower()
    if name in PRECISE_TYPES and node.meta.get("keyword") and len(node.expressions) == 1:
        return f"{name}({node.expressions[0].this})"
    return name


def session_names(tree: exp.Expression) -> frozenset[str]:
    """Which session functions a tree calls: only their values change its answer."""
    calls = tree.find_all(exp.Anonymous)
    return frozenset(key_of(node) for node in calls if node.this.lower() in SESSION_NAMES)


def may_call_session(found: Iterable[Token]) -> bool:
    """Whether a token could name a session function; spares most statements a walk."""
    return any(
        (token.value if token.key is QUOTED else token.text).lower() in SESSION_NAMES
        for token in found
    )


def _instant(local: datetime, clock: str, zone: str) -> exp.Expression:
    """Write an instant in the session's zone, exact also in the hour that comes twice."""
    if local.replace(fold=1 - local.fold).utcoffset() == local.utcoffset():
        return _typed("timestamp", f"{local:%Y-%m-%d} {clock} {zone}")
    utc = _typed("timestamp", f"{local.astimezone(UTC):%Y-%m-%d %H:%M:%S}{clock[8:]} UTC")
    return exp.AtTimeZone(this=utc, zone=exp.Literal(this=zone, is_string=True))


def _zone(name: str) -> tzinfo:
    offset = re.fullmatch(r"([+-])([0-9]{2}):([0-9]{2})", name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY", f"Time zone not supported: {name}"
        ) from error


def _text(value: str | None) -> exp.Expression:
    literal = exp.Null() if value is None else exp.Literal(this=value, is_string=True)
    return exp.Cast(this=literal, to=data_type("varchar"))


def _texts(values: Iterable[str]) -> exp.Expression:
    items = [exp.Literal(this=value, is_string=True) for value in sorted(values)]
    return exp.Cast(this=exp.Array(expressions=items), to=data_type("array(varchar)"))


def _typed(kind: str, text: str) -> exp.Expression:
    node = exp.Cast(this=exp.Literal(this=text, is_string=True), to=data_type(kind))
    node.meta["typed_literal"] = True
    return node
