"""The mesh of several domains behind a query service, for tests of the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.store import AuditStore
from gateway.engines.base import Engine
from gateway.errors import MeshgateError
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.plan import Plan
from gateway.query.service import QueryService, Sources
from gateway.server.world import World
from gateway.session import Session

WORLDS = Path(__file__).parents[2] / "worlds"
SESSION = Session(catalog="health", schema="claims")


class Counted:
    """A policy service that counts what it is asked; everything else is the real one."""

    def __init__(self, inner: PolicyService) -> None:
        self.inner = inner
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def decide(self, request: object) -> object:
        self.asked.append(len(request.tables))  # type: ignore[attr-defined]
        return await self.inner.decide(request)  # type: ignore[arg-type]


class Mesh:
    """A query service over a world; everybody asks by name."""

    def __init__(
        self,
        world: World,
        policy: PolicyService,
        *,
        engine: Engine | None = None,
        audit: AuditStore | None = None,
    ) -> None:
        self.world = world
        self.policy = Counted(policy)
        book = GrantBook("test", world.grants)
        self.snapshot = world.snapshot
        sources = Sources(lambda: self.snapshot, lambda: book, lambda: world.now)
        self.service = QueryService(
            self.policy,  # type: ignore[arg-type]
            sources,
            engine=engine,
            audit=audit,
        )

    async def plan(self, sql: str, who: str = "doctor", session: Session = SESSION) -> Plan:
        principal = self.world.directory.principal(who)
        assert principal is not None
        return await self.service.plan(sql, session, principal, "q")

    async def refusal(self, sql: str, who: str = "doctor", session: Session = SESSION) -> str:
        with pytest.raises(MeshgateError) as caught:
            await self.plan(sql, who, session)
        return f"{caught.value.name}: {caught.value.message}"
