"""The demo's tables in the lab: written once into the cache, then known to PostgreSQL too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from pyiceberg.catalog.sql import SqlCatalog

from tests.parts import CACHE
from tests.realparts.addresses import Addresses

DEMO = CACHE / "demo"
_LOAD_SECONDS = 600
_TABLES = ("iceberg_tables", "iceberg_namespace_properties")


def demo() -> Path:
    """The demo's directory, made if it is not there yet."""
    load = [sys.executable, "-m", "gateway.demo.load", "--data-dir", DEMO, "--quiet"]
    subprocess.run(load, check=True, timeout=_LOAD_SECONDS, stdout=subprocess.DEVNULL)
    return DEMO


def share(lab: Addresses, source: Path) -> None:
    """Enter the tables of a SQLite catalog into the lab's ``lake``; both name the same files."""
    SqlCatalog("lake", **lab.iceberg()).close()  # makes the catalog's own tables
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as given,
        psycopg.connect(lab.database("iceberg")) as target,
    ):
        for table in _TABLES:
            rows = given.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            )
            target.cursor().executemany(statement, rows.fetchall())


@contextmanager
def shared(lab: Addresses, source: Path) -> Iterator[None]:
    """Share a catalog's tables until the end of the block; the tables must be new to ``lake``."""
    share(lab, source)
    try:
        yield
    finally:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as given,
            psycopg.connect(lab.database("iceberg")) as target,
        ):
            places = given.execute("SELECT metadata_location FROM iceberg_tables").fetchall()
            target.cursor().executemany(
                "DELETE FROM iceberg_tables WHERE metadata_location = %s", places
            )
