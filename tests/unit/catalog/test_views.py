from __future__ import annotations

from pathlib import Path

import pytest

from gateway.catalog.load import load_catalog
from gateway.catalog.model import Table
from gateway.datatypes import DataType
from gateway.names import TableName
from tests.unit.catalog import lake
from tests.unit.catalog.viewfiles import create_view

NAME = TableName("lake", "weather", "v_hours")
VIEWS = """\
  - {name: weather.v_hours, undeclared_columns: expose, tags: [derived]}
"""
SQL = "SELECT a_long AS ID, a_string name\nFROM\n  hours"
COLUMNS = (("ID", "long"), ("name", "string"))


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    directory = lake.build(tmp_path / "mesh")
    (directory / "weather.yaml").write_text(lake.WEATHER + VIEWS)
    return directory


def _view(directory: Path) -> Table:
    snapshot = load_catalog(directory)
    assert snapshot.problems == ()
    return snapshot.tables[NAME]


def test_a_view_is_found_with_its_text_its_defaults_and_its_columns(mesh: Path):
    place = create_view(mesh, "weather.v_hours", SQL, COLUMNS, properties={"comment": "by hour"})
    table = _view(mesh)
    assert (table.kind, table.comment, table.tags) == ("view", "by hour", ("derived",))
    assert table.metadata_location == place
    assert table.view is not None
    assert (table.view.sql, table.view.catalog, table.view.schema) == (SQL, "lake", "weather")
    assert table.view.columns == (("id", DataType("bigint")), ("name", DataType("varchar")))
    assert [(c.name, c.written, c.required) for c in table.columns] == [
        ("id", "ID", False),
        ("name", "name", False),
    ]


def test_tables_are_no_views(mesh: Path):
    create_view(mesh, "weather.v_hours", SQL, COLUMNS)
    table = load_catalog(mesh).tables[TableName("lake", "weather", "hours")]
    assert (table.kind, table.view, {c.written for c in table.columns}) == ("table", None, {""})


def test_without_a_stored_catalog_names_lie_in_the_view_s_own(mesh: Path):
    create_view(mesh, "weather.v_hours", SQL, COLUMNS, catalog=None)
    view = _view(mesh).view
    assert view is not None
    assert view.catalog is None


def test_the_current_version_counts(mesh: Path):
    create_view(mesh, "weather.v_hours", SQL, COLUMNS, earlier=["SELECT 1 ID, 'x' name"])
    view = _view(mesh).view
    assert view is not None
    assert view.sql == SQL


def test_a_new_text_is_a_new_version_of_the_catalog(mesh: Path):
    create_view(mesh, "weather.v_hours", SQL, COLUMNS)
    before = load_catalog(mesh).version
    assert load_catalog(mesh).version == before
    create_view(mesh, "weather.v_hours", SQL + " WHERE (a_long > 0)", COLUMNS)
    assert load_catalog(mesh).version != before


def test_an_undeclared_view_does_not_exist(mesh: Path):
    (mesh / "weather.yaml").write_text(lake.WEATHER)
    create_view(mesh, "weather.v_hours", SQL, COLUMNS)
    assert NAME not in load_catalog(mesh).tables


def test_undeclared_columns_stay_part_of_the_query_alone(mesh: Path):
    declared = "  - {name: weather.v_hours, columns: {name: {tags: [pii]}}}\n"
    (mesh / "weather.yaml").write_text(lake.WEATHER + declared)
    create_view(mesh, "weather.v_hours", SQL, COLUMNS)
    table = _view(mesh)
    assert [(c.name, c.tags) for c in table.columns] == [("name", ("pii",))]
    assert table.view is not None
    assert [name for name, _ in table.view.columns] == ["id", "name"]


def test_another_dialect_s_view_is_left_out_alone(mesh: Path):
    create_view(mesh, "weather.v_hours", SQL, COLUMNS, dialect="spark")
    snapshot = load_catalog(mesh)
    assert [problem.code for problem in snapshot.problems] == ["unsupported-table"]
    assert "without exactly one text in Trino's dialect" in snapshot.problems[0].message
    assert NAME not in snapshot.tables
    assert TableName("lake", "weather", "hours") in snapshot.tables


def test_a_broken_view_file_is_left_out_alone(mesh: Path):
    place = create_view(mesh, "weather.v_hours", SQL, COLUMNS)
    Path(place.removeprefix("file://")).write_bytes(b"not gzip")
    snapshot = load_catalog(mesh)
    assert [problem.code for problem in snapshot.problems] == ["unsupported-table"]
    assert NAME not in snapshot.tables
