"""Relayed pages: Trino's bytes inside, nothing of Trino around them."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.protocol.table import Limits
from tests.unit.protocol.relayworld import (
    COLUMNS,
    NUMBERS,
    PLAIN,
    RESTRICTED,
    lost,
    relay_world,
)

CLAIMS = TableName("health", "claims", "claims")
KEY_ORDER = [
    "id", "infoUri", "partialCancelUri", "nextUri", "columns", "data", "stats", "error",
    "warnings", "updateType", "updateCount",
]  # fmt: skip


@pytest.fixture
def world(tmp_path):
    found = relay_world(tmp_path)
    yield found
    found.close()


async def drained(client, first):
    """All pages after the POST's."""
    pages = [first]
    while "nextUri" in pages[-1]:
        reply = await client.get(pages[-1]["nextUri"])
        assert reply.status == 200, reply.body
        pages.append(reply.page)
    return pages


async def test_rows_and_columns_pass_through_as_they_are(world):
    world.cluster.batches = [b'[[1.0E16],["\\u00e9"]]', b"[[ 2 ]]"]
    client = world.client()
    page = (await client.post(PLAIN)).page
    seen = []
    while "nextUri" in page:
        reply = await client.get(page["nextUri"])
        seen.append(reply.body)
        page = reply.page
    for batch, body in zip(world.cluster.batches, seen, strict=True):
        assert b'"columns":' + COLUMNS + b',"data":' + batch + b',"stats":' in body
    assert page["stats"]["state"] == "FINISHED"


async def test_nothing_of_the_cluster_stands_in_an_answer(world):
    reply = await world.client().post(RESTRICTED)
    bodies = [reply.body]
    while "nextUri" in reply.page:
        reply = await world.client().get(reply.page["nextUri"])
        bodies.append(reply.body)
        assert "yslug" not in str(reply.headers)
    for body in bodies:
        page = json.loads(body)
        assert list(page) == [key for key in KEY_ORDER if key in page]
        for text in (b"zzzzz", b"yslug", b"yupstreamslug"):
            assert text not in body
        for uri in ("nextUri", "partialCancelUri", "infoUri"):
            assert page.get(uri, "http://localhost:8080/").startswith("http://localhost:8080/")


async def test_numbers_of_restricted_statements_stay_inside(world):
    for page in (await world.client().pages(RESTRICTED))[1:]:
        stats = page["stats"]
        assert stats["nodes"] == 1
        assert stats["totalSplits"] == 100
        assert stats["processedRows"] == stats["processedBytes"] == 0
        assert "rootStage" not in stats
        assert not {4711, 815, 31} & set(stats.values())
    plain = (await world.client().pages(PLAIN))[1]["stats"]
    assert {name: plain[name] for name in NUMBERS} == NUMBERS


async def test_notes_are_the_same_on_every_page(world):
    pages = await world.client().pages(RESTRICTED)
    assert len(pages) == 3
    assert pages[0]["warnings"]
    assert all(page["warnings"] == pages[0]["warnings"] for page in pages)


async def test_governed_text_and_session_reach_the_cluster(world):
    await world.client().post(
        RESTRICTED,
        ("X-Trino-Source", "bi"),
        ("X-Trino-Time-Zone", "Europe/Paris"),
        ("X-Trino-Language", "de-DE"),
        ("X-Trino-Client-Tags", "a,b"),
        ("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME"),
        ("X-Trino-Extra-Credential", "k=v"),
        ("X-Trino-Session", "query_max_run_time=2h,join_distribution_type=broadcast"),
        ("X-Trino-Session", "meshgate.reason=because"),
    )
    governed, settings, attempt = world.cluster.submitted[0]
    assert attempt == 1
    assert "WHERE" in governed.sql
    assert settings.user == "nurse"
    assert settings.trace_token == governed.decision_id
    assert (settings.source, settings.client_tags) == ("bi", ("a", "b"))
    assert (settings.time_zone, settings.language) == ("Europe/Paris", "de-DE")
    assert settings.capabilities == ("PARAMETRIC_DATETIME",)
    capped = f"{world.queries.limits.run_seconds:.3f}s"
    assert dict(settings.properties) == {
        "join_distribution_type": "BROADCAST",
        "query_max_run_time": capped,
    }


async def test_no_time_limit_is_sent_where_the_client_set_none(world):
    await world.client().post(PLAIN)
    assert dict(world.cluster.submitted[0][1].properties) == {}


