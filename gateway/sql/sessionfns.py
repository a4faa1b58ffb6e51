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
CALLED_NAMES = frozenset(["now", "version", "current_timezone"])
SESSION_NAMES = CALLED_NAMES | frozenset(
    """
    current_user current_catalog current_schema current_date current_time current_timestamp
    localtime localtimestamp
    """.split()  # noqa: SIM905 - a word list reads better as words
)


def session_values(
    session: Session, user: str, now: datetime, version: str = TRINO_VERSION
) -> Mapping[str, exp.Expression]:
    """Literals for ``resolve(…, session=…)`` by function name.

    Args:
        session: its defaults and time zone (an IANA name or ``+hh:mm``).
        user: the principal's name.
        now: the statement's start, an aware datetime; one per statement.
        version: what ``version()`` answers.

    """
    local = now.astimezone(_zone(session.time_zone))
    clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
    instant = _instant(local, clock, session.time_zone)
    offset = f"{local:%z}"
    return MappingProxyType(
        {
            "current_user": _text(user),
            "current_catalog": _text(session.catalog),
            "current_schema": _text(session.schema),
            "current_timezone": _text(session.time_zone),
            "version": _text(version),
            "current_date": _typed("date", f"{local:%Y-%m-%d}"),
            "current_timestamp": instant,
            "now": instant,
            "localtimestamp": _typed("timestamp", f"{local:%Y-%m-%d} {clock}"),
            "localtime": _typed("time", clock),
            "current_time": _typed("time", f"{clock}{offset[:3]}:{offset[3:5]}"),
        }
    )


def session_names(tree: exp.Expression) -> frozenset[str]:
    """Which session functions a tree calls: only their values change its answer."""
    calls = (node.this.lower() for node in tree.find_all(exp.Anonymous))
    return frozenset(name for name in calls if name in SESSION_NAMES)


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


def _typed(kind: str, text: str) -> exp.Expression:
    node = exp.Cast(this=exp.Literal(this=text, is_string=True), to=data_type(kind))
    node.meta["typed_literal"] = True
    return node
