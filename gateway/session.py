"""What a client's headers say about its connection; state lives with the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Session:
    """One request's session, validated.

    ``properties`` holds allowed session properties (``meshgate.purpose``,
    ``query_max_run_time`` …) as text; ``prepared`` prepared statements by name.
    ``claimed`` are unverified statements of the client (source, client_info,
    trace_token, user_agent) for the audit record.
    """

    catalog: str | None = None
    schema: str | None = None
    time_zone: str = "UTC"
    language: str = "en-US"
    properties: Mapping[str, str] = field(default_factory=_empty)
    prepared: Mapping[str, str] = field(default_factory=_empty)
    transaction_id: str | None = None
    capabilities: frozenset[str] = frozenset()
    client_tags: tuple[str, ...] = ()
    source: str = ""
    peer_address: str = ""
    claimed: Mapping[str, str] = field(default_factory=_empty)
