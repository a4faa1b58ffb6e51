"""A statement keeps its last page for a retry; all together never more than a bound of bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.protocol.messages import Page, Stats
from gateway.protocol.served import GoneError, ServedPages


def page(size: int) -> Page:
    return Page("q", "http://localhost", Stats("RUNNING"), b"[]", data=b"x" * size)


def test_the_newest_pages_stay_within_the_bound():
    pages = ServedPages(limit=100_000)
    for number in range(10):
        pages.keep(f"q{number}", page(30_000))
        assert pages.held_bytes <= 100_000
    assert pages.again("q9").data
    with pytest.raises(GoneError):
        pages.again("q0")


def test_a_page_takes_the_place_of_the_one_before_it():
    pages = ServedPages(limit=100_000)
    first, second = page(60_000), page(60_001)
    pages.keep("q", first)
    pages.keep("q", second)
    assert pages.again("q") is second
    pages.drop("q")
    pages.drop("q")
    assert pages.held_bytes == 0


def test_one_page_larger_than_the_bound_is_kept():
    pages = ServedPages(limit=10)
    pages.keep("small", page(1))
    pages.keep("large", page(5_000_000))
    assert pages.again("large").data


async def test_last_pages_of_all_statements_are_bounded(world, make_rows):
    world.queries.pages = ServedPages(limit=100_000)
    world.service.plans["some"] = make_rows(pa.table({"n": pa.array(range(5_000), pa.int64())}))
    client = world.client()
    last = []
    for _ in range(10):
        pages = await client.pages("some")
        last.append(pages[-2]["nextUri"])
    assert 0 < world.queries.pages.held_bytes <= 100_000
    assert (await client.get(last[-1])).status == 200, "the newest can be asked for again"
    assert (await client.get(last[0])).status == 410, "the oldest was let go"
