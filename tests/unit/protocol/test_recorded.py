"""Every statement leaves a record, whichever way it ends before it could run."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime

import pytest

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticator
from gateway.identity.directory import Directory
from gateway.identity.tokens import ApiToken, mint
from gateway.protocol.table import Limits
from gateway.query.recording import LoginAttempt
from gateway.results import ResultColumn
from gateway.sql.model import Kind


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (("X-Trino-Session", "spill=true"), "INVALID_SESSION_PROPERTY"),
        (("X-Trino-Time-Zone", "Mars/Base"), "INVALID_SESSION_PROPERTY"),
        (
            ("X-Trino-Transaction-Id", "00000000-0000-4000-8000-000000000000"),
            "UNKNOWN_TRANSACTION",
        ),
    ],
)
async def test_a_refusal_of_the_session_is_recorded(world, header, name):
    page = (await world.client().post("SELECT 1", header)).page
    assert page["error"]["errorName"] == name
    assert world.service.records == [("refused", page["id"], "alice", name, False)]


async def test_a_full_queue_is_recorded(make_world, make_rows):
    world = make_world(Limits(max_open=1))
    world.service.plans["SELECT 1"] = make_rows()
    await world.client().post("SELECT 1")
    page = (await world.client("bob").post("SELECT 1")).page
    assert world.service.records == [("refused", page["id"], "bob", "QUERY_QUEUE_FULL", False)]


async def test_a_type_that_cannot_be_printed_is_recorded_with_its_plan(world, make_rows):
    kind = DataType.parse("map(array(integer),integer)")
    world.service.plans["x"] = make_rows(columns=(ResultColumn("m", kind),))
    page = (await world.client().post("x")).page
    assert world.service.records == [("refused", page["id"], "alice", "NOT_SUPPORTED", True)]
    assert world.queries.open_count == 0


async def test_what_the_service_refused_is_recorded_by_it_alone(world):
    assert "error" in (await world.client().post("nonsense")).page
    assert world.service.records == []


async def test_a_statement_cancelled_before_it_ran(world):
    client = world.client()
    page = (await client.post("SELECT 1")).page
    for _ in range(2):
        assert (await client.request("DELETE", page["nextUri"])).status == 204
    assert world.service.records == [("cancelled", page["id"], "alice", "", True)]
    assert world.service.streams == []


async def test_a_statement_nobody_came_for(make_world, make_rows):
    world = make_world(Limits(idle_seconds=10))
    world.service.plans["SELECT 1"] = make_rows()
    page = (await world.client().post("SELECT 1")).page
    await world.queries.reap_once(asyncio.get_running_loop().time() + 11)
    assert world.service.records == [("abandoned", page["id"], "alice", "", True)]


async def test_a_statement_killed_before_it_ran(world, make_command):
    page = (await world.client().post("SELECT 1")).page
    world.service.plans["kill"] = make_command(Kind.KILL_QUERY, query_id=page["id"])
    await world.client().post("kill")
    assert world.service.records == [("revoked", page["id"], "alice", "", True)]


async def test_a_statement_that_ran_records_itself(world):
    await world.client().pages("SELECT 1")
    assert world.service.streams[0].ended == ["finished"]
    assert world.service.records == []


async def test_without_records_a_statement_still_ends(world):
    async def unavailable(*_):
        raise MeshgateError("CONFIGURATION_UNAVAILABLE", "access records are unavailable")

    client = world.client()
    page = (await client.post("SELECT 1")).page
    world.service.dropped = unavailable
    assert (await client.request("DELETE", page["nextUri"])).status == 204
    assert world.queries.open_count == 0
    world.service.refused = unavailable
    reply = await client.post("SELECT 1", ("X-Trino-Session", "spill=true"))
    assert reply.page["error"]["errorName"] == "CONFIGURATION_UNAVAILABLE"


async def test_each_principal_is_shown_its_own_statements(world):
    for user, text in (("alice", "SELECT 1"), ("bob", "SELECT 1"), ("alice", "nonsense")):
        await world.client(user).pages(text)
    await world.client("svc").post("SELECT 1", ("X-Trino-User", "alice"),
                                   ("X-Trino-Original-User", "svc"))  # fmt: skip
    alice, bob = world.queries.own("alice"), world.queries.own("bob")
    assert [(one.text, one.state, one.error_code) for one in alice] == [
        ("SELECT 1", "FINISHED", None), ("nonsense", "FAILED", "SYNTAX_ERROR"),
        ("SELECT 1", "QUEUED", None),
    ]  # fmt: skip
    assert len(bob) == 1
    assert not {one.query_id for one in alice} & {one.query_id for one in bob}
    assert world.queries.own("svc") == world.queries.own("nobody") == ()


PEOPLE = Directory.of({"principals": {"alice": {}, "bob": {}}})


class Passwords:
    def remembered(self, *_):
        return False

    def verify(self, user, password):
        return (user, password) == ("alice", "right")


class Tokens:
    def __init__(self, text, token):
        self.text, self.token = text, token

    def verify(self, text, _now):
        return self.token if text == self.text else None


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def guarded(make_world, make_rows):
    token, digest = mint("t1")
    issued = ApiToken("t1", digest, "alice", datetime.max.replace(tzinfo=UTC), "care")
    login = Authenticator(lambda: PEOPLE, passwords=Passwords(), tokens=Tokens(token, issued))
    world = make_world(authenticator=login)
    world.service.plans["SELECT 1"] = make_rows()
    return world, token


@pytest.mark.parametrize(
    ("credential", "claimed", "method"),
    [
        (basic("alice", "wrong"), "alice", "basic"),
        (basic("hunter2", "alice"), "", "basic"),
        (basic("alice", "mg_t1_" + "x" * 40), "alice", "basic"),
        ("Bearer mg_t1_" + "x" * 40, "", "bearer"),
    ],
)
async def test_a_failed_login_is_recorded_without_its_credential(
    guarded, credential, claimed, method
):
    world, _ = guarded
    reply = await world.client(None).post("SELECT 1", ("Authorization", credential))
    assert reply.status == 401
    assert world.service.logins == [LoginAttempt(claimed, method, "127.0.0.1")]


async def test_no_login_and_too_many_are_not_recorded(guarded):
    world, _ = guarded
    client = world.client(None)
    assert (await client.post("SELECT 1")).status == 401
    assert (await client.post("SELECT 1", ("Authorization", "Digest x"))).status == 401
    assert world.service.logins == []
    wrong = ("Authorization", basic("alice", "wrong"))
    statuses = [(await client.post("SELECT 1", wrong)).status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert len(world.service.logins) == 10


async def test_impersonation_that_is_not_allowed_is_recorded(guarded):
    world, token = guarded
    reply = await world.client("bob").post("SELECT 1", ("Authorization", f"Bearer {token}"),
                                           ("X-Trino-User", "bob"))  # fmt: skip
    assert reply.status == 403
    assert world.service.logins == [LoginAttempt("alice", "bearer", "127.0.0.1")]


async def test_a_token_for_one_purpose_sets_no_other(guarded, make_command):
    world, token = guarded
    client, login = world.client(None), ("Authorization", f"Bearer {token}")
    for value, refused in (("fraud", True), ("", True), ("care", False)):
        command = make_command(Kind.SET_SESSION, name="meshgate.purpose", value=value)
        world.service.plans["set"] = command
        assert ("error" in (await client.post("set", login)).page) is refused, value


async def test_a_purpose_bound_token_of_a_stated_other_purpose(guarded):
    world, token = guarded
    reply = await world.client(None).post(
        "SELECT 1", ("Authorization", f"Bearer {token}"),
        ("X-Trino-Session", "meshgate.purpose=fraud"),
    )  # fmt: skip
    assert reply.page["error"]["errorName"] == "INVALID_SESSION_PROPERTY"
    (session, _), *rest = world.service.sessions or [(None, None)]
    assert session is None
    assert rest == []
