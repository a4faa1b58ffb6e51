"""The two sides of a drawn query: the gateway, and the translation over views by hand."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from gateway.catalog.iceberg import read_table
from gateway.catalog.model import CatalogSnapshot, Column
from gateway.engines.database import check_statement, lock, open_database
from gateway.engines.duckdb import EmbeddedEngine, scan_job
from gateway.engines.iceberg import Tables
from gateway.engines.job import WorkerConfig
from gateway.engines.naming import name_of
from gateway.engines.scan import GovernedScan
from gateway.engines.tokenfns import register
from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.world import load_world
from gateway.session import Session
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, GovernedQuery
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve
from gateway.tokens.keys import KeyRing
from gateway.tokens.model import TokenFunction
from tests.lab import Lab, tuples
from tests.oracle.drawn_rows import KEY, raw_tables, seen_by
from tests.oracle.embedded import allow_all

WORLD = Path(__file__).parents[1] / "worlds" / "drawn.yaml"
CATALOG, SCHEMA = "lake", "drawn"
SESSION = Session(catalog=CATALOG, schema=SCHEMA)
PEOPLE = ("whole", "europe", "large", "blank", "edge")
_CONFIG = WorkerConfig(memory=1 << 30, threads=1, temp_directory="", temp_bytes=0)


@dataclass(frozen=True)
class Outcome:
    """What one side says: an error's name, or headings with types and the rows."""

    error: str = ""
    planned: bool = False
    heads: tuple[tuple[str, str], ...] = ()
    rows: tuple[Any, ...] = ()

    def same(self, other: Outcome, *, ordered: bool) -> bool:
        if self.error or other.error:
            return self.error == other.error
        one, two = self.rows, other.rows
        if not ordered:
            one, two = (tuple(sorted(rows, key=repr)) for rows in (one, two))
        return self.heads == other.heads and one == two


class Gateway:
    """The real pipeline: policies, rewriting, verification, the scan's own filter."""

    def __init__(self, folder: Path) -> None:
        world = load_world(WORLD)
        self._people = world.directory
        self.snapshot = _stored(world.snapshot, folder)
        policy = PolicyService.open(world.policies)
        book = GrantBook("drawn", world.grants)
        sources = Sources(lambda: self.snapshot, lambda: book, lambda: world.now)
        self._ring = KeyRing.load(self.snapshot, folder, lambda *_: KEY)
        self.engine = EmbeddedEngine(workers=1, threads=1, keys=lambda _: self._ring)
        self._services = (
            QueryService(policy, sources, engine=self.engine),
            QueryService(policy, sources, target="trino"),
        )
        self._lab, self._trino = (Lab(service, SESSION) for service in self._services)
        functions = tuple(self._ring.functions.values())
        self._databases = {plain: _database(functions, plain=plain) for plain in (False, True)}
        raw = raw_tables()
        self._raw = {TableName(CATALOG, SCHEMA, name): rows for name, rows in raw.items()}

    def start(self) -> None:
        """Start the worker."""
        self._lab.runner.run(self.engine.start())

    def close(self) -> None:
        """End the worker and what planning holds."""
        self._lab.runner.run(self.engine.close())
        for service in self._services:
            service.close()
        for lab in (self._lab, self._trino):
            lab.runner.close()

    def _person(self, name: str) -> Principal:
        found = self._people.principal(name)
        assert found is not None
        return found

    def governed(self, sql: str, person: str) -> GovernedQuery:
        """The verified text for the embedded engine; raises MeshgateError."""
        made = self._lab.plan(sql, self._person(person)).governed
        assert made is not None
        return made

    def trino(self, sql: str, person: str) -> GovernedQuery:
        """The verified text for Trino; raises MeshgateError."""
        made = self._trino.plan(sql, self._person(person)).governed
        assert made is not None
        return made

    def answer(self, sql: str, person: str, *, plain: bool = False) -> Outcome:
        """Plan, then run in this process through the engine's own scans."""
        try:
            made = self.governed(sql, person)
        except MeshgateError as error:
            return Outcome(error.name)
        return self.run(made, plain=plain)

    def run(self, made: GovernedQuery, *, plain: bool = False) -> Outcome:
        """Run one governed text here; ``plain`` without DuckDB's optimizer."""
        database = self._databases[plain]
        scans = [
            GovernedScan(scan_job(scan, self._raw), Tables(), threading.Event())
            for scan in made.scans
        ]
        for scan in scans:
            database.register(scan.name, scan)
        try:
            return _run(database, made)
        finally:
            for scan in scans:
                database.unregister(scan.name)

    def worker(self, sql: str, person: str) -> Outcome:
        """The same by a worker process over Iceberg."""
        try:
            plan = self._lab.plan(sql, self._person(person))
        except MeshgateError as error:
            return Outcome(error.name)
        heads = tuple((c.name, c.type.text()) for c in plan.columns)
        try:
            rows = self._lab.rows(sql, self._person(person))
        except MeshgateError as error:
            return Outcome(error.name, planned=True)
        return Outcome(planned=True, heads=heads, rows=tuple(map(_plain, rows)))


