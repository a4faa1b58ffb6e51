"""Session commands: one page, the right headers, the right name."""

from __future__ import annotations

import uuid
from urllib.parse import unquote_plus

import pytest

from gateway.sql.model import Kind


@pytest.fixture
def ask(world, make_command):
    async def run(kind, *headers, user="alice", text=None, **words):
        world.service.plans["command"] = make_command(kind, text, **words)
        return await world.client(user).post("command", *headers)

    return run


def error(reply):
    return reply.page["error"]["errorName"]


async def test_use_of_what_is_not_visible(ask):
    assert error(await ask(Kind.USE, catalog="dark", schema="x")) == "CATALOG_NOT_FOUND"
    assert error(await ask(Kind.USE, catalog="lake", schema="hr")) == "NOT_FOUND"
    reply = await ask(Kind.USE, catalog="lake", schema="broken")
    assert error(reply) == "CONFIGURATION_UNAVAILABLE"
    assert error(await ask(Kind.USE, schema="claims")) == "MISSING_CATALOG_NAME"
    reply = await ask(Kind.USE, ("X-Trino-Catalog", "lake"), schema="claims")
    assert reply.headers["x-trino-set-schema"] == "claims"
    assert "x-trino-set-catalog" not in reply.headers


async def test_a_refused_command_is_recorded_and_never_starts(ask, world):
    reply = await ask(Kind.USE, catalog="dark", schema="x")
    expected = ("refused", reply.page["id"], "alice", "CATALOG_NOT_FOUND", True)
    assert world.service.records == [expected]
    assert world.service.streams == []


async def test_a_purpose_is_checked_where_it_is_set(ask):
    reply = await ask(Kind.SET_SESSION, name="meshgate.purpose", value="care")
    assert reply.headers["x-trino-set-session"] == "meshgate.purpose=care"
    reply = await ask(Kind.SET_SESSION, name="meshgate.purpose", value="gossip")
    assert error(reply) == "INVALID_SESSION_PROPERTY"
    assert "x-trino-set-session" not in reply.headers
    assert (
        "x-trino-set-session"
        in (await ask(Kind.SET_SESSION, name="meshgate.purpose", value="")).headers
    )


async def test_set_and_reset_session(ask):
    reply = await ask(Kind.SET_SESSION, name="meshgate.reason", value="quarter, end")
    assert reply.headers["x-trino-set-session"] == "meshgate.reason=quarter%2C+end"
    assert reply.page["updateType"] == "SET SESSION"
    assert error(await ask(Kind.SET_SESSION, name="spill", value="1")) == "INVALID_SESSION_PROPERTY"
    reply = await ask(Kind.RESET_SESSION, name="meshgate.reason")
    assert reply.headers["x-trino-clear-session"] == "meshgate.reason"
    assert error(await ask(Kind.RESET_SESSION, name="spill")) == "INVALID_SESSION_PROPERTY"


async def test_a_header_value_cannot_start_another_header(ask):
    reply = await ask(Kind.SET_SESSION, name="meshgate.reason", value="a\r\nX-Evil: 1")
    assert error(reply) == "INVALID_SESSION_PROPERTY"


async def test_set_time_zone(ask):
    reply = await ask(Kind.SET_TIME_ZONE, zone="Europe/Paris")
    assert reply.headers["x-trino-set-session"] == "time_zone_id=Europe%2FParis"
    reply = await ask(Kind.SET_TIME_ZONE, zone=None)
    assert reply.headers["x-trino-clear-session"] == "time_zone_id"
    assert error(await ask(Kind.SET_TIME_ZONE, zone="Mars")) == "INVALID_SESSION_PROPERTY"


async def test_set_role(ask):
    reply = await ask(Kind.SET_ROLE, mode="ROLE", role="analysts")
    assert unquote_plus(reply.headers["x-trino-set-role"]) == "system=ROLE{analysts}"
    assert error(await ask(Kind.SET_ROLE, mode="ROLE", role="finance")) == "ROLE_NOT_FOUND"
    reply = await ask(Kind.SET_ROLE, mode="NONE")
    assert reply.headers["x-trino-set-role"] == "system=NONE"


