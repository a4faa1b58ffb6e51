from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.names import TableName
from gateway.policy.model import FieldCondition
from tests.unit.engines.lake import Client, Lake, governed, scan

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = pa.table(
    {
        "id": pa.array(range(1000), pa.int64()),
        "region": ["EU" if i % 2 else "US" for i in range(1000)],
        "code": [str(i) if i % 2 else f"secret-{i}" for i in range(1000)],
    }
)
EU = FieldCondition("eq", "region", "EU")


async def test_rows_come_from_iceberg_in_file_order(client: Client, lake: Lake) -> None:
    table = lake.write("t", ROWS)
    sql = 'SELECT "t"."id" FROM (SELECT "$g"."id" AS "id" FROM "lake.s.t:0" AS "$g") AS "t"'
    rows = await client.rows(governed(sql, "id bigint", scan(table, used=("id",))))
    assert rows == [(i,) for i in range(1000)]


async def test_the_row_filter_stands_in_the_scan_not_in_the_text(
    client: Client, lake: Lake
) -> None:
    table = lake.write("t", ROWS)
    sql = 'SELECT sum(CAST("t"."code" AS BIGINT)), count(*) FROM "lake.s.t:0" AS "t"'
    query = governed(sql, "s bigint; n bigint", scan(table, row_filter=EU, used=("code",)))
    assert await client.rows(query) == [(250000, 500)]


async def test_a_self_join_reads_each_scan_afresh(client: Client, lake: Lake) -> None:
    table = lake.write("t", ROWS)
    sql = (
        'SELECT count(*), min(a.region), max(b.region) FROM "lake.s.t:0" a '
        'JOIN "lake.s.t:1" b ON a.id = b.id + 1'
    )
    first, second = scan(table, 0, row_filter=EU), scan(table, 1)
    rows = await client.rows(governed(sql, "n bigint; a varchar; b varchar", first, second))
    assert rows == [(500, "EU", "US")]


async def test_metadata_rows_come_from_memory(client: Client, lake: Lake) -> None:
    table = lake.write("t", ROWS)
    name = TableName("lake", "s", "t")
    sql = 'SELECT count(*) FROM "lake.s.t:0" AS "t"'
    query = governed(sql, "n bigint", scan(table, used=()))
    assert await client.rows(query, sources={name: ROWS.slice(0, 7)}) == [(7,)]
