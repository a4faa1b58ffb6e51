"""What a running gateway leaves behind: one audit record per statement, without its literals."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections import Counter

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.conformance.conftest import Gateway

_SECRET = "4711-SECRET"
_NUMBER = "98765.4375"


def show(gateway: Gateway, *options: str) -> list[dict]:
    """``meshgate audit show --json`` beside the running gateway."""
    words = ["audit", "show", "--json", "--state", str(gateway.root / "state"), *options]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
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


def test_a_statement_the_endpoint_refuses_is_recorded(gateway):
    wire = gateway.connect("bob")
    wire.properties["spill_enabled"] = _SECRET
    assert wire.run(f"SELECT '{_SECRET}'").outcome == "INVALID_SESSION_PROPERTY"
    options = ("--principal", "bob", "--outcome", "INVALID_SESSION_PROPERTY", "--limit", "1")
    record = show(gateway, *options)[0]
    assert (record["phase"], record["result"]["state"]) == ("finished", "refused")
    assert record["statement"]["redacted_sql"] == "SELECT ?"


def test_a_statement_cancelled_before_it_ran_is_recorded(gateway):
    def send(method, url, body=None):
        request = urllib.request.Request(url, body, {"X-Trino-User": "bob"}, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    page = json.loads(send("POST", f"{gateway.url}/v1/statement", b"SELECT 1"))
    send("DELETE", page["nextUri"])
    records = show(gateway, "--query-id", page["id"])
    assert [(r["phase"], r["result"]["state"]) for r in records] == [("finished", "cancelled")]


def test_each_statement_that_ended_has_one_finished_record(asked):
    lines = [json.loads(line) for line in asked.log().splitlines() if line.startswith("{")]
    ended = [line["query_id"] for line in lines if line["event"] == "query.finished"]
    with sqlite3.connect(asked.root / "state" / "audit.db") as store:
        found = store.execute("SELECT query_id FROM audit_record WHERE phase = 'finished'")
        finished = Counter(query_id for (query_id,) in found)
    assert len(ended) >= 4
    assert {query_id: finished[query_id] for query_id in ended} == dict.fromkeys(ended, 1)


def test_nobody_is_shown_the_statements_of_another(gateway):
    """``system.runtime.queries``: one's own, with their text; never another principal's."""
    mine = "SELECT claim_id AS only_of_alice FROM base"
    gateway.connect("alice").run(mine)
    sql = "SELECT query, user FROM system.runtime.queries"
    alice, bob = (gateway.connect(who).run(sql).rows for who in ("alice", "bob"))
    assert [mine, "alice"] in alice
    assert {user for _, user in alice} == {"alice"}
    assert {user for _, user in bob} == {"bob"}
    assert "only_of_alice" not in str(bob)


def test_no_literal_of_any_query_is_in_the_store(asked):
    with sqlite3.connect(asked.root / "state" / "audit.db") as store:
        bodies = "\n".join(body for (body,) in store.execute("SELECT body FROM audit_record"))
    assert "redacted_sql" in bodies
    assert _SECRET not in bodies
    assert _NUMBER not in bodies
    assert "900-00-" not in bodies
