"""``meshgate catalog init``, ``sync``, ``drift``: domain files beside what is there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.connect import read_connections
from gateway.catalog.connection import Connection
from gateway.catalog.domains import Declared
from gateway.catalog.iceberg import IcebergTable
from gateway.catalog.inspecting import Name, tables_of
from gateway.catalog.propose import propose
from gateway.catalog.spec import DomainSpec
from gateway.catalog.stores import CatalogUnreachableError
from gateway.catalog.sync import SyncError, ids_of, sync
from gateway.cli.folders import (
    CATALOGS,
    FINDINGS,
    Connections,
    Folder,
    FolderOption,
    declared,
    declared_soundly,
    stop,
)
from gateway.server.drift import DriftError, drift
from gateway.settings import SettingsError, load_settings

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def init(
    catalog: Annotated[str, typer.Argument(help="The Iceberg catalog, by Trino's name.")],
    domain: Annotated[str, typer.Option(help="The new domain.")],
    schema: Annotated[
        list[str] | None, typer.Option(help="A schema it owns, repeatable; else the domain's name.")
    ] = None,
    directory: FolderOption = CATALOGS,
    connections: Connections = None,
) -> None:
    """Print the file of a new domain: its tables, columns and field ids as Iceberg has them."""
    schemas = schema or [domain]
    for name in (domain, *schemas):
        if not _NAME.fullmatch(name):
            stop(f"{name} is not of the form [a-z][a-z0-9_]*")
    found = declared(directory, connections)
    for spec in found.open:
        held = set(schemas) & set(spec.domain.schemas if spec.domain else ())
        if held and spec.domain and spec.domain.catalog == catalog:
            stop(f"{', '.join(sorted(held))} is held by domain {spec.domain.name}")
    connection = _connection(catalog, found, connections)
    tables = _tables(connection, schemas)
    if not tables:
        stop(f"catalog {catalog} has no table in {', '.join(schemas)}")
    text = propose(domain, connection, schemas, tables, named_elsewhere=connections is not None)
    typer.echo(text, nl=False)
    typer.echo(f"save it as {directory}/{domain}.yaml and edit it there", err=True)


def _connection(catalog: str, found: Declared, file: Path | None) -> Connection:
    known: Mapping[str, Connection] = found.connections
    if file is not None:
        known, problems = read_connections(file, file.read_bytes() if file.is_file() else None, {})
        if problems:
            stop("\n".join(str(problem) for problem in problems))
    if catalog not in known:
        stop(
            f"nothing says how catalog {catalog} is reached: write it into a connections file and "
            "name that by --connections"
        )
    return known[catalog]


def _tables(connection: Connection, schemas: list[str]) -> Mapping[Name, IcebergTable | str]:
    try:
        return tables_of(connection, schemas)
    except CatalogUnreachableError as error:
        stop(f"catalog {connection.name} cannot be opened at {connection.where}: {error}")


def sync_ids(
    directory: Folder = CATALOGS,
    connections: Connections = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell; exit 1 if an id is missing.")
    ] = False,
) -> None:
    """Write missing field ids into the domain files; comments and order stay as they are."""
    found = declared_soundly(directory, connections)
    missing = sum([_synced(spec, dry_run=dry_run) for spec in found.open])
    if not missing:
        typer.echo("every declared column has its field id")
    elif dry_run:
        raise typer.Exit(FINDINGS)


def _synced(spec: DomainSpec, *, dry_run: bool) -> int:
    """Write one file's ids; give how many there were."""
    if spec.connection is None or spec.domain is None:
        return 0
    tables = _tables(spec.connection, list(spec.domain.schemas))
    path = Path(spec.file)

    def ids(full: str) -> Mapping[str, int] | None:
        schema, _, table = full.partition(".")
        read = tables.get((schema, table))
        return ids_of(read) if isinstance(read, IcebergTable) else None

    try:
        changed, written = sync(path.read_bytes(), ids)
    except SyncError as error:
        stop(f"{path}: {error}")
    for one in written:
        typer.echo(f"{path}:{one.line}: {one.column} is field {one.field_id}")
    if written and not dry_run:
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(changed)
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    return len(written)


def check_drift(directory: Folder = CATALOGS, connections: Connections = None) -> None:
    """Compare the tables and columns of Trino with those of Iceberg; exit 1 where they differ.

    Needs MESHGATE_TRINO__URL, and the service's password as ``meshgate serve`` does.
    """
    found = declared_soundly(directory, connections)
    try:
        settings = load_settings()
        said = asyncio.run(drift(found, settings.trino))
    except (SettingsError, DriftError) as error:
        stop(str(error))
    for one in said.differences:
        typer.echo(str(one))
    if said.differences:
        raise typer.Exit(FINDINGS)
    typer.echo(f"{said.tables} tables, no drift")
