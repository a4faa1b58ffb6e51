"""What the shared state does on either database; each suite brings ``gateways``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit.model import AuditRecord, Result, StatementText, TableUse, Who
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.relayed import Handle
from gateway.server.state import State
from gateway.state.active import ActiveDecision
from gateway.state.statements import OpenStatement
from gateway.state.store import Change

Gateways = Callable[[], State]
"""Opens one more gateway on the same state."""

SLUG = "yb6ca39f0d1e4c52"


def now() -> datetime:
    return datetime.now(UTC)


def record(query_id: str = "q1", phase: str = "started", **changes: object) -> AuditRecord:
    text = StatementText("QUERY", "SELECT ?", "f" * 64)
    return replace(AuditRecord(query_id, phase, now(), Who("alice"), text), **changes)


def decision(query_id: str = "q1", principal: str = "alice", **changes: object) -> ActiveDecision:
    found = ActiveDecision(
        query_id,
        principal,
        "d1",
        now(),
        now() + timedelta(minutes=5),
        {TableName("lake", "a.b", 'c"'): frozenset({"id", "región"})},
        keyed=True,
        filters={TableName("lake", "a.b", 'c"'): "\"región\" = 'EU'"},
    )
    return replace(found, **changes)


def handle(token: int = 1) -> Handle:
    return Handle("main", "20260102_030405_00006_abcde", "executing", SLUG, token)


def statement(query_id: str = "q1", **changes: object) -> OpenStatement:
    start = now()
    found = OpenStatement(
        query_id, "alice", "svc", handle(), start, start + timedelta(minutes=10), start
    )
    return replace(found, **changes)


class AuditContract:
    async def test_a_record_is_there_when_started_returns(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.audit.started(record())
        assert (await other.audit.find("q1"))["phase"] == "started"

    async def test_the_first_record_of_a_phase_stands_with_its_tables(self, gateways: Gateways):
        audit = gateways().audit
        done = Result("finished", rows=9)
        first = record(phase="finished", result=done, tables=(TableUse("a.b.c", "allow"),))
        late = record(phase="finished", result=Result("cancelled"), tables=(TableUse("x", "deny"),))
        await audit.finished(first)
        await audit.finished(late)
        assert (await audit.find("q1"))["result"]["state"] == "finished"
        assert await audit.query(table="x") == []
        assert len(await audit.query(table="a.b.c")) == 1

    async def test_records_are_found_by_who_what_and_how(self, gateways: Gateways):
        audit = gateways().audit
        await audit.started(record("q1"))
        await audit.finished(record("q1", "finished", result=Result("finished")))
        refused = Result("refused", "TABLE_NOT_FOUND")
        await audit.finished(record("q2", "finished", who=Who("bob"), result=refused))
        await audit.started(record("q3"))

        async def ids(**wanted: object) -> list[str]:
            return [body["query_id"] for body in await audit.query(**wanted)]

        assert await ids() == ["q3", "q2", "q1"]
        assert await ids(principal="bob") == ["q2"]
        assert await ids(outcome="TABLE_NOT_FOUND") == ["q2"]
        assert await ids(outcome="finished") == ["q1"]
        assert await ids(limit=1) == ["q3"]

    async def test_many_at_once_lose_nothing(self, gateways: Gateways):
        audit = gateways().audit
        await asyncio.gather(*(audit.started(record(f"q{n}")) for n in range(600)))
        assert len(await audit.query(limit=1000)) == 600

    async def test_a_query_is_finished_from_its_started_record_once(self, gateways: Gateways):
        one, other = gateways(), gateways()
        read = (TableUse("a.b.c", "allow"),)
        await one.audit.started(record(tables=read, time=now() - timedelta(seconds=2)))
        assert await other.audit.end("q1", Result("finished", rows=3), "trino-1")
        assert not await one.audit.end("q1", Result("cancelled"))
        assert not await one.audit.end("unknown", Result("cancelled"))
        found = await one.audit.find("q1")
        assert (found["phase"], found["result"]["rows"]) == ("finished", 3)
        assert found["engine_query_id"] == "trino-1"
        assert found["cost"]["wall_us"] >= 2_000_000
        assert len(await one.audit.query(table="a.b.c", outcome="finished")) == 1

    async def test_what_one_refuses_spoils_nothing_of_the_others(self, gateways: Gateways):
        audit = gateways().audit
        bad = record("bad", kind=None)
        answers = await asyncio.gather(
            *(audit.started(record(f"q{n}")) for n in range(20)),
            audit.started(bad),
            *(audit.started(record(f"q{n}")) for n in range(20, 40)),
            return_exceptions=True,
        )
        failed = [answer for answer in answers if answer is not None]
        assert [error.name for error in failed] == ["CONFIGURATION_UNAVAILABLE"]
        assert len(await audit.query(limit=100)) == 40

    async def test_a_change_that_fails_takes_its_whole_commit_back(self, gateways: Gateways):
        state = gateways()

        def fail(_: object) -> None:
            raise KeyError("x")

        with pytest.raises(MeshgateError, match="access records are unavailable"):
            await state.audit.started(record(), state.active.opening(decision()), Change(fail))
        assert await state.audit.find("q1") is None
        assert await state.active.of("alice", fresh=True) == ()

    async def test_a_new_start_closes_what_is_neither_running_nor_open(self, gateways: Gateways):
        state = gateways()
        old = now() - timedelta(hours=1)
        for query_id in ("lost", "running", "open"):
            await state.audit.started(record(query_id, time=old))
        await state.audit.started(record("young"))
        await state.statements.open(statement("open"))
        before = now() - timedelta(minutes=1)
        assert await state.audit.close_abandoned({"running"}, before) == 1
        phases = {body["query_id"]: body["phase"] for body in await state.audit.query()}
        assert phases == {
            "lost": "finished", "running": "started", "open": "started", "young": "started",
        }  # fmt: skip
        assert (await state.audit.find("lost"))["result"]["state"] == "abandoned"
        assert await state.audit.close_abandoned({"running"}, before) == 0

    async def test_what_was_lost_long_ago_is_closed_too(self, gateways: Gateways):
        audit = gateways().audit
        ages = [timedelta(hours=n) for n in (0.5, 0.6, 3, 50, 500)]
        for number, age in enumerate(ages):
            await audit.started(record(f"q{number}", time=now() - age))
        await audit.finished(record("q3", "finished", result=Result("finished")))
        assert await audit.close_abandoned(("q0",), now()) == 3
        found = {body["query_id"]: body["result"]["state"] for body in await audit.query()}
        assert found == {
            "q0": "", "q1": "abandoned", "q2": "abandoned", "q3": "finished", "q4": "abandoned",
        }  # fmt: skip


class DecisionsContract:
    async def test_every_gateway_knows_what_one_opened(self, gateways: Gateways):
        one, other = gateways(), gateways()
        opened = decision()
        await one.active.open(opened)
        assert await one.active.of("alice") == (opened,)
        (found,) = await other.active.of("alice")
        assert found == replace(opened, opened=found.opened, expires=found.expires)
        assert await other.active.of("bob") == ()

    async def test_a_refusal_reads_the_table_whatever_is_remembered(self, gateways: Gateways):
        one, other = gateways(), gateways()
        assert await other.active.of("alice") == ()
        await one.active.open(decision("q1"))
        assert await other.active.of("alice") == ()
        assert len(await other.active.of("alice", fresh=True)) == 1
        await other.active.open(decision("q2"))
        await one.active.open(decision("q3"))
        assert {d.query_id for d in await other.active.of("alice", fresh=True)} == {
            "q1", "q2", "q3",
        }  # fmt: skip

    async def test_own_decisions_need_no_look_at_the_table(self, gateways: Gateways):
        state = gateways()
        await state.active.open(decision())
        state.close()
        assert len(await state.active.of("alice")) == 1
        for question in (state.active.of("alice", fresh=True), state.active.of("bob")):
            with pytest.raises(MeshgateError) as caught:
                await question
            assert caught.value.name == "CONFIGURATION_UNAVAILABLE"

    async def test_a_closed_decision_is_gone_everywhere(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.active.open(decision())
        assert await one.active.of("alice", fresh=True)
        await one.active.close("q1")
        assert await one.active.of("alice") == ()
        await one.audit.started(record())  # commits after what was posted
        assert await other.active.of("alice", fresh=True) == ()

    async def test_another_gateway_may_close_it(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.active.open(decision())
        await other.audit.started(record(), other.active.closing("q1"))
        assert await other.active.of("alice", fresh=True) == ()

    async def test_an_expired_decision_allows_nothing(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.active.open(decision(expires=now() - timedelta(seconds=1)))
        assert await one.active.of("alice") == ()
        assert await other.active.of("alice", fresh=True) == ()

    async def test_decisions_outlive_the_gateway_that_opened_them(self, gateways: Gateways):
        one = gateways()
        await one.active.open(decision())
        one.close()
        assert len(await gateways().active.of("alice")) == 1

    async def test_nothing_is_active_before_it_is_durable(self, gateways: Gateways):
        state = gateways()
        state.active.opening(decision())
        assert await state.active.of("alice") == ()
        state.close()
        with pytest.raises(MeshgateError):
            await state.active.open(decision("q2"))
        assert await state.active.of("alice") == ()


class StatementsContract:
    async def test_a_statement_goes_on_after_its_gateway(self, gateways: Gateways):
        one = gateways()
        opened = statement()
        await one.statements.open(opened)
        one.close()
        assert await gateways().statements.find("q1") == opened

    async def test_one_caller_ends_it(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.statements.open(statement())
        ends = await asyncio.gather(
            *(gateway.statements.end("q1") for gateway in (one, other, one, other))
        )
        assert sorted(ends) == [False, False, False, True]
        assert await one.statements.find("q1") is None
        assert not await one.statements.end("unknown")

    async def test_what_nobody_asks_for_is_idle_and_one_takes_it(self, gateways: Gateways):
        one, other = gateways(), gateways()
        old = now() - timedelta(minutes=6)
        await one.audit.started(record(time=old))
        await one.statements.open(statement(opened=old, touched=old))
        await one.statements.open(statement("young"))
        found = [await gateway.statements.idle(300) for gateway in (one, other)]
        assert [[s.query_id for s in each] for each in found] == [["q1"], ["q1"]]
        taken = await asyncio.gather(
            *(
                gateway.audit.end_if(
                    gateway.statements.taking(each[0]), "q1", Result("abandoned"), "trino-1"
                )
                for gateway, each in zip((one, other), found, strict=True)
            )
        )
        assert sorted(taken) == [False, True]
        assert (await one.audit.find("q1"))["result"]["state"] == "abandoned"
        assert await other.statements.idle(300) == ()

    async def test_a_touch_in_between_saves_it(self, gateways: Gateways):
        one, other = gateways(), gateways()
        old = now() - timedelta(minutes=6)
        await one.statements.open(statement(opened=old, touched=old))
        (found,) = await other.statements.idle(300)
        one.statements.touch("q1", handle(7))
        assert await one.statements.idle(300) == ()
        assert not await other.statements.take(found)
        assert (await other.statements.find("q1")).handle == handle(7)

    async def test_a_restarted_gateway_may_touch_what_it_did_not_open(self, gateways: Gateways):
        one, other = gateways(), gateways()
        old = now() - timedelta(minutes=6)
        await one.statements.open(statement(opened=old, touched=old))
        other.statements.touch("q1")
        assert await other.statements.idle(300) == ()
        found = await one.statements.find("q1")
        assert found.handle == handle()
        assert now() - found.touched < timedelta(minutes=1)

    async def test_past_its_deadline_it_is_idle_however_often_asked_for(self, gateways: Gateways):
        state = gateways()
        await state.statements.open(statement(deadline=now() - timedelta(seconds=1)))
        (found,) = await state.statements.idle(300)
        assert await state.statements.take(found)

    async def test_a_statement_without_handle_gets_one_later(self, gateways: Gateways):
        one, other = gateways(), gateways()
        await one.statements.open(statement(handle=None))
        assert (await other.statements.find("q1")).handle is None
        one.statements.touch("q1", handle(2))
        assert (await one.statements.find("q1")).handle == handle(2)
        await one.statements.idle(0.000_001)
        assert (await other.statements.find("q1")).handle == handle(2)

    async def test_all_gateways_seal_with_one_key(self, gateways: Gateways):
        one, other = gateways(), gateways()
        assert one.poll_keys == other.poll_keys
        assert [len(key) for key in one.poll_keys] == [32]
