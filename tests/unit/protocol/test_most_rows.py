"""``max_rows``: a longer answer fails, and no more rows than allowed were sent before."""

from __future__ import annotations

import pytest

from tests.unit.protocol.relayworld import relay_world
from tests.unit.protocol.test_relay import drained

EVENTS = "SELECT claim_id FROM health.claims.events WHERE kind = 'a'"


@pytest.fixture
def world(tmp_path):
    found = relay_world(tmp_path)
    yield found
    found.close()


def rows_of(pages):
    return [row for page in pages for row in page.get("data", [])]


async def answer(world, batches, *, then=None):
    """All pages of the statement, the last ones asked of another gateway."""
    world.cluster.batches = batches
    page = (await world.client("researcher").post(EVENTS)).page
    first = (await world.client("researcher").get(page["nextUri"])).page
    rest = await drained((then or world).client("researcher"), first)
    return [page, *rest]


async def test_a_longer_answer_of_a_cluster_fails(world):
    pages = await answer(world, [b"[[1]]", b"[[2]]", b"[[3]]", b"[[4]]"])
    assert rows_of(pages) == [[1], [2]]
    assert pages[-1]["error"]["errorName"] == "MESHGATE_QUOTA_EXCEEDED"
    assert "the 2 rows a policy allows" in pages[-1]["error"]["message"]
    assert world.cluster.cancelled
    record = await world.record(pages[-1]["id"])
    assert record["result"]["state"] == "failed"
    assert record["result"]["error_name"] == "MESHGATE_QUOTA_EXCEEDED"


async def test_one_page_of_too_many_rows_is_not_cut(world):
    pages = await answer(world, [b"[[1],[2],[3]]"])
    assert rows_of(pages) == []
    assert pages[-1]["error"]["errorName"] == "MESHGATE_QUOTA_EXCEEDED"


async def test_as_many_as_allowed_are_an_answer(world):
    pages = await answer(world, [b"[[1]]", b"[[2]]"])
    assert rows_of(pages) == [[1], [2]]
    assert "error" not in pages[-1]


async def test_another_gateway_counts_on(world):
    world.service.relays.slots.free = 0
    other = world.again()
    try:
        pages = await answer(world, [b"[[1]]", b"[[2]]", b"[[3]]"], then=other)
        assert rows_of(pages) == [[1], [2]]
        assert pages[-1]["error"]["errorName"] == "MESHGATE_QUOTA_EXCEEDED"
    finally:
        other.close()
