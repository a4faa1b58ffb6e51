"""Domain files and Iceberg schemas become one snapshot."""

from __future__ import annotations

from contextlib import closing
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

from gateway.catalog.load import load_catalog
from gateway.catalog.stores import open_catalog
from gateway.datatypes import DataType
from gateway.names import TableName
from tests.unit.catalog import lake

CLAIMS = TableName("lake", "claims", "claims")
HOURS = TableName("lake", "weather", "hours")


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return lake.build(tmp_path / "mesh")


def test_a_valid_mesh_has_no_problem(mesh: Path):
    snapshot = load_catalog(mesh)
    assert snapshot.problems == ()
    assert list(snapshot.domains) == ["claims", "members", "weather"]
    assert [str(name) for name in snapshot.tables] == [
        "lake.claims.claims",
        "lake.claims.notes",
        "lake.members.members",
        "lake.weather.hours",
    ]


def test_a_table_joins_the_entry_with_the_iceberg_schema(mesh: Path):
    table = load_catalog(mesh).tables[CLAIMS]
    assert (table.domain, table.product, table.tags, table.comment) == (
        "claims",
        "claims",
        ("phi",),
        "what was billed",
    )
    assert table.metadata_location is not None
    assert table.metadata_location.startswith("file:///")
    assert len(table.uuid) == 36
    claim, member, amount = table.columns
    assert (claim.name, claim.field_id, claim.required, claim.doc) == (
        "claim_id",
        1,
        True,
        "its number",
    )
    assert (member.name, member.tags, member.classification, member.token_domain) == (
        "member_id",
        ("pii.id",),
        "restricted",
        "member",
    )
    assert amount.type == DataType("decimal", (12, 2))


def test_an_undeclared_column_is_hidden_unless_the_table_exposes_it(mesh: Path):
    snapshot = load_catalog(mesh)
    assert snapshot.tables[CLAIMS].column("secret_note") is None
    notes = snapshot.tables[TableName("lake", "claims", "notes")]
    assert [column.name for column in notes.columns] == ["note"]


def test_every_iceberg_type_has_trinos(mesh: Path):
    hours = load_catalog(mesh).tables[HOURS]
    assert {column.name: column.type.compact() for column in hours.columns} == {
        "a_boolean": "boolean",
        "an_int": "integer",
        "a_long": "bigint",
        "a_float": "real",
        "a_double": "double",
        "a_decimal": "decimal(38,10)",
        "a_string": "varchar",
        "a_date": "date",
        "a_uuid": "uuid",
        "a_time": "time(6)",
        "a_timestamp": "timestamp(6)",
        "a_timestamptz": "timestamp(6) with time zone",
        "a_fixed": "varbinary",
        "a_binary": "varbinary",
        "a_list": "array(bigint)",
        "a_map": "map(varchar, decimal(5,2))",
        "a_struct": "row(items array(date))",
    }
    assert all(column.type == DataType.parse(column.type.text()) for column in hours.columns)


def test_products_and_token_domains_are_read(mesh: Path):
    snapshot = load_catalog(mesh)
    claims = snapshot.domains["claims"].product("claims")
    assert claims is not None
    assert claims.tables == (CLAIMS,)
    assert (claims.visibility, claims.approval_purposes) == ("described", ("care", "fraud"))
    people = snapshot.domains["members"].product("people")
    assert people is not None
    assert people.visibility == "hidden"
    member = snapshot.token_domains["member"]
    assert (member.domain, member.active.v, member.null_values) == ("members", 2, ("UNKNOWN",))
    assert dict(member.active.key) == {"env": "MEMBER_KEY"}
    assert dict(member.versions[0].key) == {"file": f"{mesh}/keys.json#member:1"}
    assert dict(member.pushdown) == {"duckdb": "none", "trino": "files"}
    assert snapshot.domains["claims"].steward_contact == "mailto:claims@example.org"


