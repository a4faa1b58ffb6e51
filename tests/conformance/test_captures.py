"""Every statement that real clients were seen to send is answered, or listed with its reason."""

from __future__ import annotations

import pytest

from tests.conformance.captures import FILES, Capture, load
from tests.conformance.wire import Reply, Wire

_WRITES = "the gateway answers queries; it writes nothing"
_VIEWS = "views are not served yet, so a view reads like a table that is not there"
_ABSENT = "the mesh of these tests has no such catalog or table"
_PARTITIONS = "metadata tables of Iceberg are not served; clients tolerate their absence"

# What is not answered as Trino did: the beginning of the statement, the error, the reason.
REFUSED: dict[str, list[tuple[str, str, str]]] = {
    "cli": [],
    "jdbc": [
        ("SELECT count(*) FROM nation", "TABLE_NOT_FOUND", _ABSENT),
        ("SELECT count(*) FROM tpch.sf100", "CATALOG_NOT_FOUND", _ABSENT),
        ("SELECT * FROM tpch.sf1.lineitem", "CATALOG_NOT_FOUND", _ABSENT),
        ("CREATE TABLE IF NOT EXISTS", "NOT_SUPPORTED", _WRITES),
        ("INSERT INTO j VALUES (1", "NOT_SUPPORTED", _WRITES),
        ("DELETE FROM j", "NOT_SUPPORTED", _WRITES),
        ("PREPARE statement4 FROM INSERT", "NOT_SUPPORTED", _WRITES),
        ("EXECUTE statement4 USING", "NOT_FOUND", "its PREPARE was refused: " + _WRITES),
        ("INSERT INTO j VALUES (9", "NOT_SUPPORTED", _WRITES),
        ("SELECT * FROM v_types2", "TABLE_NOT_FOUND", _VIEWS),
        ("SHOW CREATE VIEW v_short", "TABLE_NOT_FOUND", _VIEWS),
        ("DROP TABLE j", "NOT_SUPPORTED", _WRITES),
        ("EXECUTE IMMEDIATE 'INSERT", "NOT_SUPPORTED", _WRITES),
    ],
    "sqlalchemy": [
        ('SELECT * FROM x_cli."base$partitions"', "TABLE_NOT_FOUND", _PARTITIONS),
        ('SELECT * FROM x_cli."v_user$partitions"', "TABLE_NOT_FOUND", _PARTITIONS),
        ('SELECT * FROM x_cli."sa_t$partitions"', "TABLE_NOT_FOUND", _PARTITIONS),
        ("CREATE TABLE x_cli.sa_t", "NOT_SUPPORTED", _WRITES),
        ("CREATE TABLE x_cli.pd_t", "NOT_SUPPORTED", _WRITES),
        ("EXECUTE IMMEDIATE 'INSERT INTO x_cli", "NOT_SUPPORTED", _WRITES),
        ("drop table if exists pd_t", "NOT_SUPPORTED", _WRITES),
        ("create table if not exists m", "NOT_SUPPORTED", _WRITES),
        ("EXECUTE IMMEDIATE 'insert into m", "NOT_SUPPORTED", _WRITES),
        ("describe m", "TABLE_NOT_FOUND", "its CREATE was refused: " + _WRITES),
        ("drop table m", "NOT_SUPPORTED", _WRITES),
    ],
}

# Errors of Trino that came of the statement itself; others came of the recording's order.
_TRINOS = frozenset({"SYNTAX_ERROR", "TABLE_NOT_FOUND", "COLUMN_NOT_FOUND"})


def expected(client: str, capture: Capture) -> str:
    """The refusal listed above, Trino's own error, or Trino's kind of answer."""
    for beginning, error, _ in REFUSED[client]:
        if capture.sql.startswith(beginning):
            return error
    if capture.error in _TRINOS:
        return str(capture.error)
    return "COMMIT" if capture.sql == "COMMIT" else capture.outcome


def send(wire: Wire, capture: Capture) -> Reply:
    """Send one statement in the state its client would have been in."""
    head = capture.sql.partition(" ")[0].upper()
    if head == "START":
        wire.transaction = "NONE"
    if head in {"COMMIT", "ROLLBACK"} and wire.transaction == "NONE":
        wire.run("START TRANSACTION")
    reply = wire.run(capture.sql)
    if head == "USE":
        wire.catalog, wire.schema = "lake", "x_cli"
    return reply


@pytest.fixture(scope="module", params=FILES)
def replies(request, gateway) -> tuple[str, list[tuple[Capture, Reply]]]:
    """One client's statements on one connection, as the person who sees everything."""
    wire = gateway.connect("alice")
    return request.param, [(capture, send(wire, capture)) for capture in load(request.param)]


def test_every_captured_statement_is_answered_or_listed(replies):
    client, found = replies
    wrong = [
        f"{client} {capture.number}: {reply.outcome} instead of {wanted}: {capture.sql[:80]!r} "
        f"{reply.error and reply.error['message']}"
        for capture, reply in found
        if (wanted := expected(client, capture)) != reply.outcome
    ]
    assert not wrong, "\n".join(wrong)


def test_every_listed_refusal_is_of_a_captured_statement(replies):
    client, found = replies
    unused = [
        beginning
        for beginning, _, _ in REFUSED[client]
        if not any(capture.sql.startswith(beginning) for capture, _ in found)
    ]
    assert unused == []


def test_every_answer_with_rows_names_its_columns(replies):
    _, found = replies
    for capture, reply in found:
        if reply.outcome == "rows":
            assert reply.columns, capture.sql
            assert all(len(row) == len(reply.columns) for row in reply.rows), capture.sql


def test_counts_of_captured_statements(replies):
    client, found = replies
    assert len(found) == {"cli": 12, "jdbc": 67, "sqlalchemy": 35}[client]


def test_nobody_sees_more_by_any_captured_statement(gateway):
    """What no one may read never appears, whatever a client asks."""
    for client in FILES:
        wire = gateway.connect("bob")
        for capture in load(client):
            reply = send(wire, capture)
            told = f"{reply.rows} {reply.error} {reply.columns}"
            for hidden in ("vault", "member_id", "sealed"):
                if hidden not in capture.sql:
                    assert hidden not in told, capture.sql
