"""One embedded database, governed through the real pipeline with an allow-all decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Decision, TableDecision
from gateway.protocol.values import json_texts
from gateway.sql.duckdb_settings import MACROS, SETTINGS
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, GovernedQuery, ResolvedQuery
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve

CATALOG, SCHEMA = "lake", "main"


def table(name: str, columns: list[tuple[str, str]]) -> Table:
    made = tuple(
        Column(column, DataType.parse(kind), number)
        for number, (column, kind) in enumerate(columns, 1)
    )
    return Table(TableName(CATALOG, SCHEMA, name), "test", made)


def allow_all(tables: Mapping[TableName, Table]) -> Decision:
    decided = {
        name: TableDecision(
            name, "allow", tuple(ColumnDecision(c.name, "allow") for c in found.columns)
        )
        for name, found in tables.items()
    }
    return Decision("d", "f", "test", {}, datetime.max.replace(tzinfo=UTC), "allow", decided)


class Embedded:
    """A DuckDB session as the engine prepares it, over tables in memory."""

    def __init__(self, tables: Mapping[str, tuple[Table, Any]]) -> None:
        self.tables = {found.name: found for found, _ in tables.values()}
        self._data = {found.name: data for found, data in tables.values()}
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        for name, value in SETTINGS.items():
            self.connection.execute(f"SET {name} = '{value}'")
        for macro in MACROS:
            self.connection.execute(macro)

    def translate(self, sql: str) -> GovernedQuery:
        """Govern one statement; every table of it may be read whole."""
        resolved = self.resolved(sql)
        for scan in resolved.scans:
            name = f"{scan.table.name}:{scan.index}"
            self.connection.register(name, self._data[scan.table.name])
        return govern(resolved, "duckdb", {}, "00")

    def resolved(self, sql: str) -> ResolvedQuery:
        """Bind one statement."""
        statement = parse(sql, Defaults(CATALOG, SCHEMA))
        for ref in statement.tables:
            if ref.name not in self.tables:
                raise MeshgateError("TABLE_NOT_FOUND", f"Table '{ref.name}' does not exist")
        used = {ref.name: self.tables[ref.name] for ref in statement.tables}
        return resolve(statement, allow_all(used), used)

    def run(self, translated: GovernedQuery) -> pa.Table:
        relation = self.connection.sql(translated.sql)
        if relation is None:
            raise AssertionError("no result")
        reader = relation.to_arrow_reader(10_000)
        return reader.read_all()


def values(found: pa.Table, translated: GovernedQuery) -> list[list[Any]]:
    """The rows as the protocol's JSON values."""
    columns = []
    for output, column in zip(translated.outputs, found.columns, strict=True):
        array = column.combine_chunks()
        texts = json_texts(array, output.type, precise=True)
        columns.append([orjson.loads(text) for text in texts.to_pylist()])
    return [list(row) for row in zip(*columns, strict=True)] if columns else []
