from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from typer.testing import CliRunner

from gateway.audit import records
from gateway.audit.model import (
    AuditRecord,
    ColumnUse,
    Result,
    RowFilter,
    StatementText,
    TableUse,
    Who,
    Why,
)
from gateway.cli.audit import app
from gateway.state.connection import SqliteConnection

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT = StatementText("QUERY", "SELECT ?", "f" * 64)
READ = TableUse(
    "lake.claims.claim",
    "allow",
    filters=(RowFilter(("r",), {"type": "field"}),),
    columns=(ColumnUse("email", 2, ("output",), "email-domain"), ColumnUse("id", 1, (), "clear")),
)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "audit.db"
    database = SqliteConnection(path)
    for record in (
        AuditRecord(
            *("q1", "finished", NOW, Who("alice"), TEXT),
            why=Why("care"),
            tables=(READ,),
            result=Result("finished", rows=7),
        ),
        AuditRecord(
            *("q2", "finished", NOW, Who("bob"), TEXT),
            tables=(TableUse("lake.claims.notes", "deny", hidden=True),),
            result=Result("refused", "TABLE_NOT_FOUND"),
        ),
    ):
        records.insert(database, record, record.body().decode())
    database.close()
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, ["show", *map(str, arguments)])


def test_a_table_of_what_happened(store):
    shown = run("--state", store.parent)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert len(lines) == 3
    assert "refused TABLE_NOT_FOUND" in lines[1]
    assert "lake.claims.notes (hidden)" in lines[1]
    assert "care" in lines[2]
    assert "lake.claims.claim (rows limited, email: email-domain)" in lines[2]


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--principal", "bob", ["q2"]),
        ("--table", "lake.claims.claim", ["q1"]),
        ("--outcome", "refused", ["q2"]),
        ("--outcome", "TABLE_NOT_FOUND", ["q2"]),
        ("--limit", 1, ["q2"]),
        ("--query-id", "q1", ["q1"]),
        ("--principal", "carol", []),
    ],
)
def test_records_are_chosen_and_printed_as_json(store, option, value, found):
    shown = run("--state", store.parent, "--json", option, value)
    assert shown.exit_code == 0
    assert [orjson.loads(line)["query_id"] for line in shown.stdout.splitlines()] == found


def test_nothing_found_is_said(store):
    assert (
        run("--state", store.parent, "--principal", "carol").stdout == "no audit record matches\n"
    )


def test_a_store_that_is_not_there_is_named(tmp_path):
    shown = run("--state", tmp_path / "none")
    assert shown.exit_code == 2
    assert "audit.db is not here" in shown.stderr


def test_a_file_that_is_no_store_is_named(tmp_path):
    (tmp_path / "audit.db").write_text("no database at all " * 100)
    shown = run("--state", tmp_path)
    assert shown.exit_code == 2
    assert "cannot be read as an audit store" in shown.stderr
