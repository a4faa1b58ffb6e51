"""Statements in a real audit store: one ``finished`` each, ``started`` only where one ran."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from gateway.audit.store import AuditStore
from gateway.errors import MeshgateError
from gateway.query.recording import LoginAttempt
from gateway.query.running import AnswerStream
from tests.unit.query.mesh import SESSION, Mesh

SQL = "SELECT claim_id FROM claims"


class Engine:
    """Answers two rows, or fails as told."""

    def __init__(self) -> None:
        self.fails: Exception | None = None

    async def run(self, governed: Any, *_: object) -> AnswerStream:
        if self.fails is not None:
            raise self.fails
        return AnswerStream((), pa.table({governed.outputs[0].name: [1, 2]}))


class Recorded:
    """A mesh with a store, and what the store holds."""

    def __init__(self, mesh: Mesh, path: Path) -> None:
        self.engine = Engine()
        self.store = AuditStore(path)
        self.path = path
        self.mesh = Mesh(mesh.world, mesh.policy.inner, engine=self.engine, audit=self.store)
        self.service = self.mesh.service
        found = mesh.world.directory.principal("doctor")
        assert found is not None
        self.doctor = found

    def records(self) -> list[dict[str, Any]]:
        """All records in the order they were written."""
        with sqlite3.connect(self.path) as store:
            bodies = store.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
        return [orjson.loads(body) for (body,) in bodies]

    def ends(self) -> list[tuple[str, str, str]]:
        """Phase, state and error of every record."""
        return [(r["phase"], r["result"]["state"], r["result"]["error_name"])
                for r in self.records()]  # fmt: skip


@pytest.fixture
async def recorded(mesh: Mesh, tmp_path: Path) -> AsyncIterator[Recorded]:
    found = Recorded(mesh, tmp_path / "audit.db")
    yield found
    found.store.close()


async def test_a_statement_that_runs(recorded: Recorded) -> None:
    service, doctor = recorded.service, recorded.doctor
    plan = await service.submit(SQL, SESSION, doctor, "q1")
    assert recorded.ends() == []
    running = await service.start(plan, SESSION, doctor, "q1", 10)
    assert recorded.ends() == [("started", "", "")]
    assert sum([batch.num_rows async for batch in running.batches()]) == 2
    await running.cancel()
    assert recorded.ends() == [("started", "", ""), ("finished", "finished", "")]


@pytest.mark.parametrize("state", ["cancelled", "abandoned", "revoked"])
async def test_a_statement_that_never_ran(recorded: Recorded, state: str) -> None:
    service, doctor = recorded.service, recorded.doctor
    plan = await service.submit(SQL, SESSION, doctor, "q1")
    await service.dropped(plan, SESSION, doctor, "q1", state)
    await service.dropped(plan, SESSION, doctor, "q1", "cancelled")
    (record,) = recorded.records()
    assert (record["phase"], record["result"]["state"]) == ("finished", state)
    assert record["tables"][0]["name"] == "health.claims.claims"
    assert record["why"]["decision_id"]


async def test_a_refusal_by_the_endpoint(recorded: Recorded) -> None:
    error = MeshgateError("QUERY_QUEUE_FULL", "too many statements are open")
    text = "SELECT \"Smith\" FROM claims WHERE claim_id = 47114711 AND region = 'Utopia'"
    await recorded.service.refused(text, SESSION, recorded.doctor, "q1", error)
    (record,) = recorded.records()
    assert record["result"]["error_name"] == "QUERY_QUEUE_FULL"
    assert record["statement"]["redacted_sql"] == (
        "SELECT ? FROM claims WHERE claim_id = ? AND region = ?"
    )
    assert record["why"]["decision_id"] == ""


async def test_a_refusal_after_the_decision(recorded: Recorded) -> None:
    plan = await recorded.service.submit(SQL, SESSION, recorded.doctor, "q1")
    error = MeshgateError("NOT_SUPPORTED", "this type cannot be printed")
    await recorded.service.refused(SQL, SESSION, recorded.doctor, "q1", error, plan)
    (record,) = recorded.records()
    assert (record["result"]["state"], record["result"]["error_name"]) == (
        *("refused", "NOT_SUPPORTED"),
    )
    assert record["why"]["decision_id"]
    assert [table["name"] for table in record["tables"]] == ["health.claims.claims"]


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1 FROM", "SYNTAX_ERROR"),
        ("SELECT 1 FROM nothing", "TABLE_NOT_FOUND"),
        ('SELECT claim_id FROM claims WHERE region = "Utopia"', "COLUMN_NOT_FOUND"),
        ("EXECUTE nothing", "NOT_FOUND"),
    ],
)
async def test_a_refusal_is_recorded_once(recorded: Recorded, sql: str, name: str) -> None:
    with pytest.raises(MeshgateError):
        await recorded.service.submit(sql, SESSION, recorded.doctor, "q1")
    assert recorded.ends() == [("finished", "refused", name)]
    assert "Utopia" not in str(recorded.records())


async def test_a_defect_in_planning_is_recorded(recorded: Recorded) -> None:
    async def broken(_: object) -> None:
        raise ValueError("'secret' is not a number")

    recorded.mesh.policy.decide = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ValueError, match="secret"):
        await recorded.service.submit(SQL, SESSION, recorded.doctor, "q1")
    assert recorded.ends() == [("finished", "refused", "GENERIC_INTERNAL_ERROR")]
    assert "'secret'" not in str(recorded.records())


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (MeshgateError("QUERY_QUEUE_FULL", "the engine is full"), "QUERY_QUEUE_FULL"),
        (ValueError("defect"), "GENERIC_INTERNAL_ERROR"),
    ],
)
async def test_an_engine_that_does_not_start(
    recorded: Recorded, error: Exception, name: str
) -> None:
    recorded.engine.fails = error
    plan = await recorded.service.submit(SQL, SESSION, recorded.doctor, "q1")
    with pytest.raises(type(error)):
        await recorded.service.start(plan, SESSION, recorded.doctor, "q1", 10)
    assert recorded.ends() == [("started", "", ""), ("finished", "failed", name)]


async def test_a_statement_cut_off_names_its_error(recorded: Recorded) -> None:
    plan = await recorded.service.submit(SQL, SESSION, recorded.doctor, "q1")
    running = await recorded.service.start(plan, SESSION, recorded.doctor, "q1", 10)
    await running.cancel("failed", "EXCEEDED_TIME_LIMIT")
    assert recorded.ends()[1:] == [("finished", "failed", "EXCEEDED_TIME_LIMIT")]


async def test_an_explained_refusal_records_what_its_asker_was_not_told(
    recorded: Recorded,
) -> None:
    sql = 'EXPLAIN ACCESS SELECT "Utopia" FROM notes, nothing'
    stranger = recorded.mesh.world.directory.principal("stranger")
    assert stranger is not None
    plan = await recorded.service.submit(sql, SESSION, stranger, "q1")
    running = await recorded.service.start(plan, SESSION, stranger, "q1", 10)
    assert [batch.num_rows async for batch in running.batches()] == [2]
    started, finished = recorded.records()
    assert finished["result"]["state"] == "finished"
    assert [(t["name"], t["effect"], t["hidden"]) for t in started["tables"]] == [
        ("health.claims.notes", "deny", True), ("health.claims.nothing", "absent", False),
    ]  # fmt: skip
    assert "Utopia" not in str(started)


async def test_a_failed_login(recorded: Recorded) -> None:
    await recorded.service.login_failed(LoginAttempt("doctor", "basic", "10.0.0.9"))
    await recorded.service.login_failed(LoginAttempt("", "bearer", "10.0.0.9"))
    first, second = recorded.records()
    assert (first["kind"], first["who"]["id"], first["who"]["method"]) == (
        *("login_failure", "doctor", "basic"),
    )
    assert (first["who"]["peer_address"], second["who"]["id"]) == ("10.0.0.9", "")
    assert first["query_id"] != second["query_id"]


async def test_a_purpose_that_may_be_set(recorded: Recorded) -> None:
    researcher = recorded.mesh.world.directory.principal("researcher")
    assert researcher is not None
    recorded.service.check_purpose("study", researcher)
    with pytest.raises(MeshgateError, match=r"yours: .*study") as caught:
        recorded.service.check_purpose("gossip", researcher)
    assert caught.value.name == "INVALID_SESSION_PROPERTY"
    session = replace(SESSION, properties={"meshgate.purpose": "gossip"})
    with pytest.raises(MeshgateError) as again:
        await recorded.service.submit(SQL, session, researcher, "q1")
    assert again.value.message == caught.value.message


@pytest.fixture
def broken_store(recorded: Recorded) -> Recorded:
    recorded.store.close()
    return recorded


async def test_without_a_store_nothing_is_told(broken_store: Recorded) -> None:
    error = MeshgateError("QUERY_QUEUE_FULL", "too many statements are open")
    with pytest.raises(MeshgateError) as caught:
        await broken_store.service.refused(SQL, SESSION, broken_store.doctor, "q1", error)
    assert caught.value.name == "CONFIGURATION_UNAVAILABLE"
