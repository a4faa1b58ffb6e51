"""The shared state in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from gateway.audit.store import AuditStore
from gateway.server.state import StateError, open_state
from gateway.settings import Settings, StateSettings
from gateway.state import schema
from gateway.state.connection import SqliteConnection
from gateway.state.statements import OpenStatements
from gateway.state.store import Store
from tests.unit.state.contract import (
    SLUG,
    AuditContract,
    DecisionsContract,
    StatementsContract,
    decision,
    now,
    record,
    statement,
)


@pytest.fixture
def gateways(tmp_path):
    opened = []

    def one_more():
        opened.append(open_state(Settings(state=StateSettings(directory=tmp_path / "state"))))
        return opened[-1]

    yield one_more
    for state in opened:
        state.close()


class TestAudit(AuditContract):
    """In SQLite."""


class TestDecisions(DecisionsContract):
    """In SQLite."""


class TestStatements(StatementsContract):
    """In SQLite."""


class Counting(SqliteConnection):
    """Counts commits."""

    commits = 0

    def transaction(self):
        Counting.commits += 1
        return super().transaction()


async def test_an_admission_is_one_commit(tmp_path):
    store = Store(lambda: Counting(tmp_path / "audit.db"))
    state = open_state(Settings(state=StateSettings(directory=tmp_path / "other")))
    Counting.commits = 0
    await AuditStore(store).started(
        record(), state.active.opening(decision()), state.statements.opening(statement())
    )
    store.close()
    state.close()
    assert Counting.commits == 1


async def test_handles_and_keys_are_closed_to_who_reads_the_file(gateways, tmp_path):
    state = gateways()
    await state.statements.open(statement())
    written = (tmp_path / "state" / "audit.db-wal").read_bytes()
    assert b"q1" in written
    assert SLUG.encode() not in written
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "state").glob("*.db"))
    assert (tmp_path / "state" / "poll.keys").stat().st_mode & 0o077 == 0


async def test_a_handle_sealed_by_a_lost_key_is_no_handle(tmp_path):
    store = Store.sqlite(tmp_path / "state.db")
    old, new = b"o" * 32, b"n" * 32
    await OpenStatements(store, (old,)).open(statement())
    assert (await OpenStatements(store, (new, old)).find("q1")).handle == statement().handle
    assert (await OpenStatements(store, (new,)).find("q1")).handle is None
    store.close()


async def test_what_ended_an_hour_ago_leaves_the_table(tmp_path):
    store = Store.sqlite(tmp_path / "state.db")
    clock = [now()]
    statements = OpenStatements(store, (b"k" * 32,), lambda: clock[0])
    await statements.open(statement())
    await statements.end("q1")
    clock[0] += timedelta(hours=2)
    await statements.idle(300)
    assert await store.read(lambda d: d.rows("SELECT count(*) FROM open_statement")) == [(0,)]
    store.close()


async def test_records_of_another_gateway_are_closed_a_day_later(tmp_path):
    store = Store.sqlite(tmp_path / "state.db")
    mine, theirs = AuditStore(store, "mine"), AuditStore(store, "theirs")
    await theirs.started(record("fresh", time=now() - timedelta(hours=1)))
    await theirs.started(record("stale", time=now() - timedelta(hours=25)))
    assert await mine.close_abandoned((), now()) == 1
    assert (await mine.find("stale"))["phase"] == "finished"
    assert await theirs.close_abandoned((), now()) == 1
    store.close()


_VERSION_1 = """
CREATE TABLE audit_record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, query_id TEXT NOT NULL, phase TEXT NOT NULL,
    kind TEXT NOT NULL, time TEXT NOT NULL, principal TEXT NOT NULL, state TEXT NOT NULL,
    error_name TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (query_id, phase));
CREATE TABLE audit_table (
    name TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (name, seq)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


async def test_a_store_of_version_1_keeps_its_records(tmp_path):
    path = tmp_path / "audit.db"
    with sqlite3.connect(path) as old:
        old.executescript(_VERSION_1)
        before = record(time=now() - timedelta(hours=1))
        old.execute(
            "INSERT INTO audit_record (query_id, phase, kind, time, principal, state, error_name,"
            " body) VALUES ('q1', 'started', 'query', ?, 'alice', '', '', ?)",
            (before.time.isoformat(), before.body().decode()),
        )
    audit = AuditStore(path, "me")
    assert (await audit.find("q1"))["who"]["id"] == "alice"
    assert await audit.close_abandoned((), now()) == 1
    await audit.started(record("q2"))
    audit.close()
    with sqlite3.connect(path) as new:
        assert new.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


async def test_posted_changes_are_written_before_the_end(gateways):
    one = gateways()
    await one.active.open(decision())
    await one.active.close("q1")
    one.close()
    assert await gateways().active.of("alice") == ()


def test_a_file_that_is_no_store_stops_the_start(tmp_path):
    (tmp_path / "audit.db").write_text("not a database, and long enough to be taken for one" * 50)
    with pytest.raises(StateError, match="MESHGATE_STATE__DIRECTORY"):
        open_state(Settings(state=StateSettings(directory=tmp_path)))
