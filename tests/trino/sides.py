"""One Iceberg table as its readers see it: Trino, pyiceberg, the embedded engine's scan."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import trino
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from gateway.catalog.domains import read_files
from gateway.catalog.load import Loader
from gateway.catalog.model import CatalogSnapshot
from gateway.catalog.registry import CatalogRegistry
from gateway.engines.duckdb import scan_job
from gateway.engines.iceberg import Tables
from gateway.engines.scan import GovernedScan
from gateway.names import TableName
from tests.realparts.addresses import Addresses
from tests.realparts.postgres import PASSWORD, USER
from tests.unit.engines.lake import scan

Rows = list[tuple[Any, ...]]
DOMAIN = """\
schema_version: 1
domain: scratch
owners: [group:owners]
stewards: [group:stewards]
catalog: {{name: {catalog}}}
schemas: [{{name: {schema}}}]
tables: [{tables}]
"""


def connections(lab: Addresses, monkeypatch: Any) -> dict[str, Any]:
    """Both shared catalogs, as a connections file says it."""
    monkeypatch.setenv("ICEBERG_USER", USER)
    monkeypatch.setenv("ICEBERG_PASSWORD", PASSWORD)
    host, _, port = lab.postgres.rpartition("@")[2].partition(":")
    database = {"driver": "postgresql", "host": host, "port": int(port), "name": "iceberg"}
    secrets = {"user": {"env": "ICEBERG_USER"}, "password": {"env": "ICEBERG_PASSWORD"}}
    jdbc = {
        "type": "sql",
        "database": {**database, **secrets},
        "warehouse": f"file://{lab.warehouse}",
    }
    rest = {"rest": {"type": "rest", "uri": lab.rest}} if lab.rest else {}
    return {"lake": jdbc, **rest}


@dataclass
class Sides:
    """One schema of one catalog, seen from all sides."""

    catalog: str
    schema: str
    cursor: trino.dbapi.Cursor
    python: Catalog
    folder: Path
    tables: list[str] = field(default_factory=lambda: ["t"])

    def run(self, sql: str) -> Rows:
        """Ask Trino; ``{t}`` and other names in braces are tables of the schema."""
        return [tuple(row) for row in self.cursor.execute(self.named(sql)).fetchall()]

    def named(self, sql: str) -> str:
        """Fill in the full names of tables."""
        return sql.format(**{name: f"{self.catalog}.{self.schema}.{name}" for name in self.tables})

    def table(self, name: str = "t") -> Table:
        """Load a table by pyiceberg."""
        return self.python.load_table((self.schema, name))

    def declare(self) -> Path:
        """Write a domain that shows the whole schema; give its folder."""
        listed = ", ".join(
            f"{{name: {self.schema}.{name}, undeclared_columns: expose}}" for name in self.tables
        )
        text = DOMAIN.format(catalog=self.catalog, schema=self.schema, tables=listed)
        (self.folder / "scratch.yaml").write_text(text)
        return self.folder

    def snapshot(self) -> CatalogSnapshot:
        """What a gateway knows of the schema when it starts."""
        loader = Loader(None, self.folder / "connections.yaml")
        return loader.load(read_files(self.declare())).snapshot

    def registry(self) -> CatalogRegistry:
        """A gateway's registry of the schema."""
        return CatalogRegistry(self.declare(), connections_file=self.folder / "connections.yaml")

    def embedded(self, name: str = "t", snapshot: CatalogSnapshot | None = None) -> pa.Table:
        """Read a table as the embedded engine does: its catalog's state, its bounded scan."""
        snapshot = snapshot or self.snapshot()
        assert not snapshot.problems, snapshot.problems
        job = scan_job(scan(snapshot.tables[TableName(self.catalog, self.schema, name)]), {})
        return pa.table(GovernedScan(job, Tables(), threading.Event()))

    def agree(self, name: str = "t") -> Rows:
        """Read by all three; the same columns in the same order, the same rows."""
        asked = self.cursor.execute(self.named(f"SELECT * FROM {{{name}}}"))
        rows = ordered([tuple(row) for row in asked.fetchall()])
        columns = [column[0] for column in self.cursor.description]
        for side, read in (
            ("pyiceberg", self.table(name).scan().to_arrow()),
            ("embedded", self.embedded(name)),
        ):
            assert [column.lower() for column in read.column_names] == columns, side
            assert ordered(tuples(read)) == rows, side
        return rows


def tuples(read: pa.Table) -> Rows:
    """Give rows as Trino's Python client does: a struct as a tuple of its fields."""
    return [tuple(_plain(value) for value in row.values()) for row in read.to_pylist()]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_plain(inner) for inner in value.values())
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def ordered(rows: Rows) -> Rows:
    """Sort rows that may hold nulls."""
    return sorted(rows, key=repr)


Make = Callable[[str], Sides]


def write_connections(folder: Path, found: dict[str, Any]) -> None:
    """Write a connections file; JSON is YAML."""
    (folder / "connections.yaml").write_text(json.dumps(found))
