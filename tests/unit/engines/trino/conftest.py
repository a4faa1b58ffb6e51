from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from gateway.engines.trino.engine import TrinoEngine
from gateway.sql.model import GovernedQuery, Kind
from tests.unit.engines.trino.upstream import Upstream

Connect = Callable[..., TrinoEngine]


def governed(sql: str = "SELECT 1", *, restricted: bool = False) -> GovernedQuery:
    return GovernedQuery(sql, "trino", Kind.QUERY, (), (), {}, restricted, "d1", "f1")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Engines on a scripted coordinator, closed at the end."""
    async with AsyncExitStack() as stack:

        def made(upstream: Upstream, **settings: object) -> TrinoEngine:
            engine = TrinoEngine(upstream.settings(**settings))
            stack.push_async_callback(engine.close)
            return engine

        yield made