async def test_prepare_and_deallocate(ask):
    reply = await ask(Kind.PREPARE, name="my q", text="SELECT 'ä,=' || ?")
    name, _, text = reply.headers["x-trino-added-prepare"].partition("=")
    assert (unquote_plus(name), unquote_plus(text)) == ("my q", "SELECT 'ä,=' || ?")
    sent = ("X-Trino-Prepared-Statement", f"{name}={text}")
    reply = await ask(Kind.DEALLOCATE, sent, name="my q")
    assert reply.headers["x-trino-deallocated-prepare"] == "my+q"
    assert error(await ask(Kind.DEALLOCATE, name="other")) == "NOT_FOUND"


async def test_transactions(ask, world):
    none = ("X-Trino-Transaction-Id", "NONE")
    assert error(await ask(Kind.START_TRANSACTION)) == "INCOMPATIBLE_CLIENT"
    reply = await ask(Kind.START_TRANSACTION, none)
    began = reply.headers["x-trino-started-transaction-id"]
    inside = ("X-Trino-Transaction-Id", began)
    assert error(await ask(Kind.START_TRANSACTION, inside)) == "NOT_SUPPORTED"
    assert (await world.client().pages("SELECT 1", inside))[-1]["data"] == [[1]]
    stolen = (await world.client("bob").post("SELECT 1", inside)).page
    assert stolen["error"]["errorName"] == "UNKNOWN_TRANSACTION"
    reply = await ask(Kind.COMMIT, inside)
    assert reply.headers["x-trino-clear-transaction-id"] == "true"
    assert error(await ask(Kind.ROLLBACK, inside)) == "UNKNOWN_TRANSACTION"
    assert error(await ask(Kind.ROLLBACK, none)) == "NOT_IN_TRANSACTION"
    unknown = ("X-Trino-Transaction-Id", str(uuid.uuid4()))
    assert error(await ask(Kind.COMMIT, unknown)) == "UNKNOWN_TRANSACTION"


async def test_kill_query_is_for_owners_and_operators(ask, world):
    page = (await world.client().post("SELECT 1")).page
    kill = {"query_id": page["id"], "message": "too slow"}
    assert error(await ask(Kind.KILL_QUERY, user="bob", **kill)) == "NOT_FOUND"
    assert error(await ask(Kind.KILL_QUERY, query_id="nope")) == "NOT_FOUND"
    assert (await ask(Kind.KILL_QUERY, user="root", **kill)).page["updateType"] == "CALL"
    last = (await world.client().get(page["nextUri"])).page["error"]
    assert last["errorName"] == "ADMINISTRATIVELY_KILLED"
    assert "too slow" in last["message"]
    assert error(await ask(Kind.KILL_QUERY, **kill)) == "NOT_SUPPORTED"


async def test_a_transaction_is_its_owners_alone(ask):
    """Its id is random, and useless in other hands: nobody else reads in it, or ends it."""
    none = ("X-Trino-Transaction-Id", "NONE")
    ids = [
        (await ask(Kind.START_TRANSACTION, none)).headers["x-trino-started-transaction-id"]
        for _ in range(2)
    ]
    assert {uuid.UUID(one).version for one in ids} == {4}
    assert ids[0] != ids[1]
    inside = ("X-Trino-Transaction-Id", ids[0])
    for kind in (Kind.COMMIT, Kind.ROLLBACK, Kind.SET_TIME_ZONE):
        reply = await ask(kind, inside, user="bob", zone="UTC")
        assert error(reply) == "UNKNOWN_TRANSACTION"
        assert "x-trino-clear-transaction-id" not in reply.headers
    reply = await ask(Kind.ROLLBACK, inside)
    assert reply.headers["x-trino-clear-transaction-id"] == "true"
    assert reply.page["updateType"] == "ROLLBACK"


async def test_nobody_crowds_out_the_transactions_of_others(ask):
    none = ("X-Trino-Transaction-Id", "NONE")
    began = (await ask(Kind.START_TRANSACTION, none, user="bob")).headers
    replies = [await ask(Kind.START_TRANSACTION, none) for _ in range(101)]
    assert ["error" in reply.page for reply in replies] == [False] * 100 + [True]
    assert error(replies[-1]) == "QUERY_QUEUE_FULL"
    inside = ("X-Trino-Transaction-Id", began["x-trino-started-transaction-id"])
    assert (await ask(Kind.COMMIT, inside, user="bob")).page["updateType"] == "COMMIT"
