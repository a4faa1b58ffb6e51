"""Bad queries, bad clients and bad luck: each ends one query with one clear error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pytest
import pytest_asyncio

from gateway.engines.base import RunOptions
from gateway.engines.duckdb import EmbeddedEngine
from gateway.errors import MeshgateError
from gateway.results import ResultStream
from tests.unit.engines.lake import EMPTY, Client, Lake, governed, scan

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(100000) b WHERE a.range <> b.range"
TOO_BIG = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range <> b.range"
BILLION = "SELECT a.range AS n, repeat('x', 100) AS s FROM range(1000000000) a"
ONE = governed("SELECT 1", "n integer")


def memory(pid: int, what: str = "VmHWM") -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def only(engine: EmbeddedEngine) -> int:
    (pid,) = engine.worker_pids
    return pid


async def start(engine: EmbeddedEngine, sql: str, outputs: str, **options) -> ResultStream:
    options.setdefault("query_id", "20260101_000000_00001_abcde")
    return await engine.run(governed(sql, outputs), EMPTY, RunOptions(**options), {})


async def fails(stream: ResultStream) -> MeshgateError:
    with pytest.raises(MeshgateError) as caught:
        async for _ in stream.batches():
            pass
    return caught.value


async def test_a_runaway_query_ends_at_its_deadline_in_flat_memory(
    engine: EmbeddedEngine, client: Client
) -> None:
    await client.rows(ONE)
    pid = only(engine)
    forget_peak(pid)
    before, began = memory(pid), time.monotonic()
    error = await fails(await start(engine, ENDLESS, "n bigint", deadline_seconds=1.0))
    assert error.name == "EXCEEDED_TIME_LIMIT"
    assert "20260101_000000_00001_abcde" in error.message
    assert time.monotonic() - began < 5
    assert memory(pid) - before < 100 << 20
    assert await client.rows(ONE) == [(1,)]
    assert only(engine) == pid, "an obedient worker is kept"


async def test_a_billion_rows_stay_bounded_and_end_at_the_row_cap(
    engine: EmbeddedEngine, client: Client
) -> None:
    await client.rows(ONE)
    pid, ours = only(engine), os.getpid()
    forget_peak(pid)
    forget_peak(ours)
    before, before_ours = memory(pid), memory(ours)
    stream = await start(engine, BILLION, "n bigint; s varchar", max_rows=500_000)
    rows = 0
    with pytest.raises(MeshgateError) as caught:  # noqa: PT012 - the loop is the statement
        async for batch in stream.batches():
            rows += batch.num_rows
    assert caught.value.name == "MESHGATE_QUOTA_EXCEEDED"
    assert 400_000 < rows <= 500_000
    assert memory(pid) - before < 100 << 20
    assert memory(ours) - before_ours < 50 << 20


async def test_a_byte_cap_ends_a_query_too(engine: EmbeddedEngine) -> None:
    stream = await start(engine, BILLION, "n bigint; s varchar", max_bytes=5 << 20)
    assert (await fails(stream)).name == "MESHGATE_QUOTA_EXCEEDED"


async def test_too_much_memory_is_an_error_of_one_query(
    engine: EmbeddedEngine, client: Client
) -> None:
    pid = only(engine)
    before = memory(pid, "VmRSS")
    for hungry in ("SELECT len(list(range)) FROM range(1000000000)", TOO_BIG):
        error = await fails(await start(engine, hungry, "n bigint"))
        assert error.name == "EXCEEDED_LOCAL_MEMORY_LIMIT"
        assert "fewer columns" in error.message
        assert await client.rows(ONE) == [(1,)]
    kept = only(engine)  # a worker that was left too little room has been replaced
    assert kept != pid or memory(pid) - before <= 512 << 20


async def test_a_stalled_client_holds_no_more_than_a_draining_one(engine: EmbeddedEngine) -> None:
    async def peak(pause: float) -> int:
        await client_one(engine)
        pid = only(engine)
        forget_peak(pid)
        stream = await start(engine, BILLION, "n bigint; s varchar", max_rows=300_000)
        with pytest.raises(MeshgateError):  # noqa: PT012 - the loop is the statement
            async for _ in stream.batches():
                await asyncio.sleep(pause)
                pause = 0
        return memory(pid)

    assert await peak(1.5) <= 1.5 * await peak(0)


async def client_one(engine: EmbeddedEngine) -> None:
    assert await Client(engine).rows(ONE) == [(1,)]


async def test_a_vanished_client_frees_the_worker(engine: EmbeddedEngine, client: Client) -> None:
    stream = await start(engine, BILLION, "n bigint; s varchar")
    batches = stream.batches()
    assert (await anext(batches)).num_rows > 0
    await batches.aclose()
    assert await asyncio.wait_for(client.rows(ONE), 5) == [(1,)]


async def test_cancel_is_idempotent_and_never_looks_like_the_end(
    engine: EmbeddedEngine, client: Client
) -> None:
    stream = await start(engine, ENDLESS, "n bigint")
    await asyncio.sleep(0.2)
    await asyncio.gather(stream.cancel(), stream.cancel())
    assert (await fails(stream)).name == "USER_CANCELED"
    await stream.cancel()
    assert await asyncio.wait_for(client.rows(ONE), 5) == [(1,)]


async def test_a_caller_that_gives_up_while_starting_frees_the_worker(
    engine: EmbeddedEngine, client: Client
) -> None:
    for turns in range(6):
        starting = asyncio.ensure_future(start(engine, ENDLESS, "n bigint"))
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await starting).cancel()
    assert await asyncio.wait_for(client.rows(ONE), 20) == [(1,)]


async def test_signals_for_the_gateway_do_not_end_its_workers(
    engine: EmbeddedEngine, client: Client
) -> None:
    await client.rows(ONE)
    pid = only(engine)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    assert os.getpgid(pid) != os.getpgid(0)
    assert await client.rows(ONE) == [(1,)]
    assert only(engine) == pid


async def test_a_killed_worker_fails_one_query_and_is_replaced(
    engine: EmbeddedEngine, client: Client
) -> None:
    stream = await start(engine, BILLION, "n bigint; s varchar")
    batches = stream.batches()
    await anext(batches)
    killed = only(engine)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(MeshgateError) as caught:
        async for _ in batches:
            pass
    assert caught.value.name == "GENERIC_INTERNAL_ERROR"
    assert "run it again" in caught.value.message
    assert await asyncio.wait_for(client.rows(ONE), 20) == [(1,)]
    assert only(engine) != killed


async def test_a_worker_that_died_while_idle_fails_nobody(
    engine: EmbeddedEngine, client: Client
) -> None:
    await client.rows(ONE)
    await asyncio.sleep(0.5)
    killed = only(engine)
    os.kill(killed, signal.SIGKILL)
    await asyncio.sleep(0.2)
    assert await asyncio.wait_for(client.rows(ONE), 30) == [(1,)]
    assert only(engine) != killed


async def test_a_worker_that_does_not_obey_is_killed(
    engine: EmbeddedEngine, client: Client
) -> None:
    await client.rows(ONE)
    pid = only(engine)
    stream = await start(engine, ENDLESS, "n bigint", deadline_seconds=1.0)
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGSTOP)
    assert (await fails(stream)).name == "EXCEEDED_TIME_LIMIT"
    assert await asyncio.wait_for(client.rows(ONE), 20) == [(1,)]


@pytest_asyncio.fixture(loop_scope="module")
async def narrow() -> AsyncIterator[EmbeddedEngine]:
    made = EmbeddedEngine(workers=1, waiting=1, memory_bytes=256 << 20, queries_per_worker=2)
    await made.start()
    yield made
    await made.close()


async def test_the_queue_is_bounded_and_waiting_counts(narrow: EmbeddedEngine) -> None:
    running = await start(narrow, ENDLESS, "n bigint")
    waiting = asyncio.ensure_future(start(narrow, ENDLESS, "n bigint", deadline_seconds=0.5))
    await asyncio.sleep(0.1)
    with pytest.raises(MeshgateError) as caught:
        await start(narrow, "SELECT 1", "n integer")
    assert caught.value.name == "QUERY_QUEUE_FULL"
    with pytest.raises(MeshgateError) as caught:
        await waiting
    assert caught.value.name == "EXCEEDED_TIME_LIMIT"
    await running.cancel()
    await client_one(narrow)


async def test_workers_are_replaced_by_count(narrow: EmbeddedEngine) -> None:
    seen = set()
    for _ in range(4):
        await client_one(narrow)
        seen |= narrow.worker_pids
    assert len(seen) >= 2


async def test_a_closed_engine_leaves_no_process() -> None:
    made = EmbeddedEngine(workers=2, memory_bytes=256 << 20)
    await made.start()
    pids = made.worker_pids
    assert len(pids) == 2
    await made.close()
    assert not any(lives(pid) for pid in pids)


ORPHAN = """
import asyncio, os
from gateway.engines.duckdb import EmbeddedEngine
async def main():
    engine = EmbeddedEngine(workers=1)
    await engine.start()
    print(*engine.worker_pids, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_workers_end_with_the_gateway() -> None:
    command = [sys.executable, "-c", ORPHAN]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220 - at once
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(await asyncio.to_thread(parent.stdout.readline))
    parent.kill()
    parent.wait()
    for _ in range(50):
        if not lives(worker):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the worker outlived its gateway")


async def test_a_wrong_number_of_columns_is_our_defect(engine: EmbeddedEngine) -> None:
    error = await fails(await start(engine, "SELECT 1, 2", "n integer"))
    assert error.name == "GENERIC_INTERNAL_ERROR"


async def test_answers_of_nothing_are_whole(client: Client, lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    query = governed('SELECT id FROM "lake.s.t:0" WHERE id > 5', "id bigint", scan(table))
    assert await client.rows(query) == []
