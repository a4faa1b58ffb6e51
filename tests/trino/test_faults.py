"""The way to a real Trino breaks: resets, cut pages, refused connections, a vanished statement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.service import ServiceQueries
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle
from gateway.settings import TrinoSettings
from gateway.sql.model import GovernedQuery, Kind
from tests.realparts.addresses import Addresses
from tests.trino.wires import WHOLE, Wire, wired

_ANN = ClientSettings("ann", "d1", "fault-test", capabilities=("PARAMETRIC_DATETIME",))
_LONG = "SELECT count(*) FROM tpch.sf100.lineitem"
_MANY = "SELECT * FROM tpch.tiny.orders"
_ROWS = 15_000


def _settings(wire: Wire) -> TrinoSettings:
    return TrinoSettings(url=wire.url, read_seconds=10.0)


def _governed(sql: str) -> GovernedQuery:
    return GovernedQuery(
        sql,
        "trino",
        Kind.QUERY,
        (),
        (),
        {},
        restricted=False,
        decision_id="d",
        decision_fingerprint="f",
    )


@pytest.fixture
async def wire(lab: Addresses) -> AsyncIterator[Wire]:
    async with wired(lab.bare) as found:
        yield found


@pytest.fixture
async def engine(wire: Wire) -> AsyncIterator[TrinoEngine]:
    found = TrinoEngine(_settings(wire))
    yield found
    await found.close()


async def _drained(engine: TrinoEngine, handle: Handle | None) -> list[Any]:
    rows: list[Any] = []
    while handle is not None:
        page = await engine.page(handle)
        assert page.error is None
        rows += json.loads(bytes(page.data)) if page.data else []
        handle = page.next
    return rows


@pytest.mark.parametrize("passes", [0, 100, 5_000, 300_000], ids=str)
async def test_each_connection_cut_once_loses_no_row(
    passes: int, wire: Wire, engine: TrinoEngine
) -> None:
    """One connection in three ends in the middle of an answer, even of a page of rows."""
    handle = await engine.submit(_governed(_MANY), _ANN)
    wire.allow = lambda number: passes if number % 3 == 2 else WHOLE
    first = await engine.page(handle, 0.0)
    wire.cut_all()
    rows = await _drained(engine, first.next)
    assert len(rows) == _ROWS
    assert len({row[0] for row in rows}) == _ROWS
    assert wire.connections >= 3  # the first was closed, the second was cut, the third went on


async def test_a_page_that_never_comes_whole_is_one_error_and_the_statement_ends(
    wire: Wire, engine: TrinoEngine, lab: Addresses
) -> None:
    handle = await engine.submit(_governed(_MANY), _ANN)
    page = await engine.page(handle, 0.0)
    while page.next is not None and page.next.phase == "queued":
        page = await engine.page(page.next, 0.0)
    assert page.next is not None
    wire.allow = lambda _: 2_000
    wire.cut_all()
    with pytest.raises(MeshgateError) as lost:
        await _drained(engine, page.next)
    assert lost.value.name == "REMOTE_HOST_GONE"
    assert await _state(lab, handle) == ["FAILED", "USER_CANCELED"]


async def test_no_connection_at_all(lab: Addresses) -> None:
    async with wired(lab.bare) as wire:
        engine = TrinoEngine(_settings(wire))
        handle = await engine.submit(_governed(_LONG), _ANN)
    with pytest.raises(MeshgateError) as lost:
        await engine.page(handle)
    assert lost.value.name == "REMOTE_HOST_GONE"
    with pytest.raises(MeshgateError) as nobody:
        await engine.submit(_governed(_LONG), _ANN)
    assert nobody.value.name == "NO_NODES_AVAILABLE"
    await engine.close()


async def test_what_a_restarted_coordinator_knows_nothing_of_is_lost(engine: TrinoEngine) -> None:
    handle = await engine.submit(_governed("SELECT 1"), _ANN)
    gone = replace(handle, upstream_id="20200101_000000_00000_aaaaa")
    with pytest.raises(MeshgateError) as lost:
        await engine.page(gone)
    assert lost.value.name == "REMOTE_HOST_GONE"
    await engine.cancel(gone)
    assert await _drained(engine, handle) == [[1]]


async def test_a_page_that_trino_has_forgotten_is_lost_and_an_altered_one_too(
    engine: TrinoEngine,
) -> None:
    handle = await engine.submit(_governed("SELECT 1"), _ANN)
    assert await _drained(engine, handle) == [[1]]
    for altered in (replace(handle, token=handle.token + 1), replace(handle, slug="yaa")):
        with pytest.raises(MeshgateError) as lost:
            await engine.page(altered)
        assert lost.value.name == "REMOTE_HOST_GONE"


async def _state(lab: Addresses, handle: Handle) -> list[Any]:
    queries = ServiceQueries(TrinoSettings(url=lab.bare))
    for _ in range(50):
        rows = await queries.service_query(
            "SELECT state, error_code FROM system.runtime.queries "
            f"WHERE query_id = '{handle.upstream_id}'"
        )
        if rows and rows[0][0] in {"FAILED", "FINISHED"}:
            break
        await asyncio.sleep(0.2)
    await queries.close()
    return rows[0]
