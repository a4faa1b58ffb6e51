"""``meshgate catalog init``: a file that loads, shows what Iceberg has, and lets nobody in."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.types import StringType
from typer.testing import CliRunner, Result

from gateway.catalog.connect import read_connections
from gateway.catalog.domains import DomainFiles, read_files
from gateway.catalog.iceberg import IcebergField, IcebergTable, read_table
from gateway.catalog.load import load_catalog
from gateway.catalog.propose import propose
from gateway.catalog.stores import open_catalog
from gateway.catalog.sync import ids_of
from gateway.cli.catalog import app
from gateway.datatypes import DataType
from gateway.names import TableName
from tests.unit.catalog import lake

HERE = Path(__file__).parent


def _init(mesh: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["init", *words, "--catalogs", str(mesh)])


def test_the_proposal_loads_and_holds_every_table_with_its_ids(tmp_path: Path):
    mesh = lake.build(tmp_path)
    (mesh / "weather.yaml").unlink()
    result = _init(mesh, "lake", "--domain", "sky", "--schema", "weather")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"save it as {mesh}/sky.yaml and edit it there\n"
    (mesh / "sky.yaml").write_text(result.stdout)
    snapshot = load_catalog(mesh)
    assert not snapshot.problems
    hours = snapshot.tables[TableName("lake", "weather", "hours")]
    stored = read_table(hours.metadata_location or "")
    assert [column.field_id for column in hours.columns] == list(ids_of(stored).values())
    assert len(hours.columns) == len(lake.TYPES.fields)
    assert hours.product is None, "no product: guardrails deny"
    assert "a_string: {field_id: 7}  # varchar, free text\n" in result.stdout
    assert "a_date: {field_id: 8}  # date, required\n" in result.stdout


def test_columns_that_come_later_stay_hidden(tmp_path: Path):
    mesh = lake.build(tmp_path)
    (mesh / "weather.yaml").unlink()
    (mesh / "sky.yaml").write_text(
        _init(mesh, "lake", "--domain", "sky", "--schema", "weather").stdout
    )
    with (
        closing(open_catalog(lake.connection(mesh), write=True)) as catalog,
        catalog.load_table("weather.hours").update_schema() as update,
    ):
        update.add_column("later", StringType())
    hours = load_catalog(mesh).tables[TableName("lake", "weather", "hours")]
    assert hours.column("later") is None


def test_what_cannot_be_served_is_told_as_a_comment():
    varchar = DataType("varchar")

    def table(*fields: IcebergField, comment: str | None = None) -> IcebergTable:
        return IcebergTable("u", "file:///m", 0, comment, fields)

    good = IcebergField("a", 1, required=False, type=varchar, written="string", doc=None)
    nano = IcebergField("n", 2, required=False, type=None, written="timestamp_ns", doc=None)
    odd = IcebergField("x y", 3, required=False, type=varchar, written="string", doc=None)
    evil = IcebergField(
        "E", 4, required=True, type=varchar, written="string", doc="x\n      ssn: {}\u2028# \x00y"
    )
    (connection,) = _connections(b"lake: {type: rest, uri: 'http://r'}")
    text = propose(
        "d",
        connection,
        ["s"],
        {
            ("s", "t"): table(good, nano, odd, evil, comment="one\n  - name: s.other"),
            ("s", "none"): table(nano),
            ("s", "Bad-Name"): table(good),
            ("s", "twice"): table(good, IcebergField("A", 2, required=False, type=varchar,
                                                     written="string", doc=None)),
            ("s", "v3"): "table format 3; 1 and 2 are served",
        },
        named_elsewhere=True,
    )  # fmt: skip
    assert text.partition("tables:\n")[2] == (
        "  # one - name: s.other\n"
        "  - name: s.t\n    undeclared_columns: hide\n    columns:\n"
        "      a: {field_id: 1}  # varchar\n"
        "      # n: timestamp_ns is not served\n"
        "      # x y is no identifier, so it stays hidden\n"
        "      e: {field_id: 4}  # varchar, required, x ssn: {} # y\n"
        "  - name: s.none\n    undeclared_columns: hide\n    columns:\n      {}\n"
        "      # n: timestamp_ns is not served\n"
        "  # s.Bad-Name cannot be served: its name is not of the form [a-z][a-z0-9_]*\n"
        "  # s.twice cannot be served: columns of one name: a\n"
        "  # s.v3 cannot be served: table format 3; 1 and 2 are served\n"
    )


def _connections(content: bytes) -> tuple[object, ...]:
    found, problems = read_connections(HERE / "f.yaml", content, {})
    assert not problems
    return tuple(found.values())


@pytest.mark.parametrize("name", ["lake", "rest", "files", "open"])
def test_each_connection_is_written_so_that_it_reads_back(name: str, tmp_path: Path):
    path = HERE / "connections.yaml"
    connection = read_connections(path, path.read_bytes(), {})[0][name]
    field = IcebergField("a", 1, required=False, type=DataType("date"), written="date", doc=None)
    tables = {("s", "t"): IcebergTable("u", "file:///m", 0, None, (field,))}
    text = propose("d", connection, ["s"], tables, named_elsewhere=False)
    (tmp_path / "d.yaml").write_text(text)
    declared = DomainFiles().read(read_files(tmp_path))
    assert not declared.problems
    assert declared.connections == {name: connection}


def test_the_connections_file_stands_for_the_connection(tmp_path: Path):
    mesh = lake.build(tmp_path / "mesh")
    file = tmp_path / "connections.yaml"
    file.write_text(
        "lake: {type: sql, database: {driver: sqlite, path: mesh/lake.db}, warehouse: w}\n"
    )
    (mesh / "weather.yaml").unlink()
    text = _init(
        mesh, "lake", "--domain", "sky", "--schema", "weather", "--connections", str(file)
    ).stdout
    assert "catalog: {name: lake}\n" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lake", "--domain", "weather"), "weather is held by domain weather"),
        (("lake", "--domain", "empty"), "no table in empty"),
        (("other", "--domain", "x"), "nothing says how catalog other is reached"),
        (("lake", "--domain", "X"), "[a-z][a-z0-9_]*"),
        (("lake", "--domain", "x", "--schema", "a'b"), "[a-z][a-z0-9_]*"),
    ],
)
def test_refusals(tmp_path: Path, words: tuple[str, ...], said: str):
    result = _init(lake.build(tmp_path), *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
