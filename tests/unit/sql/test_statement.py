from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.sql.model import Defaults, Kind
from gateway.sql.parse import parse
from gateway.sql.prepared import bind, parse_prepared
from tests.unit.sql.front import DEFAULTS

NOTHING = {"like": None, "escape": None}
CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ('use Lake."CLAIMS"', Kind.USE, {"catalog": "lake", "schema": "claims"}),
        ("USE claims;", Kind.USE, {"catalog": None, "schema": "claims"}),
        ("SET SESSION a.b = 'x''y'", Kind.SET_SESSION, {"name": "a.b", "value": "x'y"}),
        ("SET SESSION a = -1.5", Kind.SET_SESSION, {"name": "a", "value": "-1.5"}),
        ("SET SESSION a = TRUE", Kind.SET_SESSION, {"name": "a", "value": "true"}),
        ("RESET SESSION a.b", Kind.RESET_SESSION, {"name": "a.b"}),
        ("SET TIME ZONE LOCAL", Kind.SET_TIME_ZONE, {"zone": None}),
        ("SET TIME ZONE 'Europe/Paris'", Kind.SET_TIME_ZONE, {"zone": "Europe/Paris"}),
        (
            "SET TIME ZONE INTERVAL '-08:30' HOUR TO MINUTE",
            Kind.SET_TIME_ZONE,
            {"zone": "-08:30"},
        ),
        ("SET TIME ZONE INTERVAL - '8' HOUR", Kind.SET_TIME_ZONE, {"zone": "-08:00"}),
        ("SET ROLE ALL", Kind.SET_ROLE, {"mode": "ALL", "role": None, "catalog": None}),
        ('SET ROLE "Ad" IN c', Kind.SET_ROLE, {"mode": "ROLE", "role": "Ad", "catalog": "c"}),
        ("EXECUTE s", Kind.EXECUTE, {"name": "s"}),
        ("DEALLOCATE PREPARE s", Kind.DEALLOCATE, {"name": "s"}),
        ("DESCRIBE INPUT s", Kind.DESCRIBE_INPUT, {"name": "s"}),
        ("DESC OUTPUT s", Kind.DESCRIBE_OUTPUT, {"name": "s"}),
        ("SHOW CATALOGS LIKE 'l%' ESCAPE '!'", Kind.SHOW_CATALOGS, {"like": "l%", "escape": "!"}),
        ("SHOW SCHEMAS", Kind.SHOW_SCHEMAS, {"catalog": "lake", **NOTHING}),
        ("SHOW SCHEMAS IN HR", Kind.SHOW_SCHEMAS, {"catalog": "hr", **NOTHING}),
        ("SHOW TABLES", Kind.SHOW_TABLES, {"catalog": "lake", "schema": "sales", **NOTHING}),
        (
            "SHOW TABLES FROM hr LIKE 'a'",
            Kind.SHOW_TABLES,
            {"catalog": "lake", "schema": "hr", "like": "a", "escape": None},
        ),
        ("SHOW TABLES FROM c.S", Kind.SHOW_TABLES, {"catalog": "c", "schema": "s", **NOTHING}),
        ("SHOW FUNCTIONS", Kind.SHOW_FUNCTIONS, NOTHING),
        ("SHOW SESSION LIKE 'x'", Kind.SHOW_SESSION, {"like": "x", "escape": None}),
        (
            "SHOW CREATE SCHEMA hr",
            Kind.SHOW_CREATE,
            {"what": "SCHEMA", "catalog": "lake", "schema": "hr"},
        ),
        (
            "START TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ WRITE",
            Kind.START_TRANSACTION,
            {"isolation": "READ UNCOMMITTED", "access": "READ WRITE"},
        ),
        ("START TRANSACTION", Kind.START_TRANSACTION, {"isolation": None, "access": None}),
        ("COMMIT WORK", Kind.COMMIT, {}),
        ("ROLLBACK", Kind.ROLLBACK, {}),
        (
            "CALL system.runtime.kill_query(query_id => 'q', message => 'm')",
            Kind.KILL_QUERY,
            {"query_id": "q", "message": "m"},
        ),
        (
            "CALL System.Runtime.Kill_Query('q')",
            Kind.KILL_QUERY,
            {"query_id": "q", "message": None},
        ),
    ],
)
def test_heads(text, kind, words):
    statement = parse(text, DEFAULTS)
    assert statement.kind is kind
    assert dict(statement.words) == words
    assert statement.tree is None


