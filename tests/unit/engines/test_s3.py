"""Tables in an S3 store: their catalog's keys reach the worker that reads them, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.catalog.connect import read_connections
from gateway.catalog.domains import read_files
from gateway.catalog.load import Loader, load_catalog
from gateway.catalog.model import CatalogSnapshot
from gateway.catalog.stores import open_catalog
from gateway.engines.base import RunOptions
from gateway.engines.duckdb import EmbeddedEngine
from gateway.errors import MeshgateError
from gateway.names import TableName
from tests.unit.engines.lake import governed, scan
from tests.unit.engines.s3store import ACCESS_KEY, Store, s3_store

DOMAIN = """\
schema_version: 1
domain: s
owners: [group:a]
stewards: [group:b]
catalog: {name: lake}
schemas: [{name: s}]
tables: [{name: s.t, undeclared_columns: expose}]
"""
CONNECTIONS = """\
lake:
  type: sql
  database: {{driver: sqlite, path: lake.db}}
  warehouse: s3://mesh/lake
  storage:
    kind: s3
    endpoint: "{url}"
    path_style: true
    access_key: {{env: S3_TEST_ACCESS}}
    secret_key: {{env: S3_TEST_SECRET}}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    with s3_store() as running:
        yield running


@pytest.fixture
def mesh(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A domain with one table of 1,000 rows in the store."""
    monkeypatch.setenv("S3_TEST_ACCESS", ACCESS_KEY)
    monkeypatch.setenv("S3_TEST_SECRET", "hunter2")
    (tmp_path / "s.yaml").write_text(DOMAIN)
    file = tmp_path / "connections.yaml"
    file.write_text(CONNECTIONS.format(url=store.url))
    connections, problems = read_connections(file, file.read_bytes(), {})
    assert not problems
    rows = pa.table({"n": pa.array(range(1000), pa.int64()), "x": ["é"] * 1000})
    with closing(open_catalog(connections["lake"], write=True)) as catalog:
        catalog.create_namespace("s")
        catalog.create_table("s.t", schema=rows.schema).append(rows)
    return tmp_path


def _snapshot(mesh: Path) -> CatalogSnapshot:
    snapshot = load_catalog(mesh, connections_file=mesh / "connections.yaml")
    assert not snapshot.problems
    return snapshot


async def _sums(snapshot: CatalogSnapshot, *, times: int = 1) -> list[object]:
    table = snapshot.tables[TableName("lake", "s", "t")]
    text = 'SELECT count(*) AS c, max(n) AS m FROM "lake.s.t:0"'
    query = governed(text, "c bigint; m bigint", scan(table))
    engine = EmbeddedEngine(workers=1)
    await engine.start()
    try:
        found: list[object] = []
        for _ in range(times):
            stream = await engine.run(query, snapshot, RunOptions(query_id="q"), {})
            found += [tuple(r.values()) async for b in stream.batches() for r in b.to_pylist()]
        return found
    finally:
        await engine.close()


@pytest.mark.asyncio
async def test_the_embedded_engine_reads_what_lies_in_s3(mesh: Path, store: Store):
    location = _snapshot(mesh).tables[TableName("lake", "s", "t")].metadata_location
    assert location is not None
    assert location.startswith("s3://mesh/lake/")
    assert any(key.endswith(".parquet") for key in store.objects)
    before = store.asked
    assert await _sums(_snapshot(mesh), times=2) == [(1000, 999)] * 2
    assert store.asked > before


@pytest.mark.asyncio
async def test_a_missing_key_is_an_error_of_the_query_and_names_none(
    mesh: Path, monkeypatch: pytest.MonkeyPatch
):
    snapshot = _snapshot(mesh)
    monkeypatch.delenv("S3_TEST_SECRET")
    with pytest.raises(MeshgateError) as refused:
        await _sums(snapshot)
    assert refused.value.name == "CONFIGURATION_UNAVAILABLE"
    assert "S3_TEST" not in str(refused.value)


@pytest.mark.asyncio
async def test_a_refused_key_is_an_error_without_address_or_key(
    mesh: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    snapshot = _snapshot(mesh)
    monkeypatch.setenv("S3_TEST_ACCESS", "AKOTHER")
    with pytest.raises(MeshgateError) as refused:
        await _sums(snapshot)
    for secret in ("AKOTHER", "hunter2", store.url, "s3://"):
        assert secret not in str(refused.value)


def test_without_its_key_the_catalog_is_out_of_reach(mesh: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("S3_TEST_SECRET")
    loader = Loader(None, mesh / "connections.yaml")
    snapshot = loader.load(read_files(mesh)).snapshot
    (problem,) = snapshot.problems
    assert problem.code == "catalog-unreachable"
    assert "environment variable S3_TEST_SECRET is not set" in problem.message
    assert not snapshot.tables
