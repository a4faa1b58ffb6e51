"""Real Iceberg tables: every type, evolved schemas, position deletes, partitions, refusals."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestWriterV2,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles
from pyiceberg.transforms import IdentityTransform, TruncateTransform
from pyiceberg.typedef import Record
from pyiceberg.types import IntegerType, LongType, NestedField, StringType, UUIDType

from gateway.engines.datafile import read_file
from gateway.engines.duckdb import scan_job
from gateway.engines.hints import hint
from gateway.engines.iceberg import Tables
from gateway.errors import MeshgateError
from gateway.policy.model import FieldCondition
from tests.unit.engines.lake import Client, Lake, governed, scan
from tests.unit.engines.test_rowfilter import ROWS, TREES, VALUES, batch_of, condition, truth

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = pa.struct([("x", pa.int64()), ("y", pa.string())])
NO_SOURCES: MappingProxyType[Any, Any] = MappingProxyType({})


def read(table: Any, row_filter: Any = None, tables: Tables | None = None) -> list[Any]:
    """All rows of a scan's files, without row filters: what pruning leaves."""
    job = scan_job(scan(table), NO_SOURCES)
    wanted = (lambda schema: hint(row_filter, schema)) if row_filter else (lambda _: AlwaysTrue())
    plan = (tables or Tables()).plan(job, wanted)
    return [
        row for task in plan.tasks for batch in read_file(plan, task) for row in batch.to_pylist()
    ]


async def test_every_type_arrives_in_duckdb(client: Client, lake: Lake) -> None:
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "b": [True, None],
            "i": pa.array([1, None], pa.int32()),
            "n": pa.array([2, None], pa.int64()),
            "r": pa.array([0.5, None], pa.float32()),
            "d": [0.25, None],
            "dec": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "s": ["x", None],
            "day": [dt.date(2020, 1, 2), None],
            "t": pa.array([dt.time(1, 2, 3, 4), None], pa.time64("us")),
            "ts": pa.array([moment.replace(tzinfo=None), None], pa.timestamp("us")),
            "tz": pa.array([moment, None], pa.timestamp("us", tz="UTC")),
            "bin": pa.array([b"\x00\xff", None], pa.binary()),
            "l": pa.array([[1, None], None], pa.list_(pa.int64())),
            "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "o": pa.array(
                [{"x": 1, "y": "z"}, None], pa.struct([("x", pa.int64()), ("y", pa.string())])
            ),
        }
    )
    table = lake.write("t", rows)
    outputs = "; ".join(f"{c.name} {c.type.text()}" for c in table.columns)
    found = await client.rows(governed('SELECT * FROM "lake.s.t:0"', outputs, scan(table)))
    assert found == [tuple(row.values()) for row in rows.to_pylist()]


async def test_uuids(client: Client, lake: Lake) -> None:
    schema = Schema(NestedField(1, "u", UUIDType(), required=False))
    one = uuid.uuid4()
    lake.catalog.create_table("s.t", schema).append(
        pa.table({"u": pa.array([one.bytes, None], pa.uuid())})
    )
    found = scan(lake.table("t"), row_filter=FieldCondition("eq", "u", str(one)))
    query = governed(
        'SELECT CAST(u AS VARCHAR) FROM "lake.s.t:0"',
        "u varchar",
        found,
    )
    assert await client.rows(query) == [(str(one),)]