@pytest.mark.parametrize(
    "text",
    [
        "SHOW COLUMNS FROM hr.People",
        "SHOW COLUMNS IN hr.people",
        "DESCRIBE hr.people",
        "desc hr.people",
    ],
)
def test_columns_name_their_table(text):
    statement = parse(text, DEFAULTS)
    assert statement.kind is Kind.SHOW_COLUMNS
    assert [ref.name for ref in statement.tables] == [TableName("lake", "hr", "people")]
    assert statement.tables[0].at.column == text.lower().index("hr.") + 1


def test_tables_named_input_and_output_can_be_described():
    assert parse("DESCRIBE input", DEFAULTS).tables[0].name.table == "input"


def test_show_create_names_its_table():
    statement = parse("SHOW CREATE VIEW v", DEFAULTS)
    assert statement.words["what"] == "VIEW"
    assert statement.tables[0].name == TableName("lake", "sales", "v")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("EXPLAIN SELECT 1", Kind.EXPLAIN, {"type": None, "format": None}),
        (
            "EXPLAIN (TYPE IO, FORMAT JSON) SELECT 1 FROM t",
            Kind.EXPLAIN,
            {"type": "IO", "format": "JSON"},
        ),
        ("EXPLAIN ACCESS SELECT 1 FROM t", Kind.EXPLAIN_ACCESS, {"format": None}),
        (
            "EXPLAIN (TYPE ACCESS, FORMAT JSON) TABLE t",
            Kind.EXPLAIN_ACCESS,
            {"format": "JSON"},
        ),
        ("EXPLAIN (SELECT 1)", Kind.EXPLAIN, {"type": None, "format": None}),
    ],
)
def test_explain_holds_the_query(text, kind, words):
    statement = parse(text, DEFAULTS)
    assert statement.kind is kind
    assert dict(statement.words) == words
    assert statement.tree is not None
    assert len(statement.tables) == text.count(" t")


def test_prepare_checks_and_keeps_the_text():
    statement = parse("PREPARE s FROM\n SELECT ? , 'a' FROM t -- x", DEFAULTS)
    assert (statement.text, statement.parameters) == ("SELECT ? , 'a' FROM t", 1)
    with pytest.raises(MeshgateError, match="line 1:16: mismatched input 'SELEC'"):
        parse("PREPARE s FROM SELEC", DEFAULTS)


def test_execute_immediate_reads_its_arguments_alone():
    statement = parse("EXECUTE IMMEDIATE 'SELEC ''x''' USING 1, DATE '2020-01-01'", DEFAULTS)
    assert statement.text == "SELEC 'x'"
    assert len(statement.arguments) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELEC 1", "SYNTAX_ERROR line 1:1: mismatched input 'SELEC'. Expecting: 'CALL'"),
        ("", "SYNTAX_ERROR line 1:1: mismatched input '<EOF>'"),
        (" -- nothing", "SYNTAX_ERROR line 1:1: mismatched input '<EOF>'"),
        ('"SELECT" 1', "SYNTAX_ERROR line 1:1: mismatched input '\"SELECT\"'"),
        ("USE a.b.c", "SYNTAX_ERROR line 1:8: mismatched input '.'"),
        ("SHOW", "SYNTAX_ERROR line 1:5: mismatched input '<EOF>'"),
        ("SHOW TABLES FROM a.b.c", "SYNTAX_ERROR line 1:18: Too many dots"),
        ("SHOW COLUMNS t", "SYNTAX_ERROR line 1:14: mismatched input 't'"),
        ("PREPARE s FROM", "SYNTAX_ERROR line 1:15: mismatched input '<EOF>'"),
        ("PREPARE s FROM EXECUTE s", "NOT_SUPPORTED Invalid statement type"),
        ("EXECUTE s USING", "SYNTAX_ERROR"),
        ("EXECUTE s 1", "SYNTAX_ERROR line 1:11: mismatched input '1'"),
        ("START TRANSACTION ISOLATION LEVEL SNAPSHOT", "SYNTAX_ERROR"),
        ("SET SESSION a = b", "NOT_SUPPORTED"),
        ("SET SESSION AUTHORIZATION bob", "NOT_SUPPORTED"),
        ("RESET SESSION AUTHORIZATION", "NOT_SUPPORTED"),
        ("SET PATH a", "NOT_SUPPORTED"),
        ("SET x = 1", "SYNTAX_ERROR"),
        ("SET TIME ZONE INTERVAL 'x' HOUR", "INVALID_LITERAL"),
        ("EXPLAIN ANALYZE SELECT 1", "NOT_SUPPORTED"),
        ("EXPLAIN (TYPE NONSENSE) SELECT 1", "SYNTAX_ERROR"),
        ("EXPLAIN (TYPE ACCESS, FORMAT GRAPHVIZ) SELECT 1", "NOT_SUPPORTED"),
        ("EXPLAIN SHOW TABLES", "NOT_SUPPORTED"),
        ("EXPLAIN INSERT INTO t VALUES 1", "NOT_SUPPORTED"),
        ("SHOW STATS t", "SYNTAX_ERROR"),
        ("SHOW STATS FOR (SELECT 1", "SYNTAX_ERROR"),
        ("SHOW STATS FOR t LIKE 'a'", "SYNTAX_ERROR"),
        ("SHOW GRANTS", "NOT_SUPPORTED"),
        ("SHOW FUNCTIONS FROM a.b", "NOT_SUPPORTED"),
        ("SHOW CREATE MATERIALIZED VIEW a", "NOT_SUPPORTED"),
        ("CALL lake.system.rollback('a')", "NOT_SUPPORTED"),
        ("CALL system.runtime.kill_query(message => 'm')", "INVALID_ARGUMENTS"),
        ("CALL system.runtime.kill_query(foo => 'm')", "INVALID_ARGUMENTS"),
        ("GRANT SELECT ON t TO bob", "NOT_SUPPORTED line 1:1: GRANT …"),
    ],
)
def test_refused_heads(text, message):
    with pytest.raises(MeshgateError) as caught:
        parse(text, DEFAULTS)
    assert f"{caught.value.name} {caught.value}".startswith(message)


