"""Raw text that should never arrive is still contained, and failures tell no secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pytest
import pytest_asyncio

from gateway.catalog.model import CatalogSnapshot, Domain, TokenDomain, TokenVersion
from gateway.engines.base import RunOptions
from gateway.engines.duckdb import EmbeddedEngine
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.policy.model import FieldCondition
from gateway.tokens.codec import derive_key
from gateway.tokens.keys import KeyRings
from gateway.tokens.names import udf_name
from tests.unit.engines.lake import EMPTY, Client, Lake, governed, scan

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = bytes(range(100, 132))
VERSION = TokenVersion(1, "active", MappingProxyType({"env": "MEMBER_KEY"}))
MEMBER = TokenDomain("member", "mbr", "text", "i63", "raw", (), (VERSION,))
SNAPSHOT = CatalogSnapshot(
    "c1:tokens",
    MappingProxyType({"claims": Domain("claims", "lake", token_domains=(MEMBER,))}),
    MappingProxyType({}),
)


def proc(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_bytes().decode("latin-1")


def canary_forms() -> set[str]:
    secret = derive_key(CANARY, "member", 1).decode()
    return {secret, CANARY.hex(), CANARY.decode("latin-1"), repr(CANARY)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keyed() -> AsyncIterator[EmbeddedEngine]:
    rings = KeyRings(Path("/"), lambda _ref, _base: CANARY.hex().encode())
    made = EmbeddedEngine(workers=1, memory_bytes=512 << 20, keys=rings)
    await made.start()
    yield made
    await made.close()


async def refused(engine: EmbeddedEngine, sql: str, outputs: str = "x varchar", *scans) -> str:
    with pytest.raises(MeshgateError) as caught:  # noqa: PT012 - start and drain are one act
        stream = await engine.run(
            governed(sql, outputs, *scans), SNAPSHOT, RunOptions(query_id="q7"), {}
        )
        async for _ in stream.batches():
            pass
    error = caught.value
    return f"{error.name} {error.message} {dict(error.audit)}"


ESCAPES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_parquet('/etc/*')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM read_text(0)'))",
    "SELECT * FROM sqlite_scan('/etc/passwd', 't')",
    "SELECT getenv('HOME')",
    "SELECT * FROM os_environ",
    "SELECT * FROM rings",
    "COPY (SELECT 1) TO '/tmp/escape.csv'",
    "ATTACH '/tmp/escape.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET TimeZone = 'UTC'",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "PRAGMA enable_external_access",
    "CREATE TABLE t AS SELECT 1",
    "CREATE SECRET s (TYPE http)",
    "EXPORT DATABASE '/tmp/escape'",
    "SELECT 1; SELECT 2",
    "EXPLAIN SELECT 1",
    "CALL pragma_version()",
    "",
]


@pytest.mark.parametrize("sql", ESCAPES)
async def test_escapes_are_refused(engine: EmbeddedEngine, sql: str) -> None:
    text = await refused(engine, sql)
    assert "root:" not in text
    assert "/etc" not in text
    assert "escape" not in text
    assert not Path("/tmp/escape.csv").exists()  # noqa: ASYNC240


async def test_other_scans_have_no_name(engine: EmbeddedEngine, lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    for name in ("lake.s.t:1", "lake.s.t", "main.t"):
        text = await refused(engine, f'SELECT * FROM "{name}"', "id bigint", scan(table))
        assert text.startswith("GENERIC_INTERNAL_ERROR")
        assert name not in text


FAILING = [
    ("SELECT CAST(s AS INTEGER) FROM {t}", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST(s AS DATE) FROM {t}", "INVALID_CAST_ARGUMENT"),
    ("SELECT CAST(s AS DECIMAL(5,2)) FROM {t}", "INVALID_CAST_ARGUMENT"),
    ("SELECT 1 // (n - n) FROM {t}", "DIVISION_BY_ZERO"),
    ("SELECT n * 9223372036854775807 FROM {t}", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT CAST(n AS TINYINT) FROM {t}", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("SELECT (SELECT n FROM {t}) FROM {t}", "SUBQUERY_MULTIPLE_ROWS"),
    ("SELECT error(s) FROM {t}", "NOT_SUPPORTED"),
    ("SELECT CAST('MG:INVALID_FUNCTION_ARGUMENT' AS BIGINT)", "INVALID_FUNCTION_ARGUMENT"),
    ("SELECT nothing FROM {t}", "NOT_SUPPORTED"),
    ("SELECT nofunction(s) FROM {t}", "NOT_SUPPORTED"),
    ("SELECT regexp_matches(s, '(' || s) FROM {t}", "NOT_SUPPORTED"),
    ("SELECT 'open", "GENERIC_INTERNAL_ERROR"),
]


@pytest.mark.parametrize(("sql", "name"), FAILING)
async def test_failures_are_named_and_tell_no_value(
    engine: EmbeddedEngine, lake: Lake, sql: str, name: str
) -> None:
    rows = pa.table({"s": ["topsecret"] * 2, "n": pa.array([77777, 77778], pa.int64())})
    table = lake.write("t", rows)
    text = await refused(engine, sql.format(t='"lake.s.t:0"'), "x bigint", scan(table))
    assert text.startswith(name + " ")
    assert "q7" in text
    for secret in ("topsecret", "7777", "lake", "Error:", "LINE", "MG:", "open"):
        assert secret not in text


async def test_scan_errors_keep_their_name_and_lose_their_text(
    engine: EmbeddedEngine, lake: Lake
) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    for file in Path(table.metadata_location.removeprefix("file://")).parent.parent.rglob(
        "*.parquet"
    ):
        file.write_bytes(b"PAR1 topsecret PAR1")
    text = await refused(engine, 'SELECT * FROM "lake.s.t:0"', "id bigint", scan(table))
    assert "topsecret" not in text
    assert "parquet" not in text
    assert str(lake.catalog.properties["warehouse"]) not in text


async def test_a_missing_file_asks_for_the_operators(engine: EmbeddedEngine, lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    gone = replace(table, metadata_location="file:///nowhere/topsecret.metadata.json")
    text = await refused(engine, 'SELECT * FROM "lake.s.t:0"', "id bigint", scan(gone))
    assert text.startswith("CONFIGURATION_UNAVAILABLE")
    assert "topsecret" not in text


async def test_a_filter_that_does_not_fit_fails_closed(engine: EmbeddedEngine, lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    wrong = scan(table, row_filter=FieldCondition("eq", "id", "one"))
    text = await refused(engine, 'SELECT * FROM "lake.s.t:0"', "id bigint", wrong)
    assert text.startswith("GENERIC_INTERNAL_ERROR")


async def test_a_filter_on_memory_rows_is_enforced_too(client: Client, lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64())}))
    rows = pa.table({"id": pa.array([1, 2, 3], pa.int64())})
    filtered = scan(table, row_filter=FieldCondition("gt", "id", 1))
    query = governed('SELECT * FROM "lake.s.t:0"', "id bigint", filtered)
    assert await client.rows(query, sources={TableName("lake", "s", "t"): rows}) == [(2,), (3,)]


@pytest.mark.parametrize("change", ["field_id", "type", "uuid"])
async def test_a_table_that_is_not_the_catalogs_is_refused(
    engine: EmbeddedEngine, lake: Lake, change: str
) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1], pa.int64()), "b": pa.array(["x"])}))
    column = table.columns[0]
    if change == "uuid":
        table = replace(table, uuid="00000000-0000-0000-0000-000000000000")
    elif change == "type":
        other = replace(column, type=table.columns[1].type)
        table = replace(table, columns=(other, *table.columns[1:]))
    else:
        table = replace(table, columns=(replace(column, field_id=2), table.columns[1]))
    text = await refused(
        engine, 'SELECT id FROM "lake.s.t:0"', "id bigint", scan(table, used=("id",))
    )
    assert "changed while it was planned" in text


async def test_tokens_come_from_the_ring_and_the_key_stays_inside(
    keyed: EmbeddedEngine, lake: Lake
) -> None:
    table = lake.write("t", pa.table({"id": ["M1", None, "M1"]}))
    name = udf_name("member", 1, "text")
    stream = await keyed.run(
        governed(f'SELECT "{name}"(id) FROM "lake.s.t:0"', "x varchar", scan(table)),
        SNAPSHOT,
        RunOptions(),
        {},
    )
    batches = [batch async for batch in stream.batches()]
    rows = [value for batch in batches for value in batch.column(0).to_pylist()]
    assert rows[0] == rows[2]
    assert rows[0].startswith("mbr1_")
    assert rows[1] is None
    texts = [
        await refused(keyed, sql.format(f=f'"{name}"', t='"lake.s.t:0"'), "x varchar", scan(table))
        for sql in (
            "SELECT CAST({f}(id) AS INTEGER) FROM {t}",
            "SELECT {f}(id, id) FROM {t}",
            "SELECT {f}(CAST(CAST(id AS INTEGER) AS VARCHAR)) FROM {t}",
            "EXPLAIN SELECT {f}(id) FROM {t}",
            "EXPLAIN ANALYZE SELECT {f}(id) FROM {t}",
        )
    ]
    texts += [proc(pid, file) for pid in keyed.worker_pids for file in ("environ", "cmdline")]
    for form in canary_forms():
        assert all(form not in text for text in texts)


async def test_functions_without_a_key_are_unavailable(engine: EmbeddedEngine) -> None:
    text = await refused(engine, f"SELECT \"{udf_name('member', 1, 'text')}\"('a')")
    assert text.startswith("TOKEN_KEY_UNAVAILABLE")


async def test_time_zones_are_the_sessions(engine: EmbeddedEngine) -> None:
    sql = "SELECT hour(TIMESTAMPTZ '2020-01-01 12:00:00+00')"
    for zone, hour in (("UTC", 12), ("+02:00", 14), ("America/New_York", 7), ("-05:00", 7)):
        query = governed(sql, "h bigint")
        stream = await engine.run(query, EMPTY, RunOptions(time_zone=zone), {})
        batches = [batch async for batch in stream.batches()]
        assert batches[0].column(0).to_pylist() == [hour]
    for zone in ("Mars/Base", "+05:30"):
        with pytest.raises(MeshgateError):
            await Client(engine).rows(governed(sql, "h bigint"), RunOptions(time_zone=zone))