async def test_evolved_columns_are_found_by_field_id(client: Client, lake: Lake) -> None:
    schema = Schema(
        NestedField(1, "id", IntegerType()),
        NestedField(2, "old", StringType()),
        NestedField(3, "gone", StringType()),
    )
    table = lake.catalog.create_table("s.t", schema)
    arrow = pa.schema([("id", pa.int32()), ("old", pa.string()), ("gone", pa.string())])
    table.append(pa.table({"id": [1], "old": ["a"], "gone": ["secret"]}, arrow))
    with table.update_schema() as change:
        change.update_column("id", LongType())
        change.rename_column("old", "renamed")
        change.delete_column("gone")
    with table.update_schema() as change:
        change.add_column("gone", StringType())
        change.add_column("extra", LongType())
    arrow = pa.schema(
        [("id", pa.int64()), ("renamed", pa.string()), ("gone", pa.string()), ("extra", pa.int64())]
    )
    table.append(pa.table({"id": [2**40], "renamed": ["b"], "gone": ["new"], "extra": [7]}, arrow))
    outputs = "id bigint; renamed varchar; gone varchar; extra bigint"
    query = governed('SELECT * FROM "lake.s.t:0" ORDER BY id', outputs, scan(lake.table("t")))
    assert await client.rows(query) == [(1, "a", None, None), (2**40, "b", "new", 7)]
    dropped = FieldCondition("eq", "gone", "secret")
    query = governed(
        'SELECT id FROM "lake.s.t:0"', "id bigint", scan(lake.table("t"), row_filter=dropped)
    )
    assert await client.rows(query) == []


