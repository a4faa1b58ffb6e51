"""Makes the tables an Iceberg catalog in PostgreSQL keeps its own books in: Trino wants them there.

``catalogs.py [--demo DIRECTORY]`` with the gateway's settings; ``--demo`` also copies the demo's
tables, made by ``python -m gateway.demo.load``, to where the catalog ``lake`` stands.
"""  # noqa: INP001 - a script of the deployment, not a package

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from gateway.catalog.connection import Postgres
from gateway.catalog.domains import DomainFiles, read_files
from gateway.catalog.stores import open_catalog
from gateway.demo import lake
from gateway.settings import load_settings


def main(demo: Path | None) -> None:
    """Open every catalog for writing; copy the demo if asked to."""
    settings = load_settings().catalog
    declared = DomainFiles(None, settings.connections_file).read(read_files(settings.directory))
    for problem in declared.problems:
        sys.stderr.write(f"{problem}\n")
    if declared.problems:
        sys.exit(1)
    for connection in declared.connections.values():
        if not isinstance(connection.database, Postgres):
            continue
        with closing(open_catalog(connection, write=True)) as catalog:
            sys.stdout.write(f"{connection.name} stands in {connection.where}\n")
            if demo is not None and connection.name == lake.CATALOG:
                _copy(demo, catalog)


def _copy(demo: Path, target: Catalog) -> None:
    with closing(open_catalog(lake.connection(demo))) as source:
        for (schema,) in source.list_namespaces():
            target.create_namespace_if_not_exists(schema)
            for name in source.list_tables(schema):
                if not target.table_exists(name):
                    _copied(source.load_table(name), target, name)
                    sys.stdout.write(f"copied {'.'.join(name)}\n")


def _copied(table: Table, target: Catalog, name: tuple[str, ...]) -> None:
    schema = table.schema()
    written = target.create_table(name, schema=schema, properties=table.properties)
    if written.schema().fields != schema.fields:
        # Tags of the domain files hang on field ids.
        target.drop_table(name)
        raise SystemExit(f"{'.'.join(name)} would get other field ids")
    written.append(table.scan().to_arrow())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--demo", type=Path)
    main(parser.parse_args().demo)
