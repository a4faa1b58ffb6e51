"""Every statement that real clients were recorded to send becomes text for Trino, or is listed.

``refused.txt`` lists what is refused although Trino answered it: client, number, error, reason.
A line that no longer holds fails, as does a refusal without a line.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance.captures import ALL, Capture, load
from tests.corpora.govern import Refusal, governed

_LISTED = Path(__file__).parent / "refused.txt"
_PREPARE = re.compile(r"PREPARE\s+(\S+)\s+FROM\s+(.*)", re.DOTALL)
REASONS = {
    "write": "a statement that changes something; the gateway answers queries",
    "view": "a statement about a view's own text",
    "partitions": "metadata tables of Iceberg; clients do without them",
}
_GO = "_trino_go"
"""The Go client prepares in a header, which the recording does not hold."""


def _listed() -> dict[tuple[str, int], tuple[str, str]]:
    lines = [
        line.split(" ", 4)
        for line in _LISTED.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    return {(client, int(at)): (error, reason) for client, at, error, reason, _ in lines}


LISTED = _listed()


def outcomes(client: str) -> list[tuple[Capture, Refusal | str]]:
    """Each statement and its refusal, or what was made of it."""
    prepared: dict[str, str] = {}
    found: list[tuple[Capture, Refusal | str]] = []
    for capture in load(client):
        if f"EXECUTE {_GO}" in capture.sql:
            count = capture.sql.count(",") + 1 if "ARRAY" not in capture.sql else 1
            text = "SELECT " + ", ".join("?" * count)
            prepared[_GO] = "INSERT INTO g VALUES (?)" if capture.outcome == "INSERT" else text
        plan = governed(capture.sql, "x_cli", prepared)
        made = _PREPARE.match(capture.sql)
        if made:
            prepared[made[1].strip('"').lower()] = made[2]
        found.append((capture, plan if isinstance(plan, Refusal) else _made(plan)))
    return found


def _made(plan: object) -> str:
    governed_text = getattr(plan, "governed", None)
    return governed_text.sql if governed_text is not None else "answered"


@pytest.mark.parametrize("client", ALL)
def test_what_a_client_sends_is_answered_or_listed(client: str) -> None:
    refused = {
        (client, capture.number): outcome.name
        for capture, outcome in outcomes(client)
        if isinstance(outcome, Refusal) and outcome.name != capture.error
    }
    listed = {at: error for at, (error, _) in LISTED.items() if at[0] == client}
    assert refused == listed


@pytest.mark.parametrize("client", ALL)
def test_trinos_own_refusals_are_kept(client: str) -> None:
    for capture, outcome in outcomes(client):
        own = capture.error in {"SYNTAX_ERROR", "COLUMN_NOT_FOUND", "INVALID_PARAMETER_USAGE"}
        assert not own or (isinstance(outcome, Refusal) and outcome.name == capture.error)


def test_every_listed_refusal_has_a_reason() -> None:
    assert {reason for _, reason in LISTED.values()} == set(REASONS)


def test_of_what_is_no_write_at_most_one_in_a_hundred_is_refused() -> None:
    statements = [(client, capture) for client in ALL for capture in load(client)]
    writes = [at for at, (_, reason) in LISTED.items() if reason == "write"]
    others = [at for at, (_, reason) in LISTED.items() if reason not in {"write", "partitions"}]
    assert len(statements) > 300
    assert len(others) <= (len(statements) - len(writes)) / 100


@pytest.mark.parametrize("client", ["dbt", "superset", "ge"])
def test_every_table_of_data_stands_in_its_filter(client: str) -> None:
    texts = [outcome for _, outcome in outcomes(client) if isinstance(outcome, str)]
    reads = [text for text in texts if '"x_cli"."base"' in text]
    assert client == "dbt" or reads
    assert all("'EU'" in text for text in reads)
