"""trino-python-client behaviours against the running gateway: sessions, paging, cancel, errors."""

from __future__ import annotations

import json
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal

import pytest
import trino.dbapi
from trino.exceptions import TrinoQueryError, TrinoUserError

# 20⁴ rows of three columns: several pages.
MANY = "SELECT a.claim_id, b.ssn, c.region FROM base a, base b, base c, base d"


@pytest.fixture
def connect(gateway):
    opened = []

    def run(user="alice", **more):
        settings = {"catalog": "lake", "schema": "x_cli", **more}
        found = trino.dbapi.connect(host="127.0.0.1", port=gateway.port, user=user, **settings)
        opened.append(found)
        return found

    yield run
    for found in opened:
        found.close()


def rows(connection, sql, *parameters):
    cursor = connection.cursor()
    cursor.execute(sql, *([list(parameters)] if parameters else []))
    return cursor.fetchall()


def refused(connection, sql, *parameters):
    with pytest.raises(TrinoQueryError) as caught:
        rows(connection, sql, *parameters)
    return caught.value.error_name


def test_many_pages_arrive_whole_and_once(connect):
    found = rows(connect(), MANY)
    assert len(found) == 160_000
    assert {row[0] for row in found} == set(range(1, 21))


def test_fetching_in_steps(connect):
    cursor = connect().cursor()
    cursor.execute("SELECT claim_id FROM base ORDER BY claim_id")
    assert cursor.fetchone() == [1]
    assert [row[0] for row in cursor.fetchmany(3)] == [2, 3, 4]
    assert len(cursor.fetchall()) == 16
    assert cursor.fetchone() is None


def test_a_description_tells_names_and_types(connect):
    cursor = connect().cursor()
    cursor.execute("SELECT money, moment, word FROM kinds")
    cursor.fetchall()
    assert [(column[0], column[1]) for column in cursor.description] == [
        ("money", "decimal(12, 2)"), ("moment", "timestamp(6)"), ("word", "varchar"),
    ]  # fmt: skip


def test_values_are_python_values(connect):
    (found,) = rows(connect(), "SELECT money, day, moment, yes, big FROM kinds WHERE id = 1")
    assert found == [
        Decimal("1234.50"),
        date(2020, 2, 29),
        datetime.fromisoformat("2020-01-02 03:04:05.678901"),
        True,
        9223372036854775807,
    ]


def test_parameters_are_bound(connect):
    connection = connect()
    sql = "SELECT claim_id FROM base WHERE region = ? AND claim_id > ? ORDER BY claim_id"
    assert [row[0] for row in rows(connection, sql, "EU", 10)] == [12, 15, 18]
    assert rows(connection, sql, "EU' OR 1=1 --", 10) == []


def test_parameters_by_prepared_statements(connect):
    connection = connect(legacy_prepared_statements=True)
    sql = "SELECT claim_id FROM base WHERE claim_id - ? = 1"
    assert rows(connection, sql, -1) == []
    assert rows(connection, sql, 2) == [[3]]


def test_session_properties_reach_the_gateway(connect):
    connection = connect(session_properties={"meshgate.purpose": "care"})
    found = {row[0]: row[1] for row in rows(connection, "SHOW SESSION")}
    assert found["meshgate.purpose"] == "care"
    rows(connection, "SET SESSION meshgate.reason = 'quarter, end'")
    found = {row[0]: row[1] for row in rows(connection, "SHOW SESSION")}
    assert found["meshgate.reason"] == "quarter, end"
    rows(connection, "RESET SESSION meshgate.reason")
    assert {row[0]: row[1] for row in rows(connection, "SHOW SESSION")}["meshgate.reason"] == ""


def test_a_wrong_session_property(connect):
    connection = connect(session_properties={"spill_enabled": "true"})
    assert refused(connection, "SELECT claim_id FROM base") == "INVALID_SESSION_PROPERTY"
    assert refused(connect(), "SET SESSION spill_enabled = 'true'") == "INVALID_SESSION_PROPERTY"


def test_a_purpose_that_is_not_declared(connect):
    connection = connect(session_properties={"meshgate.purpose": "gossip"})
    assert refused(connection, "SELECT claim_id FROM base") == "INVALID_SESSION_PROPERTY"
    connection = connect()
    set_gossip = "SET SESSION meshgate.purpose = 'gossip'"
    assert refused(connection, set_gossip) == "INVALID_SESSION_PROPERTY"
    rows(connection, "SET SESSION meshgate.purpose = 'care'")
    assert {row[0]: row[1] for row in rows(connection, "SHOW SESSION")}["meshgate.purpose"] == (
        "care"
    )


