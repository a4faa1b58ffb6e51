"""What a running gateway leaves behind: one audit record per statement, without its literals."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from tests.conformance.conftest import Gateway

_SECRET = "4711-SECRET"
_NUMBER = "98765.4375"


def show(gateway: Gateway, *options: str) -> list[dict]:
    """``meshgate audit show --json`` beside the running gateway."""
    start = "from gateway.cli.main import main; main()"
    state = str(gateway.root / "state")
    done = subprocess.run(
        [sys.executable, "-c", start, "audit", "show", "--json", "--state", state, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def asked(gateway: Gateway) -> Gateway:
    wire = gateway.connect("bob")
    wire.run(f"SELECT claim_id, ssn FROM base WHERE code <> '{_SECRET}' AND amount < {_NUMBER}")
    wire.run(f"SELECT * FROM vault.secret WHERE n = '{_SECRET}'")
    wire.run(f"SELECT '{_SECRET} FROM base")
    wire.run("SHOW TABLES")
    return gateway


def test_a_query_is_recorded_with_what_was_done_to_it(asked):
    record = show(asked, "--principal", "bob", "--table", "lake.x_cli.base", "--limit", "1")[0]
    assert record["phase"] == "finished"
    assert record["result"]["state"] == "finished"
    assert record["result"]["rows"] == 6
    assert record["who"]["id"] == "bob"
    assert record["statement"]["redacted_sql"] == (
        "SELECT claim_id, ssn FROM base WHERE code <> ? AND amount < ?"
    )
    (table,) = record["tables"]
    assert table["grant"] == "standing:readers"
    assert table["filters"][0]["rules"] == ["domains.x_cli/region"]
    treated = {column["name"]: column["treatment"] for column in table["columns"]}
    assert treated["ssn"] == "show-last-4"
    assert treated["claim_id"] == "clear"
    assert record["why"]["revisions"]
    assert record["cost"]["wall_us"] > 0
    assert record["lineage"][1]["inputs"][0]["masking"] == "show-last-4"


def test_a_refusal_records_what_its_asker_was_not_told(asked):
    record = show(asked, "--principal", "bob", "--outcome", "SCHEMA_NOT_FOUND", "--limit", "1")[0]
    assert record["result"]["state"] == "refused"
    assert [(t["name"], t["hidden"]) for t in record["tables"]] == [("lake.vault.secret", True)]


def test_a_statement_nobody_can_read_is_recorded_too(asked):
    found = show(asked, "--principal", "bob", "--outcome", "SYNTAX_ERROR", "--limit", "1")
    assert found[0]["statement"]["redacted_sql"] == "<unreadable>"


def test_no_literal_of_any_query_is_in_the_store(asked):
    with sqlite3.connect(asked.root / "state" / "audit.db") as store:
        bodies = "\n".join(body for (body,) in store.execute("SELECT body FROM audit_record"))
    assert "redacted_sql" in bodies
    assert _SECRET not in bodies
    assert _NUMBER not in bodies
    assert "900-00-" not in bodies
