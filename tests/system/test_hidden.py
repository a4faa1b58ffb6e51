"""What is hidden reads like what does not exist, on every surface, and nothing else tells it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.serving import Gateway
from tests.system.client import eventually, post, send

pytestmark = pytest.mark.xdist_group("system-hidden")

# ana may not know of contracts: no grant, and its product is hidden. Columns of a described
# product may be discovered, so these tests hide one of a product that is merely listed.
HIDDEN, ABSENT = "contracts", "contraxts"
COLUMN, NO_COLUMN = "paid", "pxid"
RULE = """
deny_columns.paid contains {"id": "quiet", "reason": {"message": "not for you"}} if {
	not team
	input.table.fqn == "lake.claims.claims"
}
"""

TABLE_SURFACES = [
    "SELECT * FROM lake.providers.{}",
    "SELECT 1 FROM lake.providers.{} WHERE base_rate > 1",
    "SELECT contract_id FROM lake.providers.{} AS x ORDER BY terms",
    "TABLE lake.providers.{}",
    "EXPLAIN SELECT * FROM lake.providers.{}",
    "EXPLAIN (TYPE VALIDATE) SELECT * FROM lake.providers.{}",
    "EXPLAIN ACCESS SELECT 1 FROM lake.providers.{}",
    "DESCRIBE lake.providers.{}",
    "SHOW COLUMNS FROM lake.providers.{}",
    "SHOW CREATE TABLE lake.providers.{}",
    "SHOW CREATE VIEW lake.providers.{}",
    "SHOW STATS FOR lake.providers.{}",
    "SHOW TABLES FROM lake.providers LIKE '{}'",
    "SELECT * FROM lake.information_schema.tables WHERE table_name = '{}'",
    "SELECT * FROM lake.information_schema.columns WHERE table_name = '{}'",
    "SELECT column_name FROM lake.information_schema.columns WHERE table_name LIKE '{}%'",
    "SELECT * FROM lake.information_schema.table_privileges WHERE table_name = '{}'",
    "SELECT * FROM system.jdbc.tables WHERE table_name = '{}'",
    "SELECT * FROM system.jdbc.columns WHERE table_cat = 'lake' AND table_name = '{}'",
    "SELECT * FROM system.metadata.table_comments WHERE table_name = '{}'",
    'SELECT * FROM lake.providers."{}$snapshots"',
    'SELECT * FROM lake.providers."{}$files"',
    "SELECT * FROM lake.providers.{} FOR VERSION AS OF 1",
    "EXECUTE IMMEDIATE 'SELECT * FROM lake.providers.{}'",
    "SELECT (SELECT count(*) FROM lake.providers.{}) FROM claims",
    "SELECT 1 FROM claims WHERE EXISTS (SELECT 1 FROM lake.providers.{})",
    "SELECT 1 FROM claims c JOIN lake.providers.{} p ON c.provider_id = p.provider_id",
    "SELECT 1 FROM claims c JOIN lake.providers.{} p USING (provider_id)",
    "SELECT 1 FROM claims, LATERAL (SELECT 1 FROM lake.providers.{}) t",
    "WITH {0} AS (SELECT 1 AS x) SELECT x FROM lake.providers.{0}",
    "WITH a AS (SELECT * FROM lake.providers.{}) SELECT 1",
    "WITH a AS (SELECT * FROM lake.providers.{}), b AS (SELECT 1 AS x) SELECT x FROM b",
    "SELECT 1 UNION SELECT contract_id FROM lake.providers.{}",
    "SELECT * FROM (lake.providers.{}) x",
    "SELECT lake.providers.{}.contract_id FROM claims",
    "SELECT {}.contract_id FROM claims",
    "SELECT 1 FROM LAKE.PROVIDERS.{}",
    'SELECT 1 FROM "lake"."providers"."{}"',
    "INSERT INTO lake.providers.{} SELECT 1",
    "DROP TABLE lake.providers.{}",
    "ANALYZE lake.providers.{}",
    "DELETE FROM lake.providers.{}",
    "CALL lake.providers.{}(1)",
]  # fmt: skip

COLUMN_SURFACES = [
    "SELECT {} FROM claims",
    'SELECT "{}" FROM claims',
    "SELECT c.{} FROM claims c",
    "SELECT claims.{} FROM claims",
    "SELECT claims.claims.{} FROM lake.claims.claims",
    "SELECT claim_id FROM claims WHERE {} > 5",
    "SELECT claim_id FROM claims ORDER BY {}",
    "SELECT claim_id FROM claims ORDER BY claims.{}",
    "SELECT count(*) FROM claims GROUP BY {}",
    "SELECT region FROM claims GROUP BY region HAVING max({}) > 1",
    "SELECT max({}) FROM claims",
    "SELECT count(*) FILTER (WHERE {} > 1) FROM claims",
    "SELECT rank() OVER (ORDER BY {}) FROM claims",
    "SELECT sum(billed) OVER (PARTITION BY {}) FROM claims",
    "SELECT claim_id AS {0} FROM claims WHERE {0} > 1",
    "SELECT claim_id AS x FROM claims GROUP BY {}, claim_id",
    "SELECT 1 FROM claims a JOIN claims b USING ({})",
    "SELECT 1 FROM claims a JOIN claims b ON a.{0} = b.{0}",
    "SELECT x FROM (SELECT {} AS x FROM claims)",
    "SELECT t.{} FROM (SELECT * FROM claims) t",
    "WITH t AS (SELECT * FROM claims) SELECT {} FROM t",
    "SELECT {} FROM claims CROSS JOIN (SELECT 1 AS y)",
    "SELECT (SELECT {}) FROM claims",
    "SELECT (SELECT max(m.{0}) FROM lake.members.members m) FROM claims c",
    "SELECT 1 FROM (VALUES 1) v({0}) WHERE EXISTS (SELECT 1 FROM claims c WHERE c.{0} > 1)",
    "SELECT claim_id FROM claims WHERE claim_id IN (SELECT {} FROM claims)",
    "SELECT CAST({} AS varchar) FROM claims",
    "SELECT TRY(1 / {}) FROM claims",
    "SELECT CASE WHEN {} > 0 THEN 1 END FROM claims",
    "SELECT transform(ARRAY[1], x -> {}) FROM claims",
    "EXPLAIN SELECT {} FROM claims",
    "EXPLAIN ACCESS SELECT {} FROM claims",
    "EXECUTE IMMEDIATE 'SELECT {} FROM claims WHERE 1 = ?' USING 1",
    "SHOW COLUMNS FROM claims LIKE '{}'",
    "SELECT * FROM lake.information_schema.columns WHERE column_name = '{}'",
    "SELECT * FROM system.jdbc.columns WHERE column_name = '{}'",
]


@pytest.fixture(scope="module", autouse=True)
def _quiet(gateway: Gateway):
    """Hide one column, of a product that is listed but not described, and say nothing of it."""
    changes = {
        gateway.root / "policies" / "domains" / "claims" / "policy.rego": lambda good: good + RULE,
        gateway.root / "catalogs" / "claims.yaml": lambda good: good.replace(
            "visibility: described", "visibility: listed"
        ),
    }
    before = {path: path.read_text() for path in changes}
    wire = gateway.connect("ana")
    for path, change in changes.items():
        path.write_text(change(before[path]))
    eventually(lambda: wire.run("SELECT paid FROM claims").outcome == "COLUMN_NOT_FOUND")
    yield
    for path, text in before.items():
        path.write_text(text)
    eventually(lambda: wire.run("SELECT diagnosis FROM claims").outcome == "PERMISSION_DENIED")


def answers(gateway: Gateway, surface: str, name: str, user: str = "ana") -> str:
    """All a client sees, without what differs from query to query."""
    reply = gateway.connect(user).run(surface.format(name))
    seen = json.dumps([reply.columns, reply.rows, reply.error, reply.warnings, reply.update_type])
    return seen.replace(name, "?").replace(name.upper(), "?")


@pytest.mark.parametrize("surface", TABLE_SURFACES)
def test_a_hidden_table_reads_like_an_absent_one(gateway, surface):
    assert answers(gateway, surface, HIDDEN) == answers(gateway, surface, ABSENT)


@pytest.mark.parametrize("surface", COLUMN_SURFACES)
def test_a_hidden_column_reads_like_an_absent_one(gateway, surface):
    assert answers(gateway, surface, COLUMN) == answers(gateway, surface, NO_COLUMN)


@pytest.mark.parametrize("surface", ["USE lake.{}", "SHOW TABLES FROM lake.{}"])
@pytest.mark.parametrize("user", ["sam", "olga"])
def test_a_schema_of_which_nothing_is_visible_reads_like_an_absent_one(gateway, surface, user):
    hidden = {"sam": "providers", "olga": "vault"}[user]
    assert answers(gateway, surface, hidden, user) == answers(gateway, surface, "nope", user)


@pytest.mark.parametrize("surface", TABLE_SURFACES[:12])
def test_a_hidden_column_of_a_hidden_table_is_never_reached(gateway, surface):
    """Whether the columns a statement names exist there makes no difference."""
    real = surface.replace("contract_id", "terms")
    unreal = surface.replace("contract_id", "trems").replace("terms", "trems")
    absent = answers(gateway, unreal, ABSENT).replace("trems", "terms")
    assert answers(gateway, real, HIDDEN) == absent


def test_hidden_names_in_prepared_statements(gateway):
    for name in (HIDDEN, ABSENT):
        wire = gateway.connect("ana")
        assert wire.run(f"PREPARE q FROM SELECT * FROM lake.providers.{name}").error is None
    seen = []
    for name in (HIDDEN, ABSENT):
        wire = gateway.connect("ana")
        wire.prepared["q"] = f"SELECT * FROM lake.providers.{name} WHERE 1 = ?"
        for statement in ("EXECUTE q USING 1", "DESCRIBE OUTPUT q", "DESCRIBE INPUT q"):
            reply = wire.run(statement)
            assert reply.outcome == "TABLE_NOT_FOUND"
            seen.append(json.dumps(reply.error).replace(name, "?"))
    assert seen[:3] == seen[3:]


ORACLES = [
    "SELECT 1 / (CASE WHEN region = 'US' THEN 0 ELSE 1 END) FROM claims",
    "SELECT CAST(CASE WHEN region = 'US' THEN member_id ELSE '1' END AS bigint) FROM claims",
    "SELECT claim_id FROM claims WHERE 1 / (CASE WHEN region <> 'EU' THEN 0 ELSE 1 END) = 1",
    "SELECT claim_id FROM claims WHERE region = 'EU' OR 1 / (claim_id - claim_id) = 1",
    "SELECT 1 FROM claims a JOIN claims b ON 1 / (CASE b.region WHEN 'US' THEN 0 ELSE 1 END) = 2",
    "SELECT max(1 / (CASE WHEN region = 'US' THEN 0 ELSE 1 END)) FROM claims GROUP BY region",
    "SELECT element_at(ARRAY[1], CASE WHEN region = 'US' THEN 0 ELSE 1 END) FROM claims",
    "SELECT claim_id FROM claims ORDER BY 1 / (CASE WHEN region = 'US' THEN 0 ELSE 1 END), 1",
    "SELECT (SELECT 1 FROM claims WHERE region = 'US') FROM claims LIMIT 1",
]


@pytest.mark.parametrize("sql", ORACLES)
def test_rows_that_are_filtered_out_never_raise_errors(gateway, sql):
    """Each would fail on some row of the United States, of which ana sees none."""
    reply = gateway.connect("ana").run(sql)
    assert reply.error is None, reply.error
    assert gateway.connect("clara").run(sql).error is not None


MASKED = ["first_name", "last_name", "email", "ssn", "phone", "birth_date", "member_id"]


@pytest.mark.parametrize("column", MASKED)
def test_predicates_see_what_the_reader_sees(gateway, column):
    """A filter, a join or an order on a masked column knows its masked values alone."""
    wire = gateway.connect("ana")
    table = "lake.members.members"
    kind = dict(wire.run(f"SELECT {column} FROM {table} LIMIT 0").columns)[column]
    groups = wire.run(
        f"SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3"
    ).rows
    assert len(groups) >= 1
    for value, count in groups:
        literal = f"DATE '{value}'" if kind == "date" else f"'{value}'"
        for test in (
            f"= {literal}",
            f"IN ({literal}, {literal})",
            f"BETWEEN {literal} AND {literal}",
        ):
            assert wire.run(f"SELECT count(*) FROM {table} WHERE {column} {test}").rows == [[count]]
    least = wire.run(f"SELECT min({column}) FROM {table}").rows
    assert wire.run(f"SELECT {column} FROM {table} ORDER BY 1 LIMIT 1").rows == least
    every = wire.run(f"SELECT DISTINCT {column} FROM {table}").rows
    assert least[0] in every


def test_errors_hold_no_values_of_rows(gateway):
    wire = gateway.connect("clara")
    found = wire.run("SELECT DISTINCT status, diagnosis, channel FROM claims").rows
    values = {value for row in found for value in row if value}
    for sql in (
        "SELECT CAST(status AS bigint) FROM claims",
        "SELECT CAST(diagnosis AS date) FROM claims",
        "SELECT CAST(channel AS double) FROM claims",
        "SELECT CAST(member_id AS bigint) FROM claims",
        "SELECT date_parse(status, '%Y') FROM claims",
        "SELECT json_parse(diagnosis) FROM claims",
    ):
        error = wire.run(sql).error
        assert error is not None, sql
        told = json.dumps(error)
        assert not [value for value in values if f"'{value}'" in told or f" {value} " in told], told


def test_notes_and_the_page_behind_a_query_name_nothing_hidden(gateway):
    page = post(gateway, "SELECT * FROM claims LIMIT 1").page
    first = page
    while "nextUri" in page:
        page = send(gateway, "GET", page["nextUri"]).page
        assert page["warnings"] == first["warnings"]
    why = send(gateway, "GET", page["infoUri"])
    assert why.status == 200
    assert "lake.claims.claims" in why.body.decode()
    told = json.dumps(page) + why.body.decode() + json.dumps(dict(why.headers))
    for hidden in ("paid", "quiet", "not for you", "contracts"):
        assert hidden not in told
    assert send(gateway, "GET", page["infoUri"], user="sam").status == 404
    refused = post(gateway, "SELECT paid FROM claims").page
    assert "quiet" not in send(gateway, "GET", refused["infoUri"]).body.decode()


def test_the_audit_record_says_what_was_hidden(gateway):
    wanted = {}
    for name in (HIDDEN, ABSENT):
        page = post(gateway, f"SELECT 1 FROM lake.providers.{name}").page
        wanted[page["id"]] = name == HIDDEN
    with closing(sqlite3.connect(gateway.root / "state" / "audit.db")) as store:
        for query_id, hidden in wanted.items():
            ((body,),) = store.execute(
                "SELECT body FROM audit_record WHERE query_id = ?", [query_id]
            ).fetchall()
            record = json.loads(body)
            assert record["result"]["error_name"] == "TABLE_NOT_FOUND"
            assert [table["hidden"] for table in record["tables"]] == [hidden]
