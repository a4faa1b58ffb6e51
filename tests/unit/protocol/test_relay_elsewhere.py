"""A statement goes on at any gateway with the same state: restarted, another one, or the reaper."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.protocol.poll import LIFETIME_SECONDS
from gateway.protocol.table import Limits
from gateway.state.store import Change
from tests.unit.protocol.relayworld import PLAIN, RESTRICTED, lost, relay_world
from tests.unit.protocol.test_relay import drained


@pytest.fixture
def world(tmp_path):
    found = relay_world(tmp_path)
    found.service.relays.slots.free = 0  # what is read ahead has tests of its own
    yield found
    found.close()


@pytest.fixture
def other(world):
    found = world.again()
    yield found
    found.close()


def nobody(_query_id, _outcome):
    """Hear of an end, and do nothing."""


async def test_a_killed_gateway_is_followed_by_another(world, other):
    posted = (await world.client().post(RESTRICTED)).page
    page = (await world.client().get(posted["nextUri"])).page
    assert page["data"] == [[1], [2]]
    rest = await drained(other.client(), page)
    assert [found.get("data") for found in rest[1:]] == [[[3]]]
    assert all(found["warnings"] == posted["warnings"] for found in rest)
    assert all(found["stats"]["processedRows"] == 0 for found in rest)
    record = await other.record(page["id"])
    assert (record["phase"], record["result"]["state"]) == ("finished", "finished")
    assert record["result"]["rows"] == 3
    assert record["tables"][0]["name"] == "health.claims.claims"
    assert await other.statements.find(page["id"]) is None
    assert await other.active.of("nurse", fresh=True) == ()


async def test_nothing_was_asked_yet_when_it_was_killed(world, other):
    posted = (await world.client().post(RESTRICTED)).page
    assert (await drained(other.client(), posted))[-1]["stats"]["state"] == "FINISHED"


async def test_a_start_does_not_close_what_goes_on(world, other):
    page = (await world.client().post(PLAIN)).page
    await other.audit.close_abandoned((), datetime.now(UTC))
    assert (await other.record(page["id"]))["phase"] == "started"
    assert "error" not in (await drained(other.client(), page))[-1]


async def test_clients_may_change_gateways_for_each_page(world, other):
    page = (await world.client().post(PLAIN)).page
    data = []
    for at in range(3):
        page = (await (other if at % 2 == 0 else world).client().get(page["nextUri"])).page
        data += page.get("data", [])
    assert data == [[1], [2], [3]]
    assert "nextUri" not in page


async def test_another_gateway_asks_the_cluster_again_for_the_current_page(world, other):
    page = (await world.client().post(PLAIN)).page
    one = (await world.client().get(page["nextUri"])).page
    assert (await other.client().get(page["nextUri"])).page["data"] == one["data"]


async def test_where_the_page_is_gone_the_error_says_so(world, other):
    page = (await world.client().post(PLAIN)).page
    await world.client().get(page["nextUri"])
    world.cluster.fails_once = lost()
    ended = (await other.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "REMOTE_HOST_GONE"


async def test_cancel_at_another_gateway(world, other):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    assert (await other.client().request("DELETE", page["nextUri"])).status == 204
    ((handle, _),) = world.cluster.cancelled
    assert handle.token == 2
    record = await other.record(page["id"])
    assert (record["result"]["state"], record["result"]["rows"]) == ("cancelled", 2)
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "USER_CANCELED"


async def test_cancel_by_id_at_another_gateway(world, other):
    page = (await world.client().post(PLAIN)).page
    await world.client().get(page["nextUri"])
    await world.statements.idle(0.01)  # writes down where it stands
    target = f"/v1/query/{page['id']}"
    assert (await other.client("researcher").request("DELETE", target)).status == 404
    assert world.cluster.cancelled == []
    assert other.queries.open_count == 0
    assert (await other.client().request("DELETE", target)).status == 204
    ((handle, _),) = world.cluster.cancelled
    assert handle.upstream_id.startswith("20261121_120000_00001")
    assert (await other.record(page["id"]))["result"]["state"] == "cancelled"


async def test_the_statement_is_known_without_its_literals(world, other):
    page = (await world.client().post(RESTRICTED + " WHERE amount > 918273.645")).page
    await other.client().get(page["nextUri"])
    seen = (await other.client().request("GET", f"/v1/query/{page['id']}")).body
    assert json.loads(seen)["query"].startswith("SELECT claim_id FROM")
    assert b"918273" not in seen


async def test_one_gateway_ends_what_was_abandoned(world, other):
    page = (await world.client().post(PLAIN)).page
    page = (await world.client().get(page["nextUri"])).page
    await asyncio.sleep(0.06)
    told = []
    await world.service.relays.reap_once(0.02, lambda *ended: told.append(ended))
    await other.service.relays.reap_once(0.02, lambda *ended: told.append(ended))
    assert told == [(page["id"], "abandoned")]
    assert len(world.cluster.cancelled) == 1
    assert (await other.record(page["id"]))["result"]["state"] == "abandoned"
    assert await other.active.of("nurse", fresh=True) == ()


async def test_what_was_ended_does_not_go_on_elsewhere(world, other):
    """Its decision is closed and its record tells an end: no row may follow."""
    page = (await world.client().post(PLAIN)).page
    await asyncio.sleep(0.06)
    await world.service.relays.reap_once(0.02, nobody)
    asked = len(world.cluster.asked)
    ended = (await other.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "USER_CANCELED"
    assert "abandoned" in ended["error"]["message"]
    assert len(world.cluster.asked) == asked


async def test_a_finished_statement_is_not_asked_for_again(world, other):
    last = page = (await world.client().post(PLAIN)).page
    while "nextUri" in page:
        last, page = page, (await world.client().get(page["nextUri"])).page
    asked = len(world.cluster.asked)
    again = (await other.client().get(last["nextUri"])).page
    assert again["error"]["errorName"] == "REMOTE_HOST_GONE"
    assert len(world.cluster.asked) == asked


async def test_a_statement_without_record_does_not_go_on(world, other):
    page = (await world.client().post(PLAIN)).page
    await world.store.write(
        Change(lambda database: database.execute("DELETE FROM audit_table", {}))
    )
    await world.store.write(
        Change(lambda database: database.execute("DELETE FROM audit_record", {}))
    )
    asked = list(world.cluster.asked)
    assert "error" in (await other.client().get(page["nextUri"])).page
    assert world.cluster.asked == asked


async def test_without_the_shared_state_nobody_goes_on(world, other):
    page = (await world.client().post(PLAIN)).page
    await asyncio.sleep(0.01)
    asked = list(world.cluster.asked)
    other.store.close()
    assert (await other.client().get(page["nextUri"])).status == 503
    assert world.cluster.asked == asked


async def test_what_is_asked_for_elsewhere_is_not_abandoned(world, other):
    """The gateway a client left must not end what it reads at another one."""
    world.cluster.batches.append(b"[[4]]")
    left = world.again(limits=Limits(idle_seconds=0.05))
    page = (await left.client().post(PLAIN)).page
    page = (await left.client().get(page["nextUri"])).page
    await asyncio.sleep(0.06)
    page = (await other.client().get(page["nextUri"])).page
    await left.queries.reap_once(time.monotonic())
    assert left.queries.get(page["id"]) is None
    assert world.cluster.cancelled == []
    assert "error" not in (await other.client().get(page["nextUri"])).page
    left.close()


async def test_its_client_is_told_when_it_comes_back(tmp_path):
    world = relay_world(tmp_path, limits=Limits(idle_seconds=0.02))
    page = (await world.client().post(PLAIN)).page
    reaper = asyncio.create_task(world.relays.reap())
    for _ in range(100):
        await asyncio.sleep(0.02)
        if world.cluster.cancelled:
            break
    ended = (await world.client().get(page["nextUri"])).page
    assert ended["error"]["errorName"] == "USER_CANCELED"
    assert "abandoned" in ended["error"]["message"]
    reaper.cancel()
    world.close()


async def test_a_deadline_passes_without_a_client(tmp_path):
    world = relay_world(tmp_path, limits=Limits(run_seconds=0.05))
    page = (await world.client().post(PLAIN)).page
    await asyncio.sleep(0.06)
    await world.service.relays.reap_once(300.0, nobody)
    result = (await world.record(page["id"]))["result"]
    assert (result["state"], result["error_name"]) == ("failed", "EXCEEDED_TIME_LIMIT")
    assert len(world.cluster.cancelled) == 1
    world.close()


async def test_the_reaper_outlives_an_outage(world, monkeypatch):
    monkeypatch.setattr("gateway.query.relaying._REAP_SECONDS", 0.01)
    world.store.close()
    reaper = asyncio.create_task(world.service.relays.reap(1.0, nobody))
    await asyncio.sleep(0.1)
    assert not reaper.done()
    reaper.cancel()


async def test_shutting_down_ends_no_relayed_statement(world, other):
    page = (await world.client().post(PLAIN)).page
    await world.queries.drain(0.01)
    assert world.cluster.cancelled == []
    assert "error" not in (await drained(other.client(), page))[-1]


async def test_tampered_stolen_aged_and_foreign_addresses(world):
    page = (await world.client().post(RESTRICTED)).page
    uri = page["nextUri"]
    head, slug, token = uri.rsplit("/", 2)
    poll = world.sealer.open(*uri.split("/v1/statement/")[1].split("/"))
    flipped = slug[:-2] + ("A" if slug[-2] != "A" else "B") + slug[-1]
    old = world.again(clock=lambda: time.time() - LIFETIME_SECONDS - 1)
    aged = old.sealer.path(poll)
    bare = world.sealer.path(replace(poll, relay=None))
    for target in (f"{head}/{flipped}/{token}", f"{head}/{slug}/2", aged, bare[:-1] + "9"):
        assert (await world.client().get(target)).status == 404
    assert world.cluster.asked == []
    old.close()


async def test_an_address_without_a_place_on_a_cluster_is_unknown_after_a_restart(world, other):
    page = (await world.client().post("SHOW CATALOGS")).page
    assert (await other.client().get(page["nextUri"])).status == 404