class DeleteManifest(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class AddDeletes(_FastAppendFiles):
    def new_manifest_writer(self, spec: PartitionSpec) -> ManifestWriterV2:
        metadata = self._transaction.table_metadata
        output = self.new_manifest_output()
        return DeleteManifest(spec, metadata.schema(), output, self._snapshot_id, "null")


def add_deletes(table: IcebergTable, folder: Path, positions: list[int], kind: Any) -> None:
    """Commit a delete file, as Trino writes them."""
    task = next(iter(table.scan().plan_files()))
    path = folder / f"deletes-{uuid.uuid4()}.parquet"
    ids = [{b"PARQUET:field_id": b"2147483546"}, {b"PARQUET:field_id": b"2147483545"}]
    schema = pa.schema(
        [
            pa.field("file_path", pa.string(), nullable=False, metadata=ids[0]),
            pa.field("pos", pa.int64(), nullable=False, metadata=ids[1]),
        ]
    )
    rows = {"file_path": [task.file.file_path] * len(positions), "pos": positions}
    pq.write_table(pa.table(rows, schema), path)
    written = DataFile.from_args(
        content=kind,
        file_path=f"file://{path}",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=len(positions),
        file_size_in_bytes=path.stat().st_size,
        equality_ids=[1] if kind is DataFileContent.EQUALITY_DELETES else None,
    )
    written.spec_id = table.spec().spec_id
    with table.transaction() as transaction:
        update = AddDeletes(operation=Operation.APPEND, transaction=transaction, io=table.io)
        with update:
            update.append_data_file(written)


async def test_deleted_positions_are_gone_whatever_the_filter(
    client: Client, lake: Lake, tmp_path: Path
) -> None:
    rows = pa.table({"n": pa.array(range(10_000), pa.int64())})
    lake.write("t", rows, properties={"write.parquet.row-group-limit": "1000"})
    table = lake.catalog.load_table("s.t")
    deleted = [0, 1, 999, 1000, 5000, 9999]
    add_deletes(table, tmp_path, deleted, DataFileContent.POSITION_DELETES)
    sql = 'SELECT count(*), sum(n) FROM "lake.s.t:0"'
    left = [n for n in range(10_000) if n not in deleted]
    query = governed(sql, "n bigint; s decimal(38,0)", scan(lake.table("t")))
    assert await client.rows(query) == [(len(left), sum(left))]
    late = scan(lake.table("t"), row_filter=FieldCondition("gte", "n", 4990))
    left = [n for n in left if n >= 4990]
    query = governed(sql, "n bigint; s decimal(38,0)", late)
    assert await client.rows(query) == [(len(left), sum(left))]


async def test_equality_deletes_are_refused(lake: Lake, tmp_path: Path) -> None:
    lake.write("t", pa.table({"n": pa.array([1], pa.int64())}))
    table = lake.catalog.load_table("s.t")
    add_deletes(table, tmp_path, [0], DataFileContent.EQUALITY_DELETES)
    with pytest.raises(MeshgateError) as caught:
        read(lake.table("t"))
    assert caught.value.name == "NOT_SUPPORTED"
    assert "equality deletes" in caught.value.message


async def test_tables_and_plans_are_cached_by_metadata_file(lake: Lake) -> None:
    table = lake.write("t", pa.table({"id": pa.array([1, 2], pa.int64())}))
    tables = Tables()
    assert tables.open(table.metadata_location) is tables.open(table.metadata_location)
    job = scan_job(scan(table), NO_SOURCES)
    first = tables.plan(job, lambda _: AlwaysTrue())
    assert tables.plan(job, lambda _: AlwaysTrue()).tasks is first.tasks
    lake.catalog.load_table("s.t").append(pa.table({"id": pa.array([3], pa.int64())}))
    assert len(read(table, tables=tables)) == 2, "the pinned metadata file pins the rows"
    assert len(read(lake.table("t"), tables=tables)) == 3


async def test_partitions_prune_and_null_partitions_do_not_break(lake: Lake) -> None:
    rows = pa.table({"k": ["a", "b", None, "c"] * 5, "n": pa.array(range(20), pa.int64())})
    table = lake.catalog.create_table("s.t", rows.schema)
    with table.update_spec() as change:
        change.add_field("k", IdentityTransform(), "k")
    table.append(rows)
    found = read(lake.table("t"), FieldCondition("eq", "k", "a"))
    assert {row["k"] for row in found} == {"a"}
    for operator in ("lt", "ne", "gte"):
        kept = read(lake.table("t"), FieldCondition(operator, "k", "b"))
        assert {"a", "c"} & {row["k"] for row in kept}


async def test_row_groups_prune(lake: Lake) -> None:
    rows = pa.table({"n": pa.array(range(4000), pa.int64())})
    table = lake.write("t", rows, properties={"write.parquet.row-group-limit": "1000"})
    found = read(table, FieldCondition("gte", "n", 3500))
    assert 500 <= len(found) <= 1000


@pytest.fixture(scope="module")
def typed(module_lake: Lake) -> tuple[Lake, dict[str, Any]]:
    return module_lake, {"made": 0}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(TREES, ROWS)
@example(("not", [("is_null", "u", True)]), [{**dict.fromkeys(VALUES), "u": uuid.UUID(int=0)}])
async def test_hints_never_drop_a_passing_row(
    typed: tuple[Lake, dict[str, Any]], tree: tuple[Any, ...], rows: list[dict[str, Any]]
) -> None:
    lake, made = typed
    made["made"] += 1
    name = f"h{made['made']}"
    batch = pa.Table.from_batches([batch_of(rows)])
    table = lake.catalog.create_table(f"s.{name}", batch.schema)
    with table.update_spec() as change:
        change.add_field("s", TruncateTransform(1), "s_trunc")
        change.add_field("i", IdentityTransform(), "i_part")
    table.append(batch)
    passing = {at for at, row in enumerate(rows) if truth(tree, row) is True}
    kept = {row["row"] for row in read(lake.table(name), condition(tree))}
    assert passing <= kept


async def test_other_file_formats_are_refused(lake: Lake) -> None:
    lake.write("t", pa.table({"n": pa.array([1], pa.int64())}))
    table = lake.catalog.load_table("s.t")
    written = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"{table.location()}/data/old.avro",
        file_format=FileFormat.AVRO,
        partition=Record(),
        record_count=1,
        file_size_in_bytes=1,
    )
    written.spec_id = 0
    with table.transaction() as change, change.update_snapshot().fast_append() as append:
        append.append_data_file(written)
    with pytest.raises(MeshgateError) as caught:
        read(lake.table("t"))
    assert caught.value.name == "NOT_SUPPORTED"
    assert "AVRO" in caught.value.message