@pytest.mark.parametrize(
    "head",
    [
        "ALTER TABLE t ADD COLUMN a int", "ANALYZE t", "COMMENT ON TABLE t IS NULL",
        "CREATE TABLE t (a int)", "DELETE FROM t", "DROP TABLE t", "INSERT INTO t VALUES 1",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "REFRESH MATERIALIZED VIEW v", "TRUNCATE TABLE t", "UPDATE t SET a = 1",
    ],
)  # fmt: skip
def test_writes_say_where_to_write(head):
    with pytest.raises(MeshgateError, match="write through the pipeline") as caught:
        parse(head, DEFAULTS)
    assert caught.value.name == "NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("text", "defaults", "name"),
    [
        ("SHOW TABLES", Defaults(), "MISSING_SCHEMA_NAME"),
        ("SHOW TABLES", Defaults("c"), "MISSING_SCHEMA_NAME"),
        ("SHOW TABLES FROM a", Defaults(), "MISSING_CATALOG_NAME"),
        ("SHOW SCHEMAS", Defaults(), "MISSING_CATALOG_NAME"),
        ("SHOW CREATE SCHEMA a", Defaults(), "MISSING_CATALOG_NAME"),
        ("DESCRIBE a", Defaults(), "MISSING_SCHEMA_NAME"),
        ("DESCRIBE a.b", Defaults(), "MISSING_CATALOG_NAME"),
    ],
)
def test_commands_need_defaults(text, defaults, name):
    with pytest.raises(MeshgateError, match="must be specified when session") as caught:
        parse(text, defaults)
    assert caught.value.name == name


def client_statements():
    for path in sorted(CLIENTS.glob("*.sql")):
        blocks = path.read_text(encoding="utf-8").removesuffix("\n;\n").split("\n;\n\n")
        for number, block in enumerate(blocks):
            expected, _, text = block.partition("\n")
            yield pytest.param(text, expected.removeprefix("-- "), id=f"{path.stem}-{number}")


@pytest.mark.parametrize(("text", "expected"), list(client_statements()))
def test_what_real_clients_send(text, expected):
    """Each statement is of the kind noted above it, or refused for the reason noted there."""
    defaults = Defaults("lake", "x_cli")
    try:
        statement = parse(text, defaults)
        got = statement.kind.value
        if statement.kind is Kind.EXECUTE_IMMEDIATE:
            inner = bind(parse_prepared(statement.text or "", defaults), statement.arguments)
            got += f" {inner.kind.value}"
    except MeshgateError as error:
        got = f"{error.name} {error}"
    assert got.startswith(expected) if "line" in expected else got == expected


def test_the_clients_are_all_there():
    counts = {path.stem: path.read_text().count("\n;\n") for path in CLIENTS.glob("*.sql")}
    assert counts == {"cli": 12, "jdbc": 67, "sqlalchemy": 35}
