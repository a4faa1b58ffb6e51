"""Views as Trino 476 writes them: a gzip file of metadata and a row in the catalog's table."""

from __future__ import annotations

import gzip
import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

_ROW = """
INSERT INTO iceberg_tables
(catalog_name, table_namespace, table_name, metadata_location, iceberg_type)
VALUES ('lake', ?, ?, ?, 'VIEW')
ON CONFLICT DO UPDATE SET metadata_location = excluded.metadata_location
"""


def create_view(
    directory: Path,
    name: str,
    sql: str,
    columns: Sequence[tuple[str, str]],
    *,
    catalog: str | None = "lake",
    dialect: str = "trino",
    properties: Mapping[str, str] | None = None,
    earlier: Sequence[str] = (),
) -> str:
    """Create or replace ``schema.view``; ``earlier`` are its texts before. Its file's place."""
    schema, _, view = name.partition(".")
    folder = directory / "warehouse" / schema / f"{view}-{uuid.uuid4().hex}" / "metadata"
    folder.mkdir(parents=True)
    texts = [*earlier, sql]
    versions = [
        _version(number, text, schema, catalog, dialect) for number, text in enumerate(texts, 1)
    ]
    document = {
        "view-uuid": str(uuid.uuid4()),
        "format-version": 1,
        "location": f"file://{folder.parent}",
        "current-version-id": len(texts),
        "versions": versions,
        "version-log": [{"timestamp-ms": 1760000000000, "version-id": 1}],
        "schemas": [
            {
                "type": "struct",
                "schema-id": 0,
                "fields": [
                    {"id": at, "name": column, "required": True, "type": kind}
                    for at, (column, kind) in enumerate(columns, 1)
                ],
            }
        ],
        "properties": dict(properties or {}),
    }
    path = folder / f"{len(texts):05d}-{uuid.uuid4()}.gz.metadata.json"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    location = f"file://{path}"
    with closing(sqlite3.connect(directory / "lake.db")) as database, database:
        database.execute(_ROW, (schema, view, location))
    return location


def _version(
    number: int, sql: str, schema: str, catalog: str | None, dialect: str
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version-id": number,
        "timestamp-ms": 1760000000000 + number,
        "schema-id": 0,
        "summary": {"engine-name": "trino", "engine-version": "476"},
        "default-namespace": [schema],
        "representations": [{"type": "sql", "sql": sql, "dialect": dialect}],
    }
    return {**found, "default-catalog": catalog} if catalog else found
