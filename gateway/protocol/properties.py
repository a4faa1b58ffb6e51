"""The session properties a client may set: a closed list, typed and capped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from zoneinfo import available_timezones

from gateway.errors import MeshgateError

MAX_RUN_TIME = timedelta(days=100)
_MAX_TEXT = 1000
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*(ns|us|ms|s|m|h|d)\s*")
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(0?\d|1[0-4])(?::([0-5]\d))?", re.IGNORECASE)
_ZERO = frozenset({"UTC", "GMT", "UT", "Z"})
_ZONES = {name.lower(): name for name in available_timezones()}


def duration(text: str) -> timedelta:
    """A Trino duration such as ``30s`` or ``1.50h``; raises ValueError."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError("a duration such as 30s or 5m")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def time_zone(text: str) -> str:
    """The zone as an IANA name or ``±HH:MM``; raises ValueError for an unknown one."""
    if text.upper() in _ZERO:
        return "UTC"
    if found := _OFFSET.fullmatch(text):
        return f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}"
    known = _ZONES.get(text.lower())
    if known is None:
        raise ValueError("a time zone such as UTC, Europe/Paris or +02:00")
    return known


def checked(name: str, value: str) -> str:
    """The value to keep for a property.

    Raises:
        MeshgateError: INVALID_SESSION_PROPERTY for an unknown name or a wrong value.

    """
    check = CHECKS.get(name)
    if check is None:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY",
            f"Session property '{name}' does not exist; known are {', '.join(CHECKS)}",
        )
    try:
        return check(value)
    except ValueError as error:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY", f"session property {name} takes {error}"
        ) from None


def known(name: str) -> str:
    """The name itself, if it is a property; raises as ``checked`` does."""
    if name not in CHECKS:
        checked(name, "")
    return name


def _run_time(text: str) -> str:
    if not timedelta() < duration(text) <= MAX_RUN_TIME:
        raise ValueError("a duration up to 100d")
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


CHECKS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "join_distribution_type": _one_of("AUTOMATIC", "BROADCAST", "PARTITIONED"),
        "join_reordering_strategy": _one_of("AUTOMATIC", "NONE", "ELIMINATE_CROSS_JOINS"),
        "meshgate.grant": _text,
        "meshgate.purpose": _text,
        "meshgate.reason": _text,
        "meshgate.truncate": _one_of("true", "false"),
        "meshgate.warnings": _one_of("off", "summary", "full"),
        "query_max_execution_time": _run_time,
        "query_max_run_time": _run_time,
        "time_zone_id": _zone,
    }
)
"""How the value of each listed property is checked; returns the value to keep."""
