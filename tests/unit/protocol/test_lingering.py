"""Ended statements keep their last page for a retry, but never more than a bound of bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.protocol import table


async def test_last_pages_of_ended_statements_are_bounded(
    world, make_rows, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "_LINGER_BYTES", 100_000)
    world.service.plans["some"] = make_rows(pa.table({"n": pa.array(range(5_000), pa.int64())}))
    client = world.client()
    last = []
    for _ in range(10):
        pages = await client.pages("some")
        last.append(pages[-2]["nextUri"])
    held = sum(query.held_bytes for query in world.queries._queries.values())
    assert 0 < held <= 200_000
    assert (await client.get(last[-1])).status == 200, "the newest can be asked for again"
    assert (await client.get(last[0])).status == 404, "the oldest was let go"
