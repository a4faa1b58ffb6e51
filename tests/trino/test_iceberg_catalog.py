"""The catalog commands on the real parts: drift, proposals, field ids, what a reader may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from gateway.catalog.load import load_catalog
from gateway.catalog.stores import open_catalog
from gateway.cli.catalog import app
from gateway.names import TableName
from tests.realparts.addresses import Addresses
from tests.trino.sides import Sides, connections, write_connections

COLUMNS = """
CREATE TABLE {t} (
    id bigint NOT NULL COMMENT 'its number', amount decimal(12, 2), at timestamp(6) with time zone,
    day date, raw varbinary, u uuid, n double, tags array(varchar), seen map(varchar, integer),
    place row(city varchar, "Zip" varchar)
) COMMENT 'made by Trino'
"""


@pytest.fixture(params=["lake", "rest"])
def sides(request: Any, lab: Addresses, bare: Any, tmp_path: Path, monkeypatch: Any) -> Sides:
    """A schema with one table of many types, made by Trino."""
    rest = request.param == "rest"
    schema = request.getfixturevalue("rest_scratch" if rest else "scratch")
    python = request.getfixturevalue("rest_lake" if rest else "lake")
    write_connections(tmp_path, connections(lab, monkeypatch))
    sides = Sides(request.param, schema, bare, python, tmp_path)
    sides.run(COLUMNS)
    return sides


def _command(sides: Sides, lab: Addresses, *words: str) -> Result:
    settings = {"MESHGATE_TRINO__URL": lab.bare, "MESHGATE_TRINO__SECOND_LOCK": "off"}
    files = ["--connections", str(sides.folder / "connections.yaml")]
    return CliRunner().invoke(app, [*words, *files], env=settings)


def _propose(sides: Sides, lab: Addresses) -> Path:
    words = ("init", sides.catalog, "--domain", "scratch", "--schema", sides.schema)
    result = _command(sides, lab, *words, "--catalogs", str(sides.folder))
    assert result.exit_code == 0, result.stderr
    file = sides.folder / "scratch.yaml"
    file.write_text(result.stdout)
    return file


def test_a_proposal_serves_what_trino_made(sides: Sides, lab: Addresses):
    _propose(sides, lab)
    snapshot = load_catalog(sides.folder, connections_file=sides.folder / "connections.yaml")
    assert not snapshot.problems
    table = snapshot.tables[TableName(sides.catalog, sides.schema, "t")]
    described = sides.run("DESCRIBE {t}")
    assert [(c.name, c.type.display()) for c in table.columns] == [row[:2] for row in described]
    assert table.comment == "made by Trino"
    assert table.columns[0].doc == "its number"


def test_ids_are_written_and_a_column_made_anew_is_noticed(sides: Sides, lab: Addresses):
    file = _propose(sides, lab)
    whole = file.read_text()
    file.write_text("".join(f"{line.partition(': {field_id')[0]}:\n" if "field_id" in line else line
                            for line in whole.splitlines(keepends=True)))  # fmt: skip
    result = _command(sides, lab, "sync", str(sides.folder))
    assert result.exit_code == 0, result.output
    assert [line.partition("#")[0].rstrip() for line in whole.splitlines()] == [
        line.partition("#")[0].rstrip() for line in file.read_text().splitlines()
    ]
    sides.run("ALTER TABLE {t} DROP COLUMN day")
    sides.run("ALTER TABLE {t} ADD COLUMN day date")
    checked = _command(sides, lab, "check", str(sides.folder))
    assert checked.exit_code == 1
    assert ": field-moved: " in checked.stdout


def test_no_drift_through_changes_of_both(sides: Sides, lab: Addresses):
    sides.declare()
    for change in (
        "ALTER TABLE {t} ADD COLUMN later varchar",
        "ALTER TABLE {t} RENAME COLUMN n TO m",
        "ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['day(at)']",
    ):
        sides.run(change)
        result = _command(sides, lab, "drift", str(sides.folder))
        assert (result.exit_code, result.output) == (0, "1 tables, no drift\n")


def test_drift_is_told_where_the_two_look_elsewhere(sides: Sides, lab: Addresses, monkeypatch: Any):
    """The gateway is told another catalog than Trino has under that name."""
    if not lab.rest:
        pytest.fail("this needs both catalogs")
    sides.declare()
    found = connections(lab, monkeypatch)
    other = "rest" if sides.catalog == "lake" else "lake"
    write_connections(sides.folder, {sides.catalog: found[other]})
    result = _command(sides, lab, "drift", str(sides.folder))
    assert result.exit_code == 1
    full = f"{sides.catalog}.{sides.schema}.t"
    assert result.output == f"{full}: Trino has it, Iceberg's catalog does not\n"


@pytest.mark.parametrize("sides", ["lake"], indirect=True)
def test_a_reader_cannot_change_the_database(sides: Sides):
    connection = sides.snapshot().connections[sides.catalog]
    catalog = open_catalog(connection)
    with pytest.raises(DBAPIError, match="read-only transaction"):
        catalog.create_namespace(f"{sides.schema}_more")
    catalog.close()
