"""Drift between Trino and Iceberg's catalog: each kind of difference is told, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.catalog.drift import differences, listing_sql, told_by_trino
from gateway.catalog.iceberg import IcebergField, IcebergTable
from gateway.catalog.inspecting import tables_of
from gateway.cli.catalog import app
from gateway.datatypes import DataType
from tests.unit.catalog import lake
from tests.unit.catalog.viewfiles import create_view


def _field(name: str, kind: str) -> IcebergField:
    return IcebergField(name, 1, required=False, type=DataType.parse(kind), written=kind, doc=None)


OURS = {
    ("s", "T"): IcebergTable(
        "u", "l", 0, None, (_field("Id", "bigint"), _field("n", 'row(a decimal(3,1), "B" date)'))
    )
}  # fmt: skip
SAME = [["s", "t", "id", "bigint"], ["s", "t", "n", "row(a decimal(3,1), B date)"]]


def _said(rows: list[list[str]], ours: object = OURS) -> list[str]:
    told = told_by_trino(rows)
    return [str(one) for one in differences("lake", ours, told)]  # type: ignore[arg-type]


def test_the_same_tables_do_not_differ():
    assert _said(SAME) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "lake.s.t: Iceberg's catalog has it, Trino does not"),
        ([*SAME, ["s", "u", "x", "date"]], "lake.s.u: Trino has it, Iceberg's catalog does not"),
        (SAME[:1], "lake.s.t: column n is unknown to Trino"),
        ([*SAME, ["s", "t", "z", "date"]], "lake.s.t: column z is known to Trino alone"),
        (
            [["s", "t", "id", "integer"], SAME[1]],
            "lake.s.t: column id is bigint in Iceberg, integer in Trino",
        ),
        (
            [["s", "t", "id", "mystery<>"], SAME[1]],
            "lake.s.t: column id is bigint in Iceberg, mystery<> in Trino",
        ),
        (SAME[::-1], "lake.s.t: the columns stand in another order in Trino"),
    ],
)
def test_a_difference_is_told(rows: list[list[str]], said: str):
    assert _said(rows) == [said]


def test_what_is_not_served_is_compared_by_name_alone():
    nano = IcebergField("id", 1, required=False, type=None, written="timestamp_ns", doc=None)
    assert _said([SAME[0]], {("s", "t"): IcebergTable("u", "l", 0, None, (nano,))}) == []
    assert _said([SAME[0]], {("s", "t"): "table format 3"}) == []


def test_the_question_names_each_schema():
    assert "IN ('a', 'b')" in listing_sql("lake", {"b", "a"})


def test_without_a_cluster_the_command_says_what_to_set(tmp_path: Path):
    result = CliRunner().invoke(app, ["drift", str(lake.build(tmp_path))])
    assert result.exit_code == 2
    assert "MESHGATE_TRINO__URL" in result.stderr


def test_a_cluster_that_is_not_there_is_no_drift(tmp_path: Path):
    words = ["drift", str(lake.build(tmp_path))]
    settings = {"MESHGATE_TRINO__URL": "http://127.0.0.1:1"}
    result = CliRunner().invoke(app, words, env=settings)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did not list catalog lake" in result.stderr


def test_views_are_no_drift(tmp_path: Path):
    directory = lake.build(tmp_path / "mesh")
    create_view(directory, "weather.v", "SELECT 1 x", (("x", "integer"),))
    create_view(directory, "weather.s", "SELECT 1 x", (("x", "integer"),), dialect="spark")
    found = tables_of(lake.connection(directory), ["weather"])
    assert sorted(found) == [("weather", "hours"), ("weather", "s"), ("weather", "v")]
    hours = found["weather", "hours"]
    assert isinstance(hours, IcebergTable)
    told = {("weather", "hours"): [(f.name, f.type.display()) for f in hours.fields if f.type]}
    assert list(differences("lake", found, told)) == []
