"""The session properties a client may set: a closed list, typed and capped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import available_timezones

from gateway.errors import MeshgateError

MAX_RUN_TIME = timedelta(days=1)
_MAX_TEXT = 1000
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*(ns|us|ms|s|m|h|d)\s*")
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?[+-](?:0?\d|1[0-4])(?::[0-5]\d)?|UTC|GMT|UT|Z", re.IGNORECASE)
_ZONES = {name.lower(): name for name in available_timezones()}


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its default as shown, Trino type, description, and check of a value."""

    name: str
    default: str
    type: str
    description: str
    check: Callable[[str], str]


def duration(text: str) -> timedelta:
    """A Trino duration such as ``30s`` or ``1.50h``; raises ValueError."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError("a duration such as 30s or 5m")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def time_zone(text: str) -> str:
    """The zone's usual spelling; raises ValueError for an unknown one."""
    if _OFFSET.fullmatch(text):
        return text
    known = _ZONES.get(text.lower())
    if known is None:
        raise ValueError("a time zone such as UTC, Europe/Paris or +02:00")
    return known


def checked(name: str, value: str) -> str:
    """The value to keep for a property.

    Raises:
        MeshgateError: INVALID_SESSION_PROPERTY for an unknown name or a wrong value.

    """
    found = PROPERTIES.get(name)
    if found is None:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY",
            f"Session property '{name}' does not exist; known are {', '.join(PROPERTIES)}",
        )
    try:
        return found.check(value)
    except ValueError as error:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY", f"session property {name} takes {error}"
        ) from None


def known(name: str) -> str:
    """The name itself, if it is a property; raises as ``checked`` does."""
    if name not in PROPERTIES:
        checked(name, "")
    return name


def _run_time(text: str) -> str:
    if not timedelta() < duration(text) <= MAX_RUN_TIME:
        raise ValueError("a duration up to 1d")
    return text


def _one_of(*values: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text.upper() not in values and text.lower() not in values:
            raise ValueError("one of " + ", ".join(values))
        return text.upper() if text.upper() in values else text.lower()

    return check


def _text(text: str) -> str:
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise ValueError(f"up to {_MAX_TEXT} printable characters")
    return text


def _zone(text: str) -> str:
    return time_zone(text) if text else ""


_ROWS = (
    Property(
        "query_max_run_time", "1.00d", "varchar", "Longest time from submission to end", _run_time
    ),
    Property(
        "query_max_execution_time", "1.00d", "varchar", "Longest time of execution", _run_time
    ),
    Property(
        "join_distribution_type",
        "AUTOMATIC",
        "varchar",
        "How joins are distributed; without effect on the embedded engine",
        _one_of("AUTOMATIC", "BROADCAST", "PARTITIONED"),
    ),
    Property(
        "join_reordering_strategy",
        "AUTOMATIC",
        "varchar",
        "How joins are ordered; without effect on the embedded engine",
        _one_of("AUTOMATIC", "NONE", "ELIMINATE_CROSS_JOINS"),
    ),
    Property("time_zone_id", "", "varchar", "Time zone of the session", _zone),
    Property("meshgate.purpose", "", "varchar", "What the data is used for", _text),
    Property("meshgate.grant", "", "varchar", "Grants to stand on, separated by commas", _text),
    Property("meshgate.reason", "", "varchar", "Free text for the audit record", _text),
    Property(
        "meshgate.warnings",
        "full",
        "varchar",
        "How much is said about filters and masks",
        _one_of("off", "summary", "full"),
    ),
    Property(
        "meshgate.truncate",
        "false",
        "boolean",
        "Cut a result at its row limit instead of failing",
        _one_of("true", "false"),
    ),
)
PROPERTIES = {row.name: row for row in _ROWS}