async def test_the_lock_knows_before_the_cluster_runs_it_and_not_after(world):
    seen = []

    async def look(_handle):
        seen.append(await world.active.of("nurse"))

    world.cluster.before_page = look
    page = (await world.client().pages(RESTRICTED))[-1]
    assert len(seen) == 3
    for decisions in seen:
        (decision,) = decisions
        assert decision.query_id == page["id"]
        assert dict(decision.reads) == {CLAIMS: frozenset({"claim_id", "region"})}
        assert not decision.keyed
    assert await world.active.of("nurse", fresh=True) == ()
    assert await world.statements.find(page["id"]) is None


async def test_keyed_masks_are_told_to_the_lock(world):
    await world.client().post("SELECT member_id FROM health.claims.claims")
    (decision,) = await world.active.of("nurse")
    assert decision.keyed
    assert "member_id" in decision.reads[CLAIMS]


async def test_both_records_stand(world):
    page = (await world.client().post(RESTRICTED)).page
    started = await world.record(page["id"])
    assert (started["phase"], started["result"]["state"]) == ("started", "")
    await drained(world.client(), page)
    finished = await world.record(page["id"])
    assert finished["phase"] == "finished"
    assert finished["result"]["state"] == "finished"
    assert finished["result"]["rows"] == 3
    assert finished["engine_query_id"] == "20261121_120000_00001_zzzzz"


async def test_current_page_again_older_gone(world):
    client = world.client()
    world.cluster.batches.append(b"[[4]]")
    first = (await client.post(PLAIN)).page["nextUri"]
    one = await client.get(first)
    asked = list(world.cluster.asked)
    assert (await client.get(first)).body == one.body
    assert world.cluster.asked == asked
    two = await client.get(one.page["nextUri"])
    assert (await client.get(first)).status == 410
    assert (await client.get(one.page["nextUri"])).body == two.body
    last = await client.get(two.page["nextUri"])
    assert (await client.get(two.page["nextUri"])).body == last.body
    assert "nextUri" not in last.page


async def test_a_heartbeat_does_not_reach_the_cluster(world):
    uri = (await world.client().post(PLAIN)).page["nextUri"]
    await asyncio.sleep(0.01)
    asked = list(world.cluster.asked)
    reply = await world.client().request("HEAD", uri)
    assert (reply.status, reply.body) == (200, b"")
    assert world.cluster.asked == asked


async def test_a_read_begins_before_its_client_asks(world):
    """Its first page alone, which stays the cluster's current one for any gateway."""
    page = (await world.client().post(PLAIN)).page
    await asyncio.sleep(0.01)
    ((first, patience),) = zip(world.cluster.asked, world.cluster.patience, strict=True)
    assert (first.phase, first.token, patience) == ("queued", 1, 0.0)
    assert (await world.client().get(page["nextUri"])).page["data"] == [[1], [2]]


async def test_addresses_of_others_do_not_exist(world):
    uri = (await world.client().post(RESTRICTED)).page["nextUri"]
    for method in ("GET", "HEAD", "DELETE"):
        assert (await world.client("researcher").request(method, uri)).status == 404
    assert world.cluster.asked == world.cluster.cancelled == []


async def test_cancel_reaches_the_cluster_once(world):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    for _ in range(2):
        assert (await world.client().request("DELETE", page["nextUri"])).status == 204
    ((handle, partial),) = world.cluster.cancelled
    assert (handle.slug, handle.token, partial) == ("yslug1", 2, False)
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "USER_CANCELED"
    assert "nextUri" not in ended
    record = await world.record(page["id"])
    assert (record["result"]["state"], record["result"]["rows"]) == ("cancelled", 2)
    assert await world.active.of("nurse", fresh=True) == ()


async def test_a_partial_cancel_goes_on_delivering(world):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    assert (await world.client().request("DELETE", page["partialCancelUri"])).status == 204
    assert [partial for _, partial in world.cluster.cancelled] == [True]
    world.cluster.cancelled.clear()
    assert (await drained(world.client(), page))[-1]["stats"]["state"] == "FINISHED"


async def test_cancel_while_a_page_is_awaited(world):
    world.cluster.slow = asyncio.Event()
    page = (await world.client().post(PLAIN)).page
    waiting = asyncio.create_task(world.client().get(page["nextUri"]))
    await asyncio.sleep(0.05)
    assert (await world.client().request("DELETE", f"/v1/query/{page['id']}")).status == 204
    world.cluster.slow.set()
    ended = (await waiting).page
    assert ended["error"]["errorName"] == "USER_CANCELED"
    assert "data" not in ended
    assert (await world.record(page["id"]))["result"]["state"] == "cancelled"


async def test_kill_is_for_operators(world):
    page = (await world.client().post(RESTRICTED)).page
    text = f"CALL system.runtime.kill_query('{page['id']}', 'too long')"
    assert "error" in (await world.client("researcher").post(text)).page
    assert world.cluster.cancelled == []
    assert "error" not in (await world.client("doctor").post(text)).page
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "ADMINISTRATIVELY_KILLED"
    assert len(world.cluster.cancelled) == 1
    assert (await world.record(page["id"]))["result"]["state"] == "revoked"


