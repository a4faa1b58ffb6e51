from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.engines.duckdb import EmbeddedEngine
from tests.unit.engines.lake import Client, Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    yield made
    made.catalog.close()


@pytest.fixture(scope="module")
def module_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    made = Lake(tmp_path_factory.mktemp("lake"))
    yield made
    made.catalog.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EmbeddedEngine]:
    made = EmbeddedEngine(workers=1, memory_bytes=512 << 20, temp_bytes=64 << 20)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def client(engine: EmbeddedEngine) -> Client:
    return Client(engine)
