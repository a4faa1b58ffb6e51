"""From a folder of domain files to an immutable, hashed snapshot of the mesh."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gateway.catalog import iceberg
from gateway.catalog.bind import bind
from gateway.catalog.connection import Connection
from gateway.catalog.domains import DomainFiles, read_files
from gateway.catalog.iceberg import IcebergTable
from gateway.catalog.locate import Locator
from gateway.catalog.model import CatalogSnapshot, Domain, Problem, Table, TokenDomain
from gateway.catalog.nodes import Node
from gateway.catalog.spec import DomainSpec, TableSpec
from gateway.catalog.stores import CatalogUnreachableError, Locations, storage_properties
from gateway.names import TableName
from gateway.secrets import SecretError

_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot, the files that are closed in it, and what it was made of."""

    snapshot: CatalogSnapshot
    closed: frozenset[Path]
    signature: tuple[object, ...]


def load_catalog(
    directory: Path,
    environment: Mapping[str, str] | None = None,
    connections_file: Path | None = None,
) -> CatalogSnapshot:
    """Read every domain file of a folder and the Iceberg schemas it names.

    Never raises for what a file says: ``problems`` lists it. A file with a problem of its own
    closes its domain; a table that differs from Iceberg is left out alone.
    ``environment`` fills ``${NAME:-default}`` in paths (default: the process's).
    ``connections_file`` says how catalogs are reached, instead of the domain files.
    """
    return Loader(environment, connections_file).load(read_files(directory)).snapshot


class Loader:
    """Builds snapshots; what did not change since the last one is taken from there."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        connections_file: Path | None = None,
    ) -> None:
        self._domains = DomainFiles(environment, connections_file)
        self._schemas: dict[str, IcebergTable | str] = {}
        self._tables: dict[tuple[object, ...], tuple[Table | None, tuple[Problem, ...]]] = {}
        self.locator = Locator()

    def load(self, files: Mapping[Path, bytes | None]) -> Loaded:
        """Build the snapshot of these files and of Iceberg's present state."""
        declared = self._domains.read(files)
        building = _Building(self, declared.open)
        tables = building.tables()
        snapshot = CatalogSnapshot(
            version=_version(files, tables.values()),
            domains=MappingProxyType(building.domains),
            tables=MappingProxyType(tables),
            problems=tuple(sorted((*declared.problems, *building.problems), key=_place)),
            connections=MappingProxyType(declared.connections),
        )
        self._tables = building.used_tables
        self._schemas = building.used_schemas
        signature = (
            snapshot.version,
            building.signature,
            declared.connections,
            snapshot.problems,
        )
        return Loaded(snapshot, declared.closed, signature)

    def schema(self, location: str, properties: Mapping[str, str]) -> IcebergTable | str:
        """Read a metadata file once (it never changes); a text says why it cannot be had."""
        known = self._schemas.get(location)
        if isinstance(known, IcebergTable):
            return known
        try:
            return iceberg.read_table(location, properties)
        except iceberg.UnsupportedTypeError as error:
            return str(error)
        except iceberg.UnreadableTableError:
            return "its metadata file is missing or broken"

    def bound(self, key: tuple[object, ...]) -> tuple[Table | None, tuple[Problem, ...]] | None:
        """Give the table made for the same inputs before."""
        return self._tables.get(key)


@dataclass(frozen=True, slots=True)
class _Reached:
    """A catalog that answered, and pyiceberg's properties for its store."""

    locations: Locations
    properties: Mapping[str, str] = field(repr=False)