def test_a_snapshot_cannot_be_changed(mesh: Path):
    snapshot = load_catalog(mesh)
    with pytest.raises(TypeError):
        snapshot.tables[CLAIMS] = snapshot.tables[HOURS]  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.domains["x"] = snapshot.domains["claims"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        snapshot.version = "c1:0"  # type: ignore[misc]


def test_same_files_give_the_same_version_anywhere(mesh: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in mesh.glob("*.yaml"):
        (elsewhere / file.name).write_bytes(file.read_bytes())
    (elsewhere / "lake.db").write_bytes((mesh / "lake.db").read_bytes())
    version = load_catalog(mesh).version
    assert load_catalog(mesh).version == load_catalog(elsewhere).version == version
    assert version.startswith("c1:")
    assert len(version) == 19


def test_every_byte_of_a_file_is_in_the_version(mesh: Path):
    before = load_catalog(mesh).version
    (mesh / "weather.yaml").write_text(lake.WEATHER + "# a remark\n")
    assert load_catalog(mesh).version != before


def test_reserved_files_are_not_domains(mesh: Path):
    before = load_catalog(mesh)
    (mesh / "grants.yaml").write_text("grants: []\n")
    (mesh / "principals.yaml").write_text("principals: {}\n")
    (mesh / "README.md").write_text("hello\n")
    (mesh / ".claims.yaml").write_text("half-wri")
    assert load_catalog(mesh) == before


def test_paths_follow_the_environment(mesh: Path, tmp_path: Path):
    text = lake.WEATHER.replace("path: lake.db", 'path: "${DATA:-../nowhere}/lake.db"')
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "weather.yaml").write_text(text)
    assert HOURS in load_catalog(alone, {"DATA": str(mesh)}).tables
    missing = load_catalog(alone, {})
    assert HOURS not in missing.tables
    assert [problem.code for problem in missing.problems] == ["catalog-unreachable"]
    assert str(tmp_path / "nowhere") in missing.problems[0].message
    assert missing.problems[0].message.endswith(": there is no such file")
    assert not (tmp_path / "nowhere").exists()


def test_a_variable_without_value_or_default_is_a_problem(mesh: Path):
    (mesh / "weather.yaml").write_text(
        lake.WEATHER.replace("path: lake.db", 'path: "${DATA}/lake.db"')
    )
    (problem,) = load_catalog(mesh, {}).problems
    assert problem.code == "bad-value"
    assert "DATA is not set" in problem.message


def test_a_catalog_that_is_no_database_loses_its_tables_only(mesh: Path):
    (mesh / "lake.db").write_bytes(b"not a database, " * 100)
    snapshot = load_catalog(mesh)
    assert snapshot.tables == {}
    assert list(snapshot.domains) == ["claims", "members", "weather"]
    assert {problem.code for problem in snapshot.problems} == {"catalog-unreachable"}


def _one_table(mesh: Path, name: str) -> tuple[set[str], list[str]]:
    (mesh / "weather.yaml").write_text(
        lake.WEATHER + f"  - {{name: {name}, undeclared_columns: expose}}\n"
    )
    snapshot = load_catalog(mesh)
    return {table.table for table in snapshot.tables}, [str(p) for p in snapshot.problems]


def test_a_missing_table_is_left_out_alone(mesh: Path):
    tables, problems = _one_table(mesh, "weather.storms")
    assert tables == {"claims", "notes", "members", "hours"}
    place = f"{mesh}/weather.yaml:15:12"
    missing = "unknown-table: lake.weather.storms is not in the Iceberg catalog"
    assert problems == [f"{place}: {missing}"]


def _rewrite(mesh: Path, old: str, new: str) -> None:
    (metadata,) = (mesh / "warehouse" / "weather" / "storms" / "metadata").glob("*.json")
    text = metadata.read_text()
    assert old in text
    metadata.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"type":"string"', '"type":"timestamp_ns"', "unsupported-type"),
        ('"type":"string"', '"type":"timestamptz_ns"', "unsupported-type"),
        ('"type":"string"', '"type":"unknown"', "unsupported-type"),
        ('"type":"string"', '"type":"variant"', "unsupported-table"),
        ('"format-version":2', '"format-version":3,"next-row-id":0', "unsupported-table"),
    ],
)
def test_what_trino_does_not_serve_quarantines_its_table_alone(
    mesh: Path, old: str, new: str, code: str
):
    lake.create(mesh, "weather.storms", lake.strings("a"))
    _rewrite(mesh, old, new)
    tables, problems = _one_table(mesh, "weather.storms")
    assert "storms" not in tables
    assert "hours" in tables
    assert [p.split(": ")[1] for p in problems] == [code]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("a", "A"), "name-collision"),
        (("total amount",), "bad-name"),
        (("\u212aelvin",), "bad-name"),
    ],
)
def test_column_names_that_trino_could_confuse_quarantine_the_table(
    mesh: Path, names: tuple[str, ...], code: str
):
    fields = [NestedField(at, name, StringType()) for at, name in enumerate(names, 1)]
    lake.create(mesh, "weather.odd", Schema(*fields))
    tables, problems = _one_table(mesh, "weather.odd")
    assert "odd" not in tables
    assert "hours" in tables
    assert [p.split(": ")[1] for p in problems] == [code]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format-version": 9}']
)
def test_broken_table_metadata_quarantines_the_table(mesh: Path, content: bytes):
    lake.create(mesh, "weather.storms", lake.strings("a"))
    (metadata,) = (mesh / "warehouse" / "weather" / "storms" / "metadata").glob("*.json")
    metadata.write_bytes(content)
    tables, problems = _one_table(mesh, "weather.storms")
    assert "storms" not in tables
    assert "hours" in tables
    assert [p.split(": ")[1] for p in problems] == ["unsupported-table"]


def test_an_empty_folder_is_an_empty_mesh(tmp_path: Path):
    snapshot = load_catalog(tmp_path)
    assert (dict(snapshot.domains), dict(snapshot.tables), snapshot.problems) == ({}, {}, ())
    assert load_catalog(tmp_path / "missing").version == snapshot.version


def test_a_file_of_the_other_suffix_is_named(mesh: Path):
    (mesh / "weather.yaml").rename(mesh / "weather.yml")
    snapshot = load_catalog(mesh)
    assert [str(p) for p in snapshot.problems] == [
        f"{mesh}/weather.yml:1:1: bad-name: rename it weather.yaml"
    ]
    assert "weather" not in snapshot.domains


@pytest.mark.parametrize(("name", "moved"), [("note", True), ("other", False)])
def test_a_name_that_meant_another_column_is_known(mesh: Path, name: str, moved: object):
    with closing(open_catalog(lake.connection(mesh), write=True)) as catalog:
        notes = catalog.load_table("claims.notes")
        with notes.update_schema() as update:
            update.rename_column("note", "old")
        with notes.update_schema() as update:
            update.add_column(name, StringType())
    assert load_catalog(mesh).tables[TableName("lake", "claims", "notes")].moved is moved


def test_a_name_that_nobody_serves_any_more_moves_nothing(mesh: Path):
    with closing(open_catalog(lake.connection(mesh), write=True)) as catalog:
        claims = catalog.load_table("claims.claims")
        with claims.update_schema(allow_incompatible_changes=True) as update:
            update.delete_column("secret_note")
        with claims.update_schema() as update:
            update.add_column("secret_note", StringType())
    assert not load_catalog(mesh).tables[CLAIMS].moved
