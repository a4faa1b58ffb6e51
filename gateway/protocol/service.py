"""What the endpoint needs of the query pipeline, and the ids of statements."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.metadata.visible import VisibleCatalog
from gateway.protocol.producer import Stream
from gateway.query.plan import Plan
from gateway.query.recording import LoginAttempt
from gateway.query.relaying import Relayed
from gateway.relayed import Handle
from gateway.session import Session

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_COUNTER_SIZE = 100_000


class Service(Protocol):
    """Plans and runs statements; every failure is a MeshgateError."""

    async def submit(
        self, text: str, session: Session, principal: Principal, query_id: str
    ) -> Plan:
        """Admit a statement, or record and raise its refusal."""
        ...

    async def start(
        self, plan: Plan, session: Session, principal: Principal, query_id: str, seconds: float
    ) -> Stream:
        """Run an admitted statement for at most so many seconds."""
        ...

    async def relay(
        self,
        plan: Plan,
        session: Session,
        principal: Principal,
        query_id: str,
        actor: str,
        seconds: float,
    ) -> tuple[Handle, Relayed]:
        """Submit an admitted statement to the cluster."""
        ...

    async def refused(
        self,
        text: str,
        session: Session,
        principal: Principal,
        query_id: str,
        error: MeshgateError,
        plan: Plan | None = None,
    ) -> None:
        """Record a refusal that ``submit`` did not make."""
        ...

    async def dropped(
        self, plan: Plan, session: Session, principal: Principal, query_id: str, state: str
    ) -> None:
        """Record an admitted statement that ended before ``start``."""
        ...

    async def login_failed(self, attempt: LoginAttempt) -> None:
        """Record a failed login."""
        ...

    def check_purpose(self, name: str, principal: Principal) -> None:
        """Refuse a purpose that is not declared, or not this principal's to state."""
        ...

    async def visible(self, session: Session, principal: Principal) -> VisibleCatalog:
        """All that this principal may see."""
        ...

    @property
    def revisions(self) -> Mapping[str, str]:
        """The policy revisions in force."""
        ...


class QueryIds:
    """Ids in Trino's form, ``20261120_101500_00007_x7k2p``; unique within a process."""

    def __init__(self) -> None:
        self._coordinator = "".join(secrets.choice(_ALPHABET) for _ in range(5))
        self._numbers = itertools.count()

    def mint(self, now: datetime | None = None) -> str:
        """The next id."""
        moment = now or datetime.now(UTC)
        number = next(self._numbers) % _COUNTER_SIZE
        return f"{moment:%Y%m%d_%H%M%S}_{number:05d}_{self._coordinator}"
