"""The way to a real Trino breaks: resets, cut pages, refused connections, a vanished statement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.service import ServiceQueries
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle
from gateway.settings import TrinoSettings
from gateway.sql.model import GovernedQuery, Kind
from tests.realparts.addresses import Addresses

_ANN = ClientSettings("ann", "d1", "fault-test", capabilities=("PARAMETRIC_DATETIME",))
_LONG = "SELECT count(*) FROM tpch.sf100.lineitem"
_MANY = "SELECT * FROM tpch.tiny.orders"
_ROWS = 15_000
_WHOLE = 1 << 40


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


@dataclass
class Wire:
    """A connection to Trino that can be cut: ``allow`` says how many bytes of an answer pass.

    It is asked once for each connection, with its number; fewer bytes than the answer has end
    the connection by a reset.
    """

    target: str
    allow: Callable[[int], int] = lambda _: _WHOLE
    port: int = 0
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def settings(self) -> TrinoSettings:
        return TrinoSettings(url=f"http://127.0.0.1:{self.port}", read_seconds=10.0)

    def cut_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self.allow(self.connections)
        place = urlsplit(self.target)
        theirs_in, theirs_out = await asyncio.open_connection(place.hostname, place.port)
        self._open.add(writer)
        asking = asyncio.create_task(self._ask(reader, theirs_out))
        try:
            while left > 0 and (data := await theirs_in.read(min(left, 1 << 16))):
                left -= len(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._open.discard(writer)
            asking.cancel()
            theirs_out.close()
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except ConnectionError:
            return


@asynccontextmanager
async def _wired(target: str) -> AsyncIterator[Wire]:
    wire = Wire(target)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut_all()


@pytest.fixture
async def wire(lab: Addresses) -> AsyncIterator[Wire]:
    async with _wired(lab.bare) as found:
        yield found


@pytest.fixture
async def engine(wire: Wire) -> AsyncIterator[TrinoEngine]:
    found = TrinoEngine(wire.settings)
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
    wire.allow = lambda number: passes if number % 3 == 2 else _WHOLE
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
    async with _wired(lab.bare) as wire:
        engine = TrinoEngine(wire.settings)
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
