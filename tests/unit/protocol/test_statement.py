"""The life of a statement over the protocol."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticator
from gateway.identity.directory import Directory
from gateway.identity.tokens import ApiToken, mint
from gateway.protocol.http import Edge
from gateway.protocol.table import Limits
from gateway.results import ResultColumn
from gateway.sql.model import GovernedQuery, Kind

KEYS = [
    "id", "infoUri", "partialCancelUri", "nextUri", "columns", "data", "stats", "error",
    "warnings", "updateType", "updateCount",
]  # fmt: skip


def numbers(count):
    return pa.table({"n": pa.array(range(count), pa.int64())})


def rows(pages):
    return [row for page in pages for row in page.get("data", [])]


async def test_one_row_takes_two_exchanges(world):
    pages = await world.client().pages("SELECT 1")
    assert rows(pages) == [[1]]
    assert len(pages) == 2
    assert pages[0]["stats"]["state"] == "QUEUED"
    assert pages[1]["stats"]["state"] == "FINISHED"


async def test_the_post_never_carries_columns_or_rows(world):
    page = (await world.client().post("SELECT 1")).page
    assert "data" not in page
    assert "columns" not in page
    assert page["infoUri"] == f"http://localhost:8080/ui/query.html?{page['id']}"


async def test_keys_keep_trinos_order(world):
    world.service.stream_options = {"pause": 0.001}
    world.service.plans["big"] = rows_plan = world.service.plans["SELECT 1"]
    assert rows_plan
    for page in await world.client().pages("big"):
        positions = [KEYS.index(key) for key in page]
        assert positions == sorted(positions)
        assert page["warnings"] == []


async def test_nothing_starts_before_the_first_get(world):
    client = world.client()
    page = (await client.post("SELECT 1")).page
    assert (await client.request("HEAD", page["nextUri"])).status == 200
    await asyncio.sleep(0.01)
    assert world.service.streams == []
    await client.get(page["nextUri"])
    assert len(world.service.streams) == 1


async def test_the_same_token_again_gives_the_same_bytes(world):
    client = world.client()
    uri = (await client.post("SELECT 1")).page["nextUri"]
    first, again = await client.get(uri), await client.get(uri)
    assert first.body == again.body
    assert len(world.service.streams) == 1


async def test_two_polls_at_once_get_one_page(world):
    client = world.client()
    uri = (await client.post("SELECT 1")).page["nextUri"]
    first, second = await asyncio.gather(client.get(uri), client.get(uri))
    assert first.body == second.body


async def test_older_pages_are_gone(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(400_000))
    client = world.client()
    pages = await client.pages("many")
    assert len(pages) > 3
    assert rows(pages) == [[n] for n in range(400_000)]
    assert (await client.get(pages[0]["nextUri"])).status == 410
    assert (await client.get(pages[1]["nextUri"])).status in {200, 410}
    assert (await client.get(pages[-2]["nextUri"])).status == 200


async def test_pages_are_about_a_mebibyte(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(600_000))
    client = world.client()
    uri = (await client.post("many")).page["nextUri"]
    sizes = []
    while uri:
        reply = await client.get(uri)
        sizes.append(len(reply.body))
        uri = reply.page.get("nextUri")
    assert max(sizes) < 2.2 * (1 << 20)
    assert len(sizes) < 12


async def test_a_slow_client_holds_a_bounded_number_of_batches(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000}
    client = world.client()
    await client.get((await client.post("many")).page["nextUri"])
    await asyncio.sleep(0.3)
    early = world.service.streams[0].read
    await asyncio.sleep(0.3)
    assert world.service.streams[0].read == early < 1500
    await world.queries.drain(0)


async def test_slow_statements_answer_within_about_a_second(world):
    world.service.stream_options = {"pause": 1.3}
    started = asyncio.get_running_loop().time()
    client = world.client()
    uri = (await client.post("SELECT 1")).page["nextUri"]
    page = (await client.get(uri)).page
    assert asyncio.get_running_loop().time() - started < 1.25
    assert "data" not in page
    assert page["stats"]["state"] == "RUNNING"
    assert page["columns"][0]["name"] == "n"
    last = (await client.get(page["nextUri"])).page
    assert last["data"] == [[1]]


async def test_no_rows_means_no_data_key(world, make_rows):
    world.service.plans["none"] = make_rows(numbers(0))
    pages = await world.client().pages("none")
    assert all("data" not in page for page in pages)
    assert pages[-1]["columns"][0]["type"] == "bigint"


async def test_refusals_are_pages_with_status_200(world):
    reply = await world.client().post("SELEC 1")
    assert reply.status == 200
    error = reply.page["error"]
    assert error["errorName"] == "SYNTAX_ERROR"
    assert error["errorLocation"] == {"lineNumber": 1, "columnNumber": 1}
    assert list(error["failureInfo"]) == ["type", "message", "suppressed", "stack"]
    assert "nextUri" not in reply.page


async def test_a_location_outside_the_users_text_is_left_out(world):
    world.service.plans["x"] = MeshgateError("SYNTAX_ERROR", "no", line=7, column=1)
    assert "errorLocation" not in (await world.client().post("x")).page["error"]


async def test_a_defect_shows_nothing_but_the_query_id(world):
    world.service.plans["x"] = RuntimeError("secret row value")
    page = (await world.client().post("x")).page
    assert page["error"]["errorName"] == "GENERIC_INTERNAL_ERROR"
    assert page["id"] in page["error"]["message"]
    assert "secret" not in str(page)


async def test_a_failure_while_running_keeps_the_columns(world):
    world.service.stream_options = {"fails": MeshgateError("DIVISION_BY_ZERO", "/ by zero")}
    last = (await world.client().pages("SELECT 1"))[-1]
    assert last["error"]["errorName"] == "DIVISION_BY_ZERO"
    assert last["columns"][0]["name"] == "n"


async def test_a_defect_while_running_is_an_internal_error(world):
    world.service.stream_options = {"fails": ValueError("secret row value")}
    last = (await world.client().pages("SELECT 1"))[-1]
    assert last["error"]["errorName"] == "GENERIC_INTERNAL_ERROR"
    assert "secret" not in str(last)
    assert world.service.streams[0].ended == ["failed GENERIC_INTERNAL_ERROR"]


async def test_cancel_stops_the_stream_and_the_next_page_says_so(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000}
    client = world.client()
    page = (await client.post("many")).page
    page = (await client.get(page["nextUri"])).page
    assert (await client.request("DELETE", page["nextUri"])).status == 204
    assert (await client.request("DELETE", page["nextUri"])).status == 204
    assert world.service.streams[0].ended == ["cancelled"]
    last = (await client.get(page["nextUri"])).page
    assert last["error"]["errorName"] == "USER_CANCELED"
    assert "data" not in last


async def test_cancel_before_the_first_get_never_starts(world):
    client = world.client()
    page = (await client.post("SELECT 1")).page
    assert (await client.request("DELETE", page["nextUri"])).status == 204
    last = (await client.get(page["nextUri"])).page
    assert last["error"]["errorName"] == "USER_CANCELED"
    assert world.service.streams == []


async def test_partial_cancel_keeps_what_waits_and_ends_well(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000}
    client = world.client()
    page = (await client.get((await client.post("many")).page["nextUri"])).page
    assert (await client.request("DELETE", page["partialCancelUri"])).status == 204
    count = 0
    while "nextUri" in page:
        page = (await client.get(page["nextUri"])).page
        count += 1
    assert page["stats"]["state"] == "FINISHED"
    assert "error" not in page
    assert count <= 4


async def test_cancel_by_query_id_is_for_the_owner_and_operators(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000}
    page = (await world.client().post("many")).page
    path = f"/v1/query/{page['id']}"
    assert (await world.client("bob").request("DELETE", path)).status == 404
    assert (await world.client("bob").get(path)).status == 404
    assert (await world.client("root").get(path)).status == 404
    assert (await world.client().get(path)).page["query"] == "many"
    assert (await world.client("root").request("DELETE", path)).status == 204
    assert (await world.client().get(path)).page["errorName"] == "USER_CANCELED"


async def test_warnings_are_identical_on_every_page(world, make_rows, note):
    notes = [
        note(1296498689, "MESHGATE_ROWS_FILTERED", "rows limited"),
        note(1296498690, "MESHGATE_MASKED", "masked"),
        note(1296498690, "MESHGATE_MASKED", "again"),
    ]
    world.service.plans["many"] = make_rows(numbers(400_000), warnings=notes)
    pages = await world.client().pages("many")
    assert len({str(page["warnings"]) for page in pages}) == 1
    assert [w["warningCode"]["code"] for w in pages[0]["warnings"]] == [1296498689, 1296498690]


async def test_the_access_fingerprint_depends_on_who_asks(world):
    replies = [await world.client(user).post("SELECT 1") for user in ("alice", "alice", "bob")]
    marks = [reply.headers["x-meshgate-access"] for reply in replies]
    assert marks[0] == marks[1] != marks[2]
    assert all(reply.headers["cache-control"] == "no-store" for reply in replies)


async def test_a_type_that_cannot_be_printed_is_refused_at_post(world, make_rows):
    kind = DataType.parse("map(array(integer),integer)")
    world.service.plans["x"] = make_rows(numbers(1), columns=(ResultColumn("m", kind),))
    page = (await world.client().post("x")).page
    assert page["error"]["errorName"] == "NOT_SUPPORTED"
    assert world.service.streams == []


async def test_too_many_open_statements(make_world, make_rows):
    world = make_world(Limits(max_open=3, max_open_per_principal=2))
    world.service.plans["SELECT 1"] = make_rows()
    alice, bob = world.client(), world.client("bob")
    names = [(await alice.post("SELECT 1")).page.get("error", {}).get("errorName") for _ in "123"]
    assert names == [None, None, "QUERY_QUEUE_FULL"]
    assert "error" not in (await bob.post("SELECT 1")).page
    assert (await bob.post("SELECT 1")).page["error"]["errorName"] == "QUERY_QUEUE_FULL"


async def test_deadline(world, make_rows):
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000, "pause": 0.01}
    client = world.client()
    page = (await client.post("many", ("X-Trino-Session", "query_max_run_time=200ms"))).page
    for _ in range(100):
        if "nextUri" not in page:
            break
        page = (await client.get(page["nextUri"])).page
    assert page["error"]["errorName"] == "EXCEEDED_TIME_LIMIT"
    assert world.service.streams[0].ended == ["failed EXCEEDED_TIME_LIMIT"]


async def test_abandoned_statements_are_ended_and_forgotten(make_world, make_rows):
    world = make_world(Limits(idle_seconds=10))
    world.service.plans["many"] = make_rows(numbers(100_000))
    world.service.stream_options = {"copies": 1000}
    client = world.client()
    page = (await client.get((await client.post("many")).page["nextUri"])).page
    now = asyncio.get_running_loop().time()
    await world.queries.reap_once(now + 5)
    assert world.queries.open_count == 1
    await world.queries.reap_once(now + 11)
    assert world.queries.open_count == 0
    assert world.service.streams[0].ended == ["abandoned"]
    await world.queries.reap_once(now + 120)
    assert (await client.get(page["nextUri"])).status == 404


async def test_draining_refuses_posts_and_lets_polls_finish(world):
    client = world.client()
    page = (await client.post("SELECT 1")).page
    draining = asyncio.create_task(world.queries.drain(5))
    await asyncio.sleep(0)
    assert (await client.post("SELECT 1")).status == 503
    assert (await client.get(page["nextUri"])).page["data"] == [[1]]
    await asyncio.wait_for(draining, 1)


async def test_a_draining_gateway_cancels_what_does_not_end(world):
    client = world.client()
    page = (await client.post("SELECT 1")).page
    await world.queries.drain(0.01)
    assert (await client.get(page["nextUri"])).page["error"]["errorName"] == "USER_CANCELED"


async def test_malformed_requests(world):
    client = world.client()
    assert (await client.post("")).status == 400
    assert (await client.post(b"\xff\xfe")).status == 400
    assert (await client.post("SELECT 1", ("X-Trino-Schema", "s"))).status == 400
    assert (await client.post("SELECT 1", ("X-Trino-Session", "novalue"))).status == 400
    assert (await client.post("SELECT 1", ("X-Trino-Transaction-Id", "7"))).status == 400
    assert (await client.post("SELECT 1", ("Host", "evil.example"))).status == 400
    assert (await client.post(b"x" * ((8 << 20) + 1))).status == 413
    assert (await client.request("PUT", "/v1/statement")).status == 405
    assert (await client.get("/v1/spooled/x")).status == 404


async def test_unknown_properties_and_zones_are_errors_with_status_200(world):
    client = world.client()
    for header in [("X-Trino-Session", "spill=true"), ("X-Trino-Time-Zone", "Mars/Base")]:
        reply = await client.post("SELECT 1", header)
        assert reply.status == 200
        assert reply.page["error"]["errorName"] == "INVALID_SESSION_PROPERTY"


async def test_statistics_of_restricted_statements_hide_volumes(world, make_rows):
    governed = GovernedQuery(
        "SELECT 1", "duckdb", Kind.QUERY, (), (), {}, restricted=True, decision_id="d",
        decision_fingerprint="f",
    )  # fmt: skip
    world.service.plans["filtered"] = replace(make_rows(numbers(5)), governed=governed)
    open_stats = (await world.client().pages("SELECT 1"))[-1]["stats"]
    closed_stats = (await world.client().pages("filtered"))[-1]["stats"]
    assert open_stats["processedRows"] == 1
    hidden = {name for name, value in closed_stats.items() if value == 0}
    assert {"processedRows", "processedBytes", "physicalInputBytes", "cpuTimeMillis"} <= hidden
    assert (closed_stats["totalSplits"], closed_stats["nodes"]) == (100, 1)
    assert "rootStage" not in open_stats | closed_stats


async def test_large_pages_are_packed_for_clients_on_a_network(make_world, make_rows):
    def directory():
        return Directory.of({"principals": {"alice": {}}})

    token, digest = mint("t1")
    tokens = FakeTokens(token, ApiToken("t1", digest, "alice", datetime.max.replace(tzinfo=UTC)))
    login = Authenticator(directory, tokens=tokens)
    world = make_world(authenticator=login, edge=Edge(public_url="https://gw.example"))
    world.service.plans["many"] = make_rows(numbers(20_000))
    client = world.client(peer="10.0.0.9")
    head = [("Authorization", f"Bearer {token}"), ("Accept-Encoding", "gzip, deflate")]
    reply = await client.request("POST", "/v1/statement", head, b"many", scheme="https")
    uri = reply.page["nextUri"]
    assert uri.startswith("https://gw.example/v1/statement/queued/")
    reply = await client.request("GET", uri, head, scheme="https")
    assert reply.headers["content-encoding"] == "gzip"
    page = json.loads(gzip.decompress(reply.body))
    assert page["data"][:2] == [[0], [1]]
    assert len(reply.body) < len(str(page["data"])) / 3
    near = await client.request("GET", uri, head, scheme="https", peer="127.0.0.1")
    assert "content-encoding" not in near.headers


class FakeTokens:
    def __init__(self, text, token):
        self.text, self.token = text, token

    def verify(self, text, _now):
        return self.token if text == self.text else None


async def test_a_command_answers_in_the_post(world, make_command):
    world.service.plans["use"] = make_command(Kind.USE, catalog="lake", schema="claims")
    reply = await world.client().post("use")
    assert reply.page["columns"] == []
    assert reply.page["updateType"] == "USE"
    assert "nextUri" not in reply.page
    assert reply.headers["x-trino-set-catalog"] == "lake"
    assert reply.headers["x-trino-set-schema"] == "claims"
    assert world.service.streams[0].ended == ["finished"]
