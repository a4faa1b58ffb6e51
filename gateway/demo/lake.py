"""Writes demo tables as Iceberg through pyiceberg."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.transforms import MonthTransform

from gateway.catalog.connection import Connection, Sqlite, warehouse_at
from gateway.catalog.stores import open_catalog
from gateway.demo.data import DemoTable

CATALOG = "lake"
_PROPERTIES = {
    "format-version": "2",
    # Small groups: a reader streams and skips instead of holding a whole file.
    "write.parquet.row-group-limit": "122880",
    "write.parquet.compression-codec": "zstd",
}


def connection(data_dir: Path) -> Connection:
    """Where the demo's catalog stands below its data directory.

    Raises ValueError for a directory whose name Iceberg cannot use.
    """
    root = data_dir.absolute()
    return Connection(CATALOG, Sqlite(str(root / "lake.db")), warehouse_at(str(root / "warehouse")))


def open_lake(data_dir: Path) -> Catalog:
    """Open, and on first use create, the demo's catalog for writing. Close it after use."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return open_catalog(connection(data_dir), write=True)


def write(data_dir: Path, catalog: Catalog, table: DemoTable) -> None:
    """Write one table anew, with its history."""
    _forget(data_dir, catalog, table.name)
    written = _create(catalog, table)
    written.append(table.first)
    if table.later is not None:
        with written.update_schema() as update:
            update.union_by_name(_documented(table.later.schema, table))
        written.append(table.later)
    if table.tag is not None:
        _tag(written, table.tag)
    if table.correction is not None:
        written.overwrite(table.correction, overwrite_filter=table.corrects)


def _forget(data_dir: Path, catalog: Catalog, name: str) -> None:
    """Drop the table and what lies in its own folder.

    Not ``purge_table``: in a copied directory the catalog still names the original's files.
    """
    with suppress(NoSuchTableError):
        catalog.drop_table(name)
    shutil.rmtree(data_dir / "warehouse" / Path(*name.split(".")), ignore_errors=True)


def _create(catalog: Catalog, table: DemoTable) -> Table:
    catalog.create_namespace_if_not_exists(table.name.partition(".")[0])
    created = catalog.create_table(
        table.name,
        schema=_documented(table.first.schema, table),
        properties={**_PROPERTIES, "comment": table.comment},
    )
    if table.month is not None:
        with created.update_spec() as update:
            update.add_field(table.month, MonthTransform())
    return created


def _documented(schema: pa.Schema, table: DemoTable) -> pa.Schema:
    return pa.schema(
        [
            field.with_metadata({"doc": table.docs[field.name]})
            if field.name in table.docs
            else field
            for field in schema
        ]
    )


def _tag(table: Table, name: str) -> None:
    snapshot = table.current_snapshot()
    if snapshot is not None:
        table.manage_snapshots().create_tag(snapshot.snapshot_id, name).commit()
