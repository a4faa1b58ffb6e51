"""A small mesh on disk: three domains in one Iceberg catalog."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from gateway.catalog.connection import Connection, Sqlite, warehouse_at
from gateway.catalog.stores import open_catalog

HEAD = """\
schema_version: 1
domain: {name}
owners: [group:{name}-owners]
stewards: [group:{name}-stewards]
contacts: [{{role: steward, contact: "mailto:{name}@example.org"}}]
catalog:
  name: lake
  type: sql
  database: {{driver: sqlite, path: lake.db}}
  warehouse: warehouse
schemas:
  - {{name: {name}}}
"""

CLAIMS = (
    HEAD.format(name="claims")
    + """\
products:
  - guid: "ed457526-0001"
    key: claims
    owner: claims-team
    display_name: Claims
    status: active
    required_security_group: analysts
    visibility: described
    approval: {mode: steward, purposes: [care, fraud], max_days: 180}
    ports: [{role: output, type: trino, table: claims.claims}]
    slos:
      - {name: freshness, table: claims.claims, target: PT24H}
      - {name: unique_ids, table: claims.claims, check: unique, column: claim_id}
tables:
  - name: claims.claims
    tags: [phi]
    columns:
      claim_id: {field_id: 1}
      member_id: {field_id: 2, tags: [pii.id], classification: restricted, token_domain: member}
      amount:
  - {name: claims.notes, undeclared_columns: expose}
"""
)

MEMBERS = (
    HEAD.format(name="members")
    + """\
products:
  - guid: "ed457526-0002"
    key: people
    owner: members-team
    display_name: People
    status: active
    required_security_group: analysts
    ports: [{role: output, type: trino, table: members.members}]
tables:
  - name: members.members
    columns:
      member_id: {field_id: 1, token_domain: member}
token_domains:
  member:
    code: mbr
    method: ht1
    shape: text
    numeric: i63
    canonicalizer: upper_alnum
    null_values: ["UNKNOWN"]
    versions:
      - {v: 1, state: accept, key: {file: "keys.json#member:1"}}
      - {v: 2, state: active, key: {env: MEMBER_KEY}, not_after: "2027-12-31"}
    pushdown: {duckdb: none, trino: files}
"""
)

WEATHER = (
    HEAD.format(name="weather")
    + """\
tables:
  - {name: weather.hours, undeclared_columns: expose}
"""
)

TYPES = Schema(
    NestedField(1, "a_boolean", BooleanType()),
    NestedField(2, "an_int", IntegerType()),
    NestedField(3, "a_long", LongType()),
    NestedField(4, "a_float", FloatType()),
    NestedField(5, "a_double", DoubleType()),
    NestedField(6, "a_decimal", DecimalType(38, 10)),
    NestedField(7, "a_string", StringType(), doc="free text"),
    NestedField(8, "a_date", DateType(), required=True),
    NestedField(9, "a_uuid", UUIDType()),
    NestedField(10, "a_time", TimeType()),
    NestedField(11, "a_timestamp", TimestampType()),
    NestedField(12, "a_timestamptz", TimestamptzType()),
    NestedField(13, "a_fixed", FixedType(4)),
    NestedField(14, "a_binary", BinaryType()),
    NestedField(15, "a_list", ListType(16, LongType())),
    NestedField(17, "a_map", MapType(18, StringType(), 19, DecimalType(5, 2))),
    NestedField(20, "a_struct", StructType(NestedField(21, "items", ListType(22, DateType())))),
)


def connection(directory: Path) -> Connection:
    """The catalog of a test's mesh."""
    database = Sqlite(str(directory / "lake.db"))
    return Connection("lake", database, warehouse_at(f"{directory}/warehouse"))


def create(directory: Path, name: str, schema: Schema, comment: str = "") -> None:
    """Create one Iceberg table, ``schema.table``."""
    properties = {"comment": comment} if comment else {}
    with closing(open_catalog(connection(directory), write=True)) as catalog:
        catalog.create_namespace_if_not_exists(name.partition(".")[0])
        catalog.create_table(name, schema, properties=properties)


def strings(*names: str) -> Schema:
    """A schema of optional texts."""
    fields = [NestedField(at, name, StringType()) for at, name in enumerate(names, 1)]
    return Schema(*fields)


def build(directory: Path, domains: Sequence[str] = ("claims", "members", "weather")) -> Path:
    """Write the mesh: files and tables."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"claims": CLAIMS, "members": MEMBERS, "weather": WEATHER}
    for name in domains:
        (directory / f"{name}.yaml").write_text(texts[name])
    create(
        directory,
        "claims.claims",
        Schema(
            NestedField(1, "claim_id", LongType(), required=True, doc="its number"),
            NestedField(2, "Member_ID", StringType()),
            NestedField(3, "amount", DecimalType(12, 2)),
            NestedField(4, "secret_note", StringType()),
        ),
        comment="what was billed",
    )
    create(directory, "claims.notes", strings("note"))
    create(directory, "members.members", strings("member_id"))
    create(directory, "weather.hours", TYPES)
    return directory
