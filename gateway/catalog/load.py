"""From a folder of domain files to an immutable, hashed snapshot of the mesh."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sqlalchemy.exc import SQLAlchemyError

from gateway.catalog import cross, iceberg
from gateway.catalog.bind import bind
from gateway.catalog.iceberg import Connection, IcebergTable
from gateway.catalog.model import CatalogSnapshot, Domain, Problem, Table, TokenDomain
from gateway.catalog.nodes import Node
from gateway.catalog.parse import parse_domain
from gateway.catalog.spec import DomainSpec, TableSpec
from gateway.names import TableName

RESERVED = frozenset({"grants.yaml", "principals.yaml"})
_VERSION_DIGITS = 16

Locations = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot, the files that are closed in it, and what it was made of."""

    snapshot: CatalogSnapshot
    closed: frozenset[Path]
    signature: tuple[object, ...]


def load_catalog(directory: Path, environment: Mapping[str, str] | None = None) -> CatalogSnapshot:
    """Read every domain file of a folder and the Iceberg schemas it names.

    Never raises for what a file says: ``problems`` lists it. A file with a problem of its own
    closes its domain; a table that differs from Iceberg is left out alone.
    ``environment`` fills ``${NAME:-default}`` in paths (default: the process's).
    """
    return Loader(environment).load(read_files(directory)).snapshot


def read_files(directory: Path) -> dict[Path, bytes | None]:
    """Read the domain files (``*.yaml`` but the reserved names); None: cannot be read.

    ``*.yml`` is read too, to be refused by name; editors' dot files are not.
    """
    paths = sorted(
        path
        for path in directory.glob("*.y*ml")
        if path.suffix in {".yaml", ".yml"}
        and path.name not in RESERVED
        and not path.name.startswith(".")
    )
    return {path: _read(path) for path in paths}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


class Loader:
    """Builds snapshots; what did not change since the last one is taken from there."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._specs: dict[tuple[Path, bytes], DomainSpec] = {}
        self._schemas: dict[str, IcebergTable | str] = {}
        self._tables: dict[tuple[object, ...], tuple[Table | None, tuple[Problem, ...]]] = {}

    def load(self, files: Mapping[Path, bytes | None]) -> Loaded:
        """Build the snapshot of these files and of Iceberg's present state."""
        specs = {path: self._spec(path, content) for path, content in files.items()}
        self._specs = {
            (path, content): specs[path] for path, content in files.items() if content is not None
        }
        valid = [spec for spec in specs.values() if not spec.problems]
        between = cross.check(valid, specs.values())
        open_specs = [spec for spec in valid if spec.file not in between]
        building = _Building(self, open_specs)
        tables = building.tables()
        closed = [problem for spec in specs.values() for problem in spec.problems]
        closed += [problem for problems in between.values() for problem in problems]
        snapshot = CatalogSnapshot(
            version=_version(files, tables.values()),
            domains=MappingProxyType(building.domains),
            tables=MappingProxyType(tables),
            problems=tuple(sorted((*closed, *building.problems), key=_place)),
        )
        signature = (snapshot.version, building.signature, snapshot.problems)
        kept = {spec.file for spec in open_specs}
        shut = frozenset(path for path, spec in specs.items() if spec.file not in kept)
        self._tables = building.used_tables
        self._schemas = building.used_schemas
        return Loaded(snapshot, shut, signature)

    def _spec(self, path: Path, content: bytes | None) -> DomainSpec:
        if content is None:
            problem = Problem(str(path), 1, 1, "unreadable", "the file cannot be read")
            return DomainSpec(str(path), "", None, None, None, (), (), (), (problem,))
        known = self._specs.get((path, content))
        return known or parse_domain(path, content, self._environment)

    def schema(self, location: str) -> IcebergTable | str:
        """Read a metadata file once (it never changes); a text says why it cannot be had."""
        known = self._schemas.get(location)
        if isinstance(known, IcebergTable):
            return known
        try:
            return iceberg.read_table(location)
        except iceberg.UnsupportedTypeError as error:
            return str(error)
        except iceberg.UnreadableTableError:
            return "its metadata file is missing or broken"

    def bound(self, key: tuple[object, ...]) -> tuple[Table | None, tuple[Problem, ...]] | None:
        """Give the table made for the same inputs before."""
        return self._tables.get(key)


class _Building:
    """One pass over the open domains."""

    def __init__(self, loader: Loader, specs: list[DomainSpec]) -> None:
        self._loader = loader
        self._specs = specs
        self._token_domains: dict[str, TokenDomain] = {
            t.name: t for spec in specs if spec.domain for t in spec.domain.token_domains
        }
        self._locations: dict[Connection, Locations | None] = {}
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
            locations = self._of_catalog(spec)
            if locations is None:
                continue
            for table_spec in spec.tables:
                table = self._table(spec, table_spec, locations)
                if table is not None:
                    found[table.name] = table
            self._check_columns(spec, found)
        return dict(sorted(found.items()))

    def _of_catalog(self, spec: DomainSpec) -> Locations | None:
        connection = spec.connection
        if connection is None or not spec.tables:
            return {}
        if connection not in self._locations:
            try:
                self._locations[connection] = iceberg.locations(connection)
            except SQLAlchemyError:
                self._locations[connection] = None
        if self._locations[connection] is None and spec.connection_mark is not None:
            message = f"catalog {connection.name} cannot be opened at {connection.database}"
            message += "" if Path(connection.database).exists() else ": there is no such file"
            self._report(spec, spec.connection_mark, "catalog-unreachable", message)
        return self._locations[connection]

    def _table(self, spec: DomainSpec, table: TableSpec, locations: Locations) -> Table | None:
        location = locations.get((table.name.schema, table.name.table))
        if location is None:
            message = f"{table.name} is not in the Iceberg catalog"
            self._report(spec, table.mark, "unknown-table", message)
            return None
        schema = self.used_schemas[location] = self._loader.schema(location)
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
    return f"c1:{digest.hexdigest()[:_VERSION_DIGITS]}"


def _place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.message
