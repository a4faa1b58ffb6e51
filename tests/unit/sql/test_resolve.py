from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.sql.dialect import parse_query
from gateway.sql.parse import parse
from gateway.sql.printer import Printer
from gateway.sql.resolve import resolve
from gateway.sql.trees import unique_keys
from tests.unit.sql.front import DECISION, DEFAULTS, TABLES, bound, cases, refusal, resolved

ORDERS = TableName("lake", "sales", "orders")


@pytest.mark.parametrize(("text", "expected"), cases("bound"))
def test_bound_text(text, expected):
    assert bound(text) == expected


@pytest.mark.parametrize(("text", "error"), cases("refused"))
def test_errors_read_as_trinos(text, error):
    assert refusal(text).startswith(error)


def test_hidden_and_absent_columns_read_alike():
    texts = ["SELECT {} FROM orders", "SELECT o.{} FROM orders o",
             "SELECT 1 FROM orders WHERE {} = 1",
             "SELECT 1 FROM members m WHERE EXISTS (SELECT {} FROM orders)",
             "SELECT (SELECT {0} FROM orders LIMIT 1) FROM (SELECT 1 {0}) x",
             "SELECT 1 FROM orders ORDER BY {}", "SELECT 1 FROM orders GROUP BY {}"]  # fmt: skip
    for text in texts:
        hidden, absent = refusal(text.format("ssn")), refusal(text.format("nix"))
        assert hidden.startswith("COLUMN_NOT_FOUND")
        assert hidden.replace("ssn", "nix") == absent


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM orders WHERE ssn = 'x')",
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM orders WHERE name = 'x')",
        "SELECT 1 FROM members t WHERE EXISTS (SELECT 1 FROM orders t WHERE t.ssn = 'x')",
        "SELECT 1 FROM members t WHERE EXISTS (SELECT 1 FROM orders t WHERE t.name = 'x')",
        "SELECT 1 FROM members, LATERAL (SELECT ssn FROM orders) x",
        "SELECT 1 FROM members WHERE EXISTS (WITH w AS (SELECT ssn FROM orders) TABLE w)",
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM (SELECT ssn FROM orders) x)",
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM lines, orders WHERE ssn = 'x')",
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM orders GROUP BY ssn ORDER BY ssn)",
    ],
)
def test_nothing_is_captured_past_a_table_with_hidden_columns(text):
    assert refusal(text).startswith("COLUMN_NOT_FOUND")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM members t WHERE EXISTS (SELECT 1 FROM lines t WHERE name = 'x')",
        "SELECT 1 FROM members WHERE EXISTS (SELECT 1 FROM (SELECT 1 members) y WHERE name = 'x')",
        "SELECT (SELECT id) FROM members JOIN hr.people USING (id)",
    ],
)
def test_outward_references_that_would_bind_elsewhere_are_refused(text):
    assert refusal(text).startswith("NOT_SUPPORTED")


def test_qualified_outer_references_pass():
    text = "SELECT 1 FROM members m WHERE EXISTS (SELECT 1 FROM orders o WHERE m.ssn = o.region)"
    assert [scan.used for scan in resolved(text).scans] == [("ssn",), ("region",)]


def test_names_that_only_look_alike_are_refused():
    text = 'SELECT "\ufb01" FROM (SELECT 1 "fi")'
    assert refusal(text).startswith("COLUMN_NOT_FOUND")
    assert bound('SELECT "\u212a" FROM (SELECT 1 k)').startswith('SELECT "$q1"."k" AS "\u212a"')


def test_scans_keep_what_the_statement_reads():
    query = resolved(
        "SELECT o.region, m.* FROM orders o JOIN members m ON o.amount > m.id ORDER BY 1"
    )
    assert [(s.index, s.alias, s.used) for s in query.scans] == [
        (0, "o", ("region", "amount")), (1, "m", ("id", "name", "ssn")),
    ]  # fmt: skip
    tables = list(query.tree.find_all(exp.Table))
    assert sorted(table.meta["scan"] for table in tables) == [0, 1]


def test_bound_columns_name_their_source():
    tree = resolved("SELECT d.x FROM (SELECT ID x FROM orders) d").tree
    outer, inner = tree.find_all(exp.Column)
    derived = tree.find(exp.Subquery).meta["derived"]
    assert (outer.meta["source"], outer.meta["column"]) == (("derived", derived), "x")
    assert (inner.meta["source"], inner.meta["column"]) == (("scan", 0), "id")


def test_the_statement_is_not_changed():
    statement = parse("SELECT * FROM orders WHERE id = 1", DEFAULTS)
    before = Printer().print(statement.tree)
    resolve(statement, DECISION, TABLES)
    assert Printer().print(statement.tree) == before
    assert not any("scan" in table.meta for table in statement.tree.find_all(exp.Table))


def outputs(text: str) -> list[tuple[str, str, list[str]]]:
    return [(o.name, o.kind, [column for _, column in o.sources]) for o in resolved(text).outputs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('SELECT ID, id AS "My Id", 1, id + 1 FROM members',
         [("ID", "direct", ["id"]), ("My Id", "direct", ["id"]), ("_col2", "derived", []),
          ("_col3", "derived", ["id"])]),
        ("SELECT place.City, tags[1] FROM orders",
         [("City", "derived", ["place"]), ("_col1", "derived", ["tags"])]),
        ("SELECT max(x) FROM (SELECT id AS x, name FROM members WHERE ssn = '1')",
         [("_col0", "aggregate", ["id"])]),
        ("SELECT sum(qty) OVER (PARTITION BY sku) s FROM lines",
         [("s", "derived", ["qty", "sku"])]),
        ("SELECT id FROM members UNION SELECT qty FROM lines", [("id", "direct", ["qty", "id"])]),
        ("WITH w AS (SELECT count(*) n, max(sku) m FROM lines) SELECT * FROM w",
         [("n", "aggregate", []), ("m", "aggregate", ["sku"])]),
        ("SELECT (SELECT max(name) FROM members) FROM lines", [("_col0", "derived", ["name"])]),
        ("SELECT * FROM (VALUES (1, 'a')) v(x, \"Y\")",
         [("x", "derived", []), ("Y", "derived", [])]),
        ("SELECT id FROM members JOIN hr.people USING (id)", [("id", "direct", ["id", "id"])]),
    ],
)  # fmt: skip
def test_outputs_carry_heading_and_lineage(text, expected):
    assert outputs(text) == expected


