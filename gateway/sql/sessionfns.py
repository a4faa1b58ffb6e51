"""Functions that answer from the session: replaced by literals before anything is governed.

Engines would answer them with their own login, clock and version; a person must see the
values of their own session, the same ones on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlglot import exp

from gateway.sql.typenames import data_type

SESSION_NAMES = frozenset(
    ["current_user", "current_catalog", "current_schema", "current_date", "current_time"]
    + ["current_timestamp", "localtime", "localtimestamp", "now", "version", "current_timezone"]
)


def session_values(
    *,
    user: str,
    catalog: str | None,
    schema: str | None,
    time_zone: str,
    now: datetime,
    version: str,
) -> Mapping[str, exp.Expression]:
    """Literals for ``resolve(…, session=…)``.

    Args:
        user: the principal's name.
        catalog, schema: the session's defaults.
        time_zone: the session's zone, an IANA name or ``+hh:mm``.
        now: the statement's start, an aware datetime; one per statement.
        version: what ``version()`` answers.

    """
    local = now.astimezone(_zone(time_zone))
    clock = local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"
    stamp = local.strftime("%Y-%m-%d ") + clock
    offset = local.strftime("%z")
    zoned = f"{offset[:3]}:{offset[3:5]}"
    instant = _typed("timestamp", f"{stamp} {time_zone}")
    return MappingProxyType(
        {
            "current_user": _text(user),
            "current_catalog": _text(catalog),
            "current_schema": _text(schema),
            "current_timezone": _text(time_zone),
            "version": _text(version),
            "current_date": _typed("date", local.strftime("%Y-%m-%d")),
            "current_timestamp": instant,
            "now": instant,
            "localtimestamp": _typed("timestamp", stamp),
            "localtime": _typed("time", clock),
            "current_time": _typed("time", clock + zoned),
        }
    )


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _text(value: str | None) -> exp.Expression:
    literal = exp.Null() if value is None else exp.Literal(this=value, is_string=True)
    return exp.Cast(this=literal, to=data_type("varchar"))


def _typed(kind: str, text: str) -> exp.Expression:
    node = exp.Cast(this=exp.Literal(this=text, is_string=True), to=data_type(kind))
    node.meta["typed_literal"] = True
    return node
