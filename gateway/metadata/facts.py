"""What a session adds to the metadata: whose it is and which queries are its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OwnQuery:
    """One query of the asking principal, for ``system.runtime.queries``. Times are UTC."""

    query_id: str
    state: str
    text: str
    source: str | None = None
    queued_ms: int | None = None
    analysis_ms: int | None = None
    planning_ms: int | None = None
    created: datetime | None = None
    started: datetime | None = None
    last_heartbeat: datetime | None = None
    ended: datetime | None = None
    error_type: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What metadata may tell of the session itself."""

    principal_id: str
    query_id: str
    time_zone: str = "UTC"
    version: str = "476"
    base_uri: str = ""
    own_queries: tuple[OwnQuery, ...] = ()
