from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from gateway.audit.model import AuditRecord, Result, StatementText, TableUse, Who
from gateway.audit.store import AuditStore
from gateway.errors import MeshgateError
from gateway.state.connection import SqliteConnection

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def record(query_id: str = "q1", phase: str = "started", **changes: object) -> AuditRecord:
    text = StatementText("QUERY", "SELECT ?", "f" * 64)
    return replace(AuditRecord(query_id, phase, NOW, Who("alice"), text), **changes)


def table(name: str) -> tuple[TableUse, ...]:
    return (TableUse(name, "allow"),)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit" / "records.db"


@pytest.fixture
def store(path):
    opened = AuditStore(path)
    yield opened
    opened.close()


def on_disk(path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as other:
        return other.execute("SELECT query_id, phase FROM audit_record ORDER BY seq").fetchall()


async def test_a_started_record_is_committed_when_started_returns(store, path):
    await store.started(record())
    assert on_disk(path) == [("q1", "started")]


async def test_one_record_per_query_and_phase_the_first_stands(store, path):
    await store.finished(record(phase="finished", result=Result("cancelled")))
    await store.finished(record(phase="finished", result=Result("finished", rows=9)))
    assert on_disk(path) == [("q1", "finished")]
    assert (await store.find("q1"))["result"]["state"] == "cancelled"


async def test_a_phase_cannot_be_written_as_the_other(store):
    with pytest.raises(ValueError, match="finished record"):
        await store.started(record(phase="finished"))


async def test_many_writers_share_commits_and_lose_nothing(store, path):
    await asyncio.gather(*(store.started(record(f"q{n}")) for n in range(500)))
    assert len(on_disk(path)) == 500


async def test_two_event_loops_can_write(store, path):
    thread = threading.Thread(target=lambda: asyncio.run(store.started(record("other"))))
    thread.start()
    await store.started(record("here"))
    await asyncio.to_thread(thread.join)
    assert {query for query, _ in on_disk(path)} == {"here", "other"}


async def test_a_store_that_fails_refuses_then_recovers(store, path):
    await store.started(record("before"))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("DROP TABLE audit_table")
    blocker.execute("ALTER TABLE audit_record RENAME TO moved")
    with pytest.raises(MeshgateError) as caught:
        await store.started(record("during"))
    assert caught.value.name == "CONFIGURATION_UNAVAILABLE"
    assert "access records are unavailable" in caught.value.message
    blocker.execute("ALTER TABLE moved RENAME TO audit_record")
    blocker.close()
    await store.started(record("after"))
    assert [query for query, _ in on_disk(path)] == ["before", "after"]


async def test_a_closed_store_refuses(path):
    store = AuditStore(path)
    store.close()
    store.close()
    with pytest.raises(MeshgateError, match="access records are unavailable"):
        await store.started(record())


def test_a_store_that_cannot_be_opened_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("not a database, and long enough to be taken for one" * 50)
    with pytest.raises(sqlite3.DatabaseError):
        AuditStore(tmp_path / "file")


def test_a_store_of_a_later_version_is_left_alone(path):
    SqliteConnection(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="version 99"):
        AuditStore(path)


@pytest.mark.usefixtures("store")
def test_nobody_else_may_read_the_file(path):
    assert path.stat().st_mode & 0o077 == 0


async def test_queries_are_found_by_principal_table_and_outcome(store):
    await store.started(record("q1", tables=table("a.b.c")))
    await store.finished(
        record("q1", "finished", tables=table("a.b.c"), result=Result("finished", rows=3))
    )
    await store.finished(
        record("q2", "finished", who=Who("bob"), result=Result("refused", "TABLE_NOT_FOUND"))
    )
    await store.started(record("q3", tables=table("a.b.d")))

    async def ids(**wanted: object) -> list[str]:
        return [body["query_id"] for body in await store.query(**wanted)]

    assert await ids() == ["q3", "q2", "q1"]
    assert await ids(principal="bob") == ["q2"]
    assert await ids(table="a.b.c") == ["q1"]
    assert await ids(outcome="TABLE_NOT_FOUND") == ["q2"]
    assert await ids(outcome="finished") == ["q1"]
    assert await ids(limit=1) == ["q3"]
    assert await ids(principal="bob", table="a.b.c") == []
    assert [body["phase"] for body in await store.query(principal="alice")] == [
        "started",
        "finished",
    ]


async def test_the_reaper_closes_what_nobody_runs(store):
    old = NOW - timedelta(hours=1)
    await store.started(record("lost", time=old, tables=table("a.b.c")))
    await store.started(record("running", time=old))
    await store.started(record("young"))
    assert await store.close_abandoned({"running"}, NOW) == 1
    found = {body["query_id"]: body for body in await store.query()}
    assert found["lost"]["phase"] == "finished"
    assert found["lost"]["result"]["state"] == "abandoned"
    assert found["running"]["phase"] == found["young"]["phase"] == "started"
    assert [body["query_id"] for body in await store.query(table="a.b.c")] == ["lost"]
    assert await store.close_abandoned({"running"}, NOW) == 0


def test_a_body_is_canonical_sorted_and_without_floats():
    body = record(claimed={"b": "2", "a": "1"}).body()
    document = orjson.loads(body)
    assert body == orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    assert document["schema"] == "meshgate.audit/1"
    assert document["time"] == "2026-01-02T03:04:05.000006Z"
    assert not list(_floats(document))


def _floats(value: object):
    if isinstance(value, dict):
        for inner in value.values():
            yield from _floats(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _floats(inner)
    elif isinstance(value, float):
        yield value


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        record(time=datetime(2026, 1, 1)).body()  # noqa: DTZ001 - the point
