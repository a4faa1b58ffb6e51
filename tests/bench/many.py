"""A wide schema for listings: a thousand Iceberg tables of thirty columns, made once."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from pathlib import Path

import psycopg
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

SCHEMA = "wide"
TABLES, COLUMNS = 1000, 30
_INSERT = (
    "INSERT INTO iceberg_tables"
    " (catalog_name, table_namespace, table_name, metadata_location, iceberg_type)"
    " VALUES (%s, %s, %s, %s, 'TABLE') ON CONFLICT DO NOTHING"
)


def names() -> list[str]:
    """The tables' names."""
    return [f"t{number:04d}" for number in range(TABLES)]


def make(database: str, warehouse: Path) -> None:
    """Write the tables into the catalog ``lake`` of a PostgreSQL database (``postgresql://…``).

    The first is made by pyiceberg; the others are copies of its metadata with their own names,
    places and ids, as a thousand commits would have left them.
    """
    uri = database.replace("postgresql://", "postgresql+psycopg://")
    location = f"file://{warehouse}"
    with closing(SqlCatalog("lake", uri=uri, warehouse=location, schema_version="v1")) as catalog:
        catalog.create_namespace_if_not_exists(SCHEMA)
        first = names()[0]
        fields = [(f"c{number:02d}", pa.string()) for number in range(COLUMNS)]
        table = catalog.create_table_if_not_exists(f"{SCHEMA}.{first}", pa.schema(fields))
    text = Path(table.metadata_location.removeprefix("file://")).read_text()
    with psycopg.connect(database) as connection:
        for name in names()[1:]:
            written = _copy(json.loads(text), table.location().replace(first, name))
            connection.execute(_INSERT, ("lake", SCHEMA, name, f"file://{written}"))


def _copy(metadata: dict[str, object], location: str) -> Path:
    metadata |= {"location": location, "table-uuid": str(uuid.uuid4())}
    folder = Path(location.removeprefix("file://")) / "metadata"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"00000-{uuid.uuid4()}.metadata.json"
    path.write_text(json.dumps(metadata))
    return path


def domain(catalog: str) -> str:
    """The domain file of the schema; ``catalog`` is the flow form of its connection."""
    tables = "\n".join(
        f"  - {{name: {SCHEMA}.{name}, undeclared_columns: expose}}" for name in names()
    )
    return (
        f"schema_version: 1\ndomain: {SCHEMA}\nowners: [group:analysts]\n"
        f"stewards: [group:analysts]\n"
        'contacts: [{role: steward, contact: "mailto:wide@example.org"}]\n'
        f"catalog: {catalog}\nschemas: [{{name: {SCHEMA}}}]\ntables:\n{tables}\n"
    )


POLICY = """\
# METADATA
# title: Wide
# custom:
#   owner: wide-stewards
#   standing: {analysts: [analysts]}
package domains.wide

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": set(),
	"masks": {}, "deny_columns": {}, "obligations": set(),
}

# METADATA
# title: Every analyst
grants contains "standing:analysts" if "analysts" in input.subject.groups
"""
"""What the domain's steward wrote: analysts may read everything."""
