"""What of a client's session the cluster hears: built from nothing, each value checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from gateway.relayed import ClientSettings

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,127}", re.ASCII)


class HeaderError(ValueError):
    """A value that no header can carry safely; the text names the header alone."""


def upstream_headers(settings: ClientSettings) -> dict[str, str]:
    """Build the headers of a submission: the person as user, and nothing as it was received.

    Raises:
        HeaderError: a control character, an empty user, or a property of an unknown shape.

    """
    if not settings.user or settings.user != settings.user.strip():
        raise HeaderError("X-Trino-User")
    headers = {
        "X-Trino-User": settings.user,
        "X-Trino-Source": settings.source,
        "X-Trino-Client-Tags": _listed("X-Trino-Client-Tags", settings.client_tags),
        "X-Trino-Time-Zone": settings.time_zone,
        "X-Trino-Language": settings.language,
        "X-Trino-Client-Capabilities": _listed(
            "X-Trino-Client-Capabilities", settings.capabilities
        ),
        "X-Trino-Session": _session(settings),
        "X-Trino-Trace-Token": settings.trace_token,
        "Content-Type": "text/plain; charset=utf-8",
    }
    for name, value in headers.items():
        if _CONTROL.search(value):
            raise HeaderError(name)
    return {name: value for name, value in headers.items() if value}


def _listed(header: str, values: Iterable[str]) -> str:
    values = tuple(values)
    if any("," in value for value in values):
        raise HeaderError(header)
    return ",".join(values)


def _session(settings: ClientSettings) -> str:
    if not all(_PROPERTY.fullmatch(name) for name in settings.properties):
        raise HeaderError("X-Trino-Session")
    return ",".join(
        f"{name}={quote(value, safe='')}" for name, value in settings.properties.items()
    )
