from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from gateway.catalog.iceberg import read_table
from gateway.catalog.model import CatalogSnapshot, Column, Table
from gateway.datatypes import DataType
from gateway.engines.base import RunOptions
from gateway.engines.duckdb import EmbeddedEngine
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Condition, TableDecision
from gateway.sql.model import GovernedQuery, Kind, Output, Position, Scan, TableRef

EMPTY = CatalogSnapshot("c1:test", MappingProxyType({}), MappingProxyType({}))


class Lake:
    """A real Iceberg catalog on SQLite in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.catalog = SqlCatalog(
            "lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/data"
        )
        self.catalog.create_namespace("s")

    def write(self, name: str, rows: pa.Table, **options: Any) -> Table:
        table = self.catalog.create_table(f"s.{name}", rows.schema, **options)
        table.append(rows)
        return self.table(name)

    def table(self, name: str) -> Table:
        location = self.catalog.load_table(f"s.{name}").metadata_location
        read = read_table(location)
        columns = tuple(Column(f.name, f.type, f.field_id) for f in read.fields if f.type)
        return Table(
            TableName("lake", "s", name),
            "claims",
            columns,
            uuid=read.uuid,
            metadata_location=location,
        )


def scan(
    table: Table,
    index: int = 0,
    *,
    row_filter: Condition | None = None,
    used: tuple[str, ...] | None = None,
) -> Scan:
    columns = tuple(ColumnDecision(c.name, "allow") for c in table.columns)
    decision = TableDecision(table.name, "allow", columns, row_filter=row_filter)
    ref = TableRef(table.name, (table.name.table,), Position(1, 1))
    names = tuple(c.name for c in table.columns) if used is None else used
    return Scan(index, ref, table, decision, table.name.table, names)


def governed(sql: str, outputs: str, *scans: Scan) -> GovernedQuery:
    """Text as the pipeline would make it; ``outputs`` are ``name type`` pairs by semicolon."""
    pairs = [pair.strip().split(" ", 1) for pair in outputs.split(";")]
    return GovernedQuery(
        sql=sql,
        engine="duckdb",
        kind=Kind.QUERY,
        scans=scans,
        outputs=tuple(Output(name, DataType.parse(kind)) for name, kind in pairs),
        usage=MappingProxyType({}),
        restricted=any(s.decision.restricted for s in scans),
        decision_id="d",
        decision_fingerprint="f",
    )


@dataclass
class Client:
    """Runs text and drains the answer."""

    engine: EmbeddedEngine

    async def rows(
        self,
        query: GovernedQuery,
        options: RunOptions | None = None,
        sources: Mapping[TableName, pa.Table] | None = None,
    ) -> list[tuple[Any, ...]]:
        options = options or RunOptions(query_id="q1")
        stream = await self.engine.run(query, EMPTY, options, sources or {})
        batches = [batch async for batch in stream.batches()]
        return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