async def test_a_deadline_ends_it_on_the_cluster(tmp_path):
    world = relay_world(tmp_path, limits=Limits(run_seconds=0.2))
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    await asyncio.sleep(0.25)
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "EXCEEDED_TIME_LIMIT"
    assert len(world.cluster.cancelled) == 1
    result = (await world.record(page["id"]))["result"]
    assert (result["state"], result["error_name"]) == ("failed", "EXCEEDED_TIME_LIMIT")
    world.close()


async def test_errors_of_the_cluster_end_the_statement(world):
    world.cluster.error = MeshgateError("DIVISION_BY_ZERO", "Division by zero")
    world.cluster.batches = []
    ended = (await world.client().pages(PLAIN))[-1]
    assert ended["error"]["errorName"] == "DIVISION_BY_ZERO"
    assert ended["columns"]
    assert (await world.record(ended["id"]))["result"]["error_name"] == "DIVISION_BY_ZERO"


async def test_a_defect_shows_nothing_and_ends_it_there(world):
    world.cluster.fails_once = RuntimeError("secret text")
    ended = (await world.client().pages(PLAIN))[-1]
    assert ended["error"]["errorName"] == "GENERIC_INTERNAL_ERROR"
    assert "secret" not in json.dumps(ended)
    assert len(world.cluster.cancelled) == 1


async def test_a_lost_statement_is_tried_once_more_before_its_first_row(world):
    world.cluster.fails_once = lost()
    pages = await world.client().pages(PLAIN)
    assert [page.get("data") for page in pages if "data" in page] == [[[1], [2]], [[3]]]
    assert [attempt for _, _, attempt in world.cluster.submitted] == [1, 2]
    assert (await world.record(pages[0]["id"]))["engine_query_id"].startswith(
        "20261121_120000_00002"
    )


async def test_a_lost_statement_fails_after_its_first_row(world):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    assert page["data"]
    world.cluster.fails_once = lost()
    ended = (await drained(world.client(), page))[-1]
    assert ended["error"]["errorName"] == "REMOTE_HOST_GONE"
    assert len(world.cluster.submitted) == 1


async def test_a_cluster_that_refuses_leaves_a_record_and_nothing_else(world):
    world.cluster.refuses = MeshgateError("NO_NODES_AVAILABLE", "no cluster")
    page = (await world.client().post(RESTRICTED)).page
    assert page["error"]["errorName"] == "NO_NODES_AVAILABLE"
    assert "nextUri" not in page
    result = (await world.record(page["id"]))["result"]
    assert (result["state"], result["error_name"]) == ("failed", "NO_NODES_AVAILABLE")
    assert await world.active.of("nurse", fresh=True) == ()
    assert world.queries.open_count == 0


async def test_without_records_nothing_runs(world):
    world.store.close()
    page = (await world.client().post(RESTRICTED)).page
    assert page["error"]["errorName"] == "CONFIGURATION_UNAVAILABLE"
    assert world.cluster.asked == []
    assert len(world.cluster.cancelled) == 1


async def test_without_a_record_of_the_end_no_last_rows(world):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    world.store.close()
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "CONFIGURATION_UNAVAILABLE"
    assert "data" not in ended


async def test_metadata_and_commands_do_not_reach_the_cluster(world):
    for text in ("SHOW CATALOGS", "USE health.claims", "EXPLAIN " + RESTRICTED):
        pages = await world.client().pages(text)
        assert "error" not in pages[-1], pages[-1]
    assert world.cluster.submitted == []


async def test_describe_output_knows_the_types_of_a_cluster_s_columns(world):
    text = "SELECT+claim_id%2C+region+FROM+health.claims.claims"
    prepared = ("X-Trino-Prepared-Statement", f"p={text}")
    pages = await world.client().pages("DESCRIBE OUTPUT p", prepared)
    rows = [row for page in pages for row in page.get("data", [])]
    assert [(row[0], row[4]) for row in rows] == [("claim_id", "bigint"), ("region", "varchar")]
    assert world.cluster.submitted == []


async def test_describe_output_of_what_only_a_cluster_computes(world):
    text = "SELECT approx_distinct(claim_id) FROM health.claims.claims".replace(" ", "+")
    prepared = ("X-Trino-Prepared-Statement", f"p={text}")
    pages = await world.client().pages("DESCRIBE OUTPUT p", prepared)
    assert "error" not in pages[-1]
    assert [row[4] for page in pages for row in page.get("data", [])] == ["unknown"]
