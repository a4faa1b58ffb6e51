from __future__ import annotations

from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.server.statements import Report, Written, split
from tests.golden.outcomes import WORLDS

FILE = """
-- first; a comment
SELECT id FROM orders;
/* ; */ SELECT ';' AS "a;b"
FROM orders -- ;
;
SELECT nothing FROM orders;
SELECT nought FROM orders;;
SHOW TABLES
"""


def test_a_file_is_split_outside_quotes_and_comments():
    assert list(split(FILE)) == [
        Written(3, "SELECT id FROM orders"),
        Written(4, "SELECT ';' AS \"a;b\"\nFROM orders"),
        Written(7, "SELECT nothing FROM orders"),
        Written(8, "SELECT nought FROM orders"),
        Written(9, "SHOW TABLES"),
    ]
    assert list(split(" -- nothing\n;; /* nothing */")) == []
    assert [one.sql for one in split("SELECT 'open; SELECT 1")] == ["SELECT 'open", "SELECT 1"]


def test_reasons_are_counted_without_names_and_places():
    report = Report()
    for place, name in (("f:1", "a"), ("f:2", "b")):
        message = f"line 1:8: Column '{name}' cannot be resolved"
        error = {"name": "COLUMN_NOT_FOUND", "message": message}
        report.add(place, {"outcome": "refused", "error": error})
    report.add("f:3", {"outcome": "governed", "error": None})
    assert list(report.lines()) == [
        "3 statements: 1 governed, 0 answered by the gateway, 2 refused (66.7%)",
        "     2  COLUMN_NOT_FOUND: Column '…' cannot be resolved  [f:1, f:2]",
    ]
    assert list(Report().lines()) == [
        "0 statements: 0 governed, 0 answered by the gateway, 0 refused"
    ]


def report(*words: str):
    world = ["--world", str(WORLDS / "shop.yaml"), "--engine", "trino"]
    return CliRunner().invoke(app, ["govern", "--as", "eu_analyst", *world, *words])


def test_files_are_reported_by_the_command(tmp_path):
    path = tmp_path / "some.sql"
    path.write_text(FILE, "utf-8")
    done = report("--catalog", "LAKE", "--schema", "sales", str(path))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "5 statements: 2 governed, 1 answered by the gateway, 2 refused (40.0%)",
        "     2  COLUMN_NOT_FOUND: Column '…' cannot be resolved  [some.sql:7, some.sql:8]",
    ]


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    done = report(str(tmp_path / "none.sql"))
    assert done.exit_code == 2
    assert "No such file" in done.output