class _Building:
    """One pass over the open domains."""

    def __init__(self, loader: Loader, specs: tuple[DomainSpec, ...]) -> None:
        self._loader = loader
        self._specs = specs
        self._token_domains: dict[str, TokenDomain] = {
            t.name: t for spec in specs if spec.domain for t in spec.domain.token_domains
        }
        self._reached: dict[Connection, _Reached | str] = {}
        self.domains: dict[str, Domain] = {s.domain.name: s.domain for s in specs if s.domain}
        self.problems: list[Problem] = []
        self.used_tables: dict[tuple[object, ...], tuple[Table | None, tuple[Problem, ...]]] = {}
        self.used_schemas: dict[str, IcebergTable | str] = {}

    @property
    def signature(self) -> tuple[object, ...]:
        """Where every table of every domain now stands."""
        return tuple(sorted(self.used_schemas))

    def tables(self) -> dict[TableName, Table]:
        """Build every table that can be served, by name."""
        found: dict[TableName, Table] = {}
        for spec in self._specs:
            reached = self._of_catalog(spec)
            if reached is None:
                continue
            for table_spec in spec.tables:
                table = self._table(spec, table_spec, reached)
                if table is not None:
                    found[table.name] = table
            self._check_columns(spec, found)
        return dict(sorted(found.items()))

    def _of_catalog(self, spec: DomainSpec) -> _Reached | None:
        connection = spec.connection
        if connection is None or not spec.tables:
            return _Reached({}, {})
        if connection not in self._reached:
            try:
                self._reached[connection] = self._ask(connection)
            except (CatalogUnreachableError, SecretError) as error:
                self._reached[connection] = str(error)
        reached = self._reached[connection]
        if isinstance(reached, _Reached):
            return reached
        message = f"catalog {connection.name} cannot be opened at {connection.where}: {reached}"
        if spec.connection_mark is not None:
            self._report(spec, spec.connection_mark, "catalog-unreachable", message)
        return None

    def _ask(self, connection: Connection) -> _Reached:
        wanted = frozenset(
            (table.name.schema, table.name.table)
            for spec in self._specs
            if spec.connection == connection
            for table in spec.tables
        )
        properties = storage_properties(connection)
        return _Reached(self._loader.locator.locations(connection, wanted), properties)

    def _table(self, spec: DomainSpec, table: TableSpec, reached: _Reached) -> Table | None:
        location = reached.locations.get((table.name.schema, table.name.table))
        if location is None:
            message = f"{table.name} is not in the Iceberg catalog"
            self._report(spec, table.mark, "unknown-table", message)
            return None
        schema = self.used_schemas[location] = self._loader.schema(location, reached.properties)
        if isinstance(schema, str):
            self._report(spec, table.mark, "unsupported-table", f"{table.name}: {schema}")
            return None
        named = {c.token_domain for c in table.columns if c.token_domain}
        tokens = tuple(repr(self._token_domains.get(name)) for name in sorted(named))
        key = (spec.file, spec.digest, table.name, location, tokens)
        made = self._loader.bound(key)
        if made is None and spec.domain is not None:
            made = bind(spec.file, spec.domain.name, table, schema, self._token_domains)
        assert made is not None
        self.used_tables[key] = made
        self.problems += made[1]
        return made[0]

    def _check_columns(self, spec: DomainSpec, tables: Mapping[TableName, Table]) -> None:
        for name, column, mark in spec.column_checks:
            table = tables.get(name)
            if table is not None and table.column(column) is None:
                self._report(spec, mark, "unknown-column", f"{name} has no column {column}")

    def _report(self, spec: DomainSpec, mark: Node, code: str, message: str) -> None:
        self.problems.append(Problem(spec.file, mark.line, mark.column, code, message))


def _version(files: Mapping[Path, bytes | None], tables: Iterable[Table]) -> str:
    """Hash what decisions depend on: the files' bytes and each table's identity and fields."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path.name}\0{len(content or b'')}\0".encode())
        digest.update(content or b"")
    for table in tables:
        fields = ",".join(f"{c.name}:{c.field_id}:{c.type.compact()}" for c in table.columns)
        digest.update(f"\0{table.name}\0{table.uuid}\0{table.schema_id}\0{fields}".encode())
        if table.view is not None:  # what a view reads decides who may see it
            digest.update(f"\0{table.view}".encode())
    return f"c1:{digest.hexdigest()[:_VERSION_DIGITS]}"


def _place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.message