def test_usage_says_where_each_column_counts():
    text = (
        "SELECT region, sum(amount) OVER (PARTITION BY m.name) FROM orders o JOIN members m "
        "ON o.id = m.id WHERE cardinality(tags) > 1 ORDER BY m.ssn"
    )
    usage = {column: set(places) for (_, column), places in resolved(text).usage.items()}
    assert usage == {
        "region": {"output"}, "amount": {"output"}, "name": {"window"}, "id": {"join"},
        "tags": {"filter"}, "ssn": {"order"},
    }  # fmt: skip


def test_usage_follows_derived_tables():
    usage = resolved("SELECT 1 FROM (SELECT region r, amount a FROM orders) WHERE r = 'EU'").usage
    assert usage == {(ORDERS, "region"): frozenset({"filter"})}


def test_tables_without_an_allowing_decision_never_resolve():
    statement = parse("SELECT id FROM orders", DEFAULTS)
    denied = replace(DECISION.tables[ORDERS], effect="deny")
    for tables in ({}, {**DECISION.tables, ORDERS: denied}):
        with pytest.raises(MeshgateError) as caught:
            resolve(statement, replace(DECISION, tables=tables), TABLES)
        assert caught.value.name == "GENERIC_INTERNAL_ERROR"


def test_long_chains_resolve():
    text = "SELECT " + " || ".join(["name"] * 500) + " FROM members"
    assert bound(text).count('"members"."name"') == 500


NAMES = ["id", "ssn", "SSN", "name", "region", "o.ssn", "m.ssn", "o.id", "m.id", "x", "orders.ssn",
         "sales.orders.ssn", "o.place.city", "place.city", "t.ssn", "*", "o.*", "m.*"]  # fmt: skip
FROMS = ["orders", "orders o", "members m", "orders o, members m", "hr.people m", "members t",
         "orders o JOIN members m ON o.id = m.id", "orders JOIN lines ON id = qty",
         "(SELECT {0} FROM orders) t", "(SELECT {0} FROM members m) t", "orders t",
         "members m, LATERAL (SELECT {0} FROM orders o) t", "w"]  # fmt: skip
SHAPES = [
    "SELECT {0} FROM {1}",
    "SELECT 1 FROM {1} WHERE {0} IS NULL",
    "SELECT 1 FROM members m WHERE EXISTS (SELECT {0} FROM {1} WHERE {0} IS NULL)",
    "SELECT (SELECT max({0}) FROM {1}) FROM members",
    "WITH w AS (SELECT {0} FROM orders o) SELECT {0} FROM {1}",
    "SELECT count(*) x FROM {1} GROUP BY {0} ORDER BY {0}",
    "SELECT {0} FROM {1} UNION ALL SELECT ssn FROM members ORDER BY 1",
]


@settings(deadline=None)
@given(st.sampled_from(SHAPES), st.sampled_from(NAMES), st.sampled_from(FROMS))
def test_hidden_columns_are_never_bound(shape, name, relation):
    text = shape.format(name, relation.format(name))
    try:
        query = resolved(text)
    except MeshgateError:
        return
    for scan in query.scans:
        visible = {column.name for column in scan.decision.readable}
        assert set(scan.used) <= visible
    hidden = {(ORDERS, "ssn")}
    assert not hidden & set(query.usage)
    assert all(not hidden & set(output.sources) for output in query.outputs)
    for column in query.tree.find_all(exp.Column):
        assert "bare" in column.meta or {"source", "column"} <= set(column.meta)
        if column.meta.get("source", ("", 0))[0] == "scan":
            scan = query.scans[column.meta["source"][1]]
            assert column.meta["column"] in scan.used
            assert column.text("table") == scan.alias
    assert parse_query(Printer().print(query.tree)) is not None
    assert not list(query.tree.find_all(exp.Star)) or "count(*)" in text


def test_columns_outside_the_star_answer_by_name():
    table = TABLES[ORDERS]
    shy = tuple(replace(c, hidden=True) if c.name == "tags" else c for c in table.columns)
    tables = {**TABLES, ORDERS: replace(table, columns=shy)}

    def used(text: str) -> tuple[str, ...]:
        return resolve(parse(text, DEFAULTS), DECISION, tables).scans[0].used

    assert "tags" not in used("SELECT * FROM orders")
    assert "tags" not in used("SELECT o.* FROM orders o(a, b, c, d)")
    assert used("SELECT tags FROM orders") == ("tags",)


def test_doubled_columns_are_named_in_linear_time():
    names = ["a", "A", None, "_col2", "a$1", "a", None]
    assert unique_keys(names) == ["a", "A$2", "_col2$2", "_col2", "a$1", "a$3", "_col6"]
    many = unique_keys(["a"] * 20_000)  # by the square this would take minutes
    assert len(set(many)) == len(many)
    assert many[-1] == "a$19999"