def test_use_changes_the_connection(connect):
    connection = connect(catalog="system", schema="metadata")
    rows(connection, "USE lake.claims")
    assert sorted(rows(connection, "SELECT claim_id FROM claim")) == [[1], [2], [3]]
    assert refused(connection, "USE lake.vault") == "NOT_FOUND"
    assert refused(connection, "USE lake.nowhere") == "NOT_FOUND"
    assert refused(connection, "USE nowhere.x") == "CATALOG_NOT_FOUND"


def test_hidden_and_absent_read_alike(connect):
    texts = []
    for name in ("vault.secret", "vault.absent"):
        with pytest.raises(TrinoUserError) as caught:
            rows(connect(), f"SELECT * FROM lake.{name}")
        texts.append((caught.value.error_name, caught.value.message.replace(name, "")))
    assert texts[0] == texts[1]


def test_transactions(connect):
    with connect(isolation_level=trino.transaction.IsolationLevel.REPEATABLE_READ) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM base")
        assert cursor.fetchall() == [[20]]
        connection.commit()
        cursor = connection.cursor()
        cursor.execute("SELECT claim_id FROM base WHERE claim_id = 1")
        assert cursor.fetchall() == [[1]]
        connection.rollback()


def test_a_cancelled_statement_ends(connect, gateway):
    cursor = connect().cursor()
    cursor.execute(f"{MANY}, base e")
    assert cursor.fetchone() is not None
    query_id = cursor.stats["queryId"]
    cursor.cancel()
    request = urllib.request.Request(
        f"{gateway.url}/v1/query/{query_id}", headers={"X-Trino-User": "alice"}
    )
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["errorName"] == "USER_CANCELED"


def test_killing_ones_own_query_and_nobody_elses(connect):
    cursor = connect().cursor()
    cursor.execute(f"{MANY}, base e")
    query_id = cursor.stats["queryId"]
    kill = f"CALL system.runtime.kill_query(query_id => '{query_id}', message => 'too big')"
    assert refused(connect("bob"), kill) == "NOT_FOUND"
    rows(connect(), kill)
    with pytest.raises(TrinoQueryError) as caught:
        cursor.fetchall()
    assert caught.value.error_name == "ADMINISTRATIVELY_KILLED"
    assert "too big" in caught.value.message


def test_a_time_limit_of_the_session(connect):
    connection = connect(session_properties={"query_max_run_time": "300ms"})
    assert refused(connection, f"SELECT count(*) FROM ({MANY}, base e, base f, base g)") == (
        "EXCEEDED_TIME_LIMIT"
    )
    assert rows(connect(), "SELECT count(*) FROM base") == [[20]]


def test_warnings_reach_the_cursor(connect):
    cursor = connect("bob").cursor()
    cursor.execute("SELECT ssn FROM base")
    cursor.fetchall()
    assert [one["warningCode"]["name"] for one in cursor.warnings] == [
        "MESHGATE_ROWS_FILTERED", "MESHGATE_MASKED",
    ]  # fmt: skip


def test_an_unknown_user_is_refused(connect):
    with pytest.raises(Exception, match="401"):
        rows(connect("mallory"), "SELECT 1")


def test_people_at_the_same_time_get_their_own_rows(connect):
    wanted = {"alice": 20, "bob": 6}
    barrier = threading.Barrier(6)

    def ask(user):
        connection = connect(user)
        barrier.wait()
        return [(user, rows(connection, "SELECT count(*) FROM base")[0][0]) for _ in range(5)]

    with ThreadPoolExecutor(6) as pool:
        found = [one for part in pool.map(ask, ["alice", "bob"] * 3) for one in part]
    assert len(found) == 30
    assert all(count == wanted[user] for user, count in found)


def test_statements_nobody_can_read(connect):
    deep = "SELECT " + "(" * 10_000 + "1" + ")" * 10_000
    long = "SELECT 1 -- " + "x" * (2 << 20)
    for sql in [
        "SELECT 1; SELECT 2",
        "DROP TABLE base",
        "SELECT \x00",
        deep,
        long,
        "SELECT load()",
    ]:
        assert refused(connect(), sql) not in {"GENERIC_INTERNAL_ERROR", None}
    assert rows(connect(), "SELECT count(*) FROM base") == [[20]]


def test_large_prepared_statements_fit_the_headers(connect):
    values = ", ".join(f"'value {n} of many'" for n in range(1200))
    connection = connect(legacy_prepared_statements=True)
    sql = f"SELECT claim_id FROM base WHERE claim_id = ? AND code NOT IN ({values})"
    assert len(sql) > 20_000
    assert rows(connection, sql, 3) == [[3]]
