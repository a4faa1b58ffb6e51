"""The demo's tables in the lab: written once into the cache, then known to PostgreSQL too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
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


def share(lab: Addresses) -> None:
    """Enter the demo's tables into the lab's PostgreSQL catalog; both name the same files."""
    SqlCatalog("lake", **lab.iceberg()).close()  # makes the catalog's own tables
    with (
        closing(sqlite3.connect(f"file:{lab.data}/lake.db?mode=ro", uri=True)) as source,
        psycopg.connect(lab.database("iceberg")) as target,
    ):
        for table in _TABLES:
            rows = source.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            )
            target.cursor().executemany(statement, rows.fetchall())