class Oracle:
    """The views of one person, read by the translation for somebody who sees everything."""

    def __init__(self, person: str, snapshot: CatalogSnapshot) -> None:
        rows = seen_by(person)
        self._tables = {
            name: replace(
                table,
                columns=tuple(c for c in table.columns if c.name in rows[name.table].schema.names),
            )
            for name, table in snapshot.tables.items()
            if name.table in rows
        }
        self._rows = {name: rows[name.table] for name in self._tables}
        self._databases = {plain: _database((), plain=plain) for plain in (False, True)}

    def answer(self, sql: str, *, plain: bool = False) -> Outcome:
        """Translate and run; ``plain`` without DuckDB's optimizer."""
        database = self._databases[plain]
        try:
            made = self._translate(sql)
        except MeshgateError as error:
            return Outcome(error.name)
        names = [(f"{scan.table.name}:{scan.index}", scan.table.name) for scan in made.scans]
        for name, table in names:
            database.register(name, self._rows[table])
        try:
            return _run(database, made)
        finally:
            for name, _ in names:
                database.unregister(name)

    def _translate(self, sql: str) -> GovernedQuery:
        statement = parse(sql, Defaults(CATALOG, SCHEMA))
        for ref in statement.tables:
            if ref.name not in self._tables:
                raise MeshgateError("TABLE_NOT_FOUND", "no such table")
        used = {ref.name: self._tables[ref.name] for ref in statement.tables}
        return govern(resolve(statement, allow_all(used), used), "duckdb", {}, "00")


class Reader:
    """DuckDB itself: a person's views under the tables' names, to run a user's own text."""

    def __init__(self, person: str) -> None:
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute(f"ATTACH ':memory:' AS {CATALOG}")
        self._database.execute(f"CREATE SCHEMA {CATALOG}.{SCHEMA}")
        for name, rows in seen_by(person).items():
            self._database.register("seen", rows)
            self._database.execute(f"CREATE TABLE {CATALOG}.{SCHEMA}.{name} AS FROM seen")
            self._database.unregister("seen")
        self._database.execute(f"USE {CATALOG}.{SCHEMA}")

    def rows(self, sql: str) -> tuple[Any, ...]:
        """The rows, or duckdb.Error."""
        return tuple(self._database.sql(sql).fetchall())


def numeric(rows: Iterable[Any]) -> list[Any]:
    """Rows in which numbers of any type compare by value."""
    return [tuple(map(_number, row)) for row in rows]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        return _plain(value)
    return format(Decimal(f"{value:.12g}" if isinstance(value, float) else value).normalize(), "f")


def _database(functions: Sequence[TokenFunction], *, plain: bool) -> duckdb.DuckDBPyConnection:
    made = open_database(_CONFIG)
    if plain:
        made.execute("PRAGMA disable_optimizer")
    for function in functions:
        register(made, function)
    lock(made, "UTC")
    return made


def _run(database: duckdb.DuckDBPyConnection, made: GovernedQuery) -> Outcome:
    heads = tuple((o.name, o.type.text() if o.type else "?") for o in made.outputs)
    try:
        check_statement(database, made.sql)
        batches = list(database.sql(made.sql).to_arrow_reader(10_000))
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        return Outcome(name_of(error), planned=True)
    rows = [row for batch in batches for row in tuples(batch)]
    return Outcome(planned=True, heads=heads, rows=tuple(map(_plain, rows)))


def _plain(value: Any) -> Any:
    """Comparable and printable: NaN equals itself, doubles to 12 digits."""
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else float(f"{value:.12g}")
    return value


def _stored(snapshot: CatalogSnapshot, folder: Path) -> CatalogSnapshot:
    """The world's tables as Iceberg."""
    catalog = SqlCatalog(
        "lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/data"
    )
    catalog.create_namespace(SCHEMA)
    rows = raw_tables()
    tables = {}
    for name, table in snapshot.tables.items():
        made = catalog.create_table(f"{SCHEMA}.{name.table}", rows[name.table].schema)
        made.append(rows[name.table])
        location = catalog.load_table(f"{SCHEMA}.{name.table}").metadata_location
        read = read_table(location)
        ids = {field.name: field.field_id for field in read.fields}
        columns = tuple(_numbered(column, ids) for column in table.columns)
        tables[name] = replace(table, columns=columns, uuid=read.uuid, metadata_location=location)
    return replace(snapshot, tables=tables)


def _numbered(column: Column, ids: Mapping[str, int]) -> Column:
    return replace(column, field_id=ids[column.name])


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """A gateway whose worker runs."""
    made = Gateway(folder)
    made.start()
    try:
        yield made
    finally:
        made.close()
