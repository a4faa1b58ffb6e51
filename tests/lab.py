"""A gateway without its endpoint: plan and run statements from ordinary test functions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from gateway.engines.duckdb import EmbeddedEngine
from gateway.identity.principal import Principal
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from gateway.session import Session

SECONDS = 120.0


class Lab:
    """One event loop with one service on it."""

    def __init__(self, service: QueryService, session: Session) -> None:
        self._service = service
        self._session = session
        self.runner = asyncio.Runner()

    def plan(self, sql: str, principal: Principal, session: Session | None = None) -> Plan:
        """Plan one statement; raises MeshgateError."""
        return self.runner.run(self._service.plan(sql, session or self._session, principal, "lab"))

    def rows(self, sql: str, principal: Principal) -> list[tuple[Any, ...]]:
        """Plan and run one statement; all its rows."""
        return self.runner.run(self._rows(sql, principal))

    async def _rows(self, sql: str, principal: Principal) -> list[tuple[Any, ...]]:
        plan = await self._service.plan(sql, self._session, principal, "lab")
        running = await self._service.start(plan, self._session, principal, "lab", SECONDS)
        batches = [batch async for batch in running.batches()]
        return [row for batch in batches for row in tuples(batch)]


def tuples(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """The rows of a batch, columns in order (names may repeat)."""
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


@contextmanager
def laboratory(service: QueryService, engine: EmbeddedEngine, session: Session) -> Iterator[Lab]:
    """A lab whose engine is started, and stopped at the end."""
    lab = Lab(service, session)
    lab.runner.run(engine.start())
    try:
        yield lab
    finally:
        lab.runner.run(engine.close())
        service.close()
        lab.runner.close()
