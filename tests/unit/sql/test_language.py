"""Recursion, old states, samples, CORRESPONDING: what binding and the checks make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import MeshgateError
from gateway.sql import govern as module
from gateway.sql.govern import govern
from gateway.sql.model import Defaults
from gateway.sql.parse import parse
from gateway.sql.printer import Printer
from gateway.sql.resolve import resolve
from tests.unit.sql import pipeline
from tests.unit.sql.front import DECISION, DEFAULTS, TABLES, refusal, resolved
from tests.unit.sql.test_resolve import ORDERS, outputs

RECURSION = (
    "WITH RECURSIVE t (a, b) AS (SELECT id, name FROM members UNION ALL "
    "SELECT o.amount, o.region FROM t JOIN orders o ON o.id = t.a WHERE t.b > 'x') SELECT * FROM t"
)


def test_every_column_of_a_recursion_has_all_its_sources():
    whole = ["amount", "id", "name", "region"]
    found = [(name, kind, sorted(set(columns))) for name, kind, columns in outputs(RECURSION)]
    assert found == [("a", "derived", whole[:1] + whole[1:]), ("b", "derived", whole)]


def test_what_flows_round_a_recursion_counts_where_it_is_tested():
    usage = {column: set(places) for (_, column), places in resolved(RECURSION).usage.items()}
    assert usage["region"] >= {"filter", "join", "output"}


def test_a_recursion_is_scanned_once_a_reference():
    assert [(s.alias, s.used) for s in resolved(RECURSION).scans] == [
        ("members", ("id", "name")), ("o", ("id", "region", "amount")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) TABLE t", []),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM T) SELECT 1 FROM sales.t",
         ["lake.sales.t"]),
        ("WITH RECURSIVE a(n) AS (TABLE b), b(n) AS (SELECT 1) TABLE a", ["lake.sales.b"]),
        ("WITH t(n) AS (TABLE t) TABLE t", ["lake.sales.t"]),
        ("SELECT 1 FROM (WITH RECURSIVE t(n) AS (TABLE u) TABLE t) x, t",
         ["lake.sales.u", "lake.sales.t"]),
    ],
)  # fmt: skip
def test_a_name_means_itself_behind_recursive_alone(text, expected):
    assert [str(ref.name) for ref in parse(text, DEFAULTS).tables] == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("WITH RECURSIVE t(n) AS (TABLE t) SELECT 1", "INVALID_RECURSIVE_REFERENCE"),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT ssn FROM t, orders) SELECT 1",
         "COLUMN_NOT_FOUND"),
        ("WITH RECURSIVE t(n, m) AS (SELECT 1 UNION SELECT 1 FROM t) SELECT 1",
         "MISMATCHED_COLUMN_ALIASES"),
        ("WITH RECURSIVE t(n) AS (WITH t AS (SELECT 1) TABLE t) SELECT 1", "accepted"),
    ],
)  # fmt: skip
def test_recursions_that_are_none(text, error):
    assert refusal(text).startswith(error)


def test_groups_that_trino_finds_count_as_groups():
    usage = resolved("SELECT region, max(amount) FROM orders GROUP BY AUTO").usage
    assert usage[ORDERS, "region"] == {"output", "group"}
    assert usage[ORDERS, "amount"] == {"output"}


def test_corresponding_columns_are_those_of_both_sides():
    text = "SELECT region, id, amount FROM orders UNION CORRESPONDING SELECT id, ssn region, name"
    assert outputs(f"{text} FROM members") == [
        ("region", "direct", ["ssn", "region"]), ("id", "direct", ["id", "id"]),
    ]  # fmt: skip


def _travel(text: str, *, moved: bool) -> str:
    tables = {**TABLES, ORDERS: replace(TABLES[ORDERS], moved=moved)}
    try:
        return str(resolve(parse(text, DEFAULTS), DECISION, tables).scans[0].ref.version)
    except MeshgateError as error:
        return f"{error.name}: {error}"


def test_an_old_state_with_other_columns_behind_the_names_is_refused():
    old = "SELECT id FROM orders FOR VERSION AS OF 7"
    assert _travel(old, moved=False) == "FOR VERSION AS OF 7"
    assert _travel(old, moved=True).startswith("NOT_SUPPORTED: line 1:16: time travel")
    assert _travel("SELECT id FROM orders", moved=True) == "None"


def test_versions_are_part_of_the_reference():
    text = "SELECT 1 FROM a FOR TIMESTAMP AS OF DATE '2026-01-01', b FOR VERSION AS OF 'x''y', c"
    assert [ref.version for ref in parse(text, Defaults("c", "s")).tables] == [
        "FOR TIMESTAMP AS OF DATE '2026-01-01'", "FOR VERSION AS OF 'x''y'", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "instead"),
    [
        ("FOR VERSION AS OF 42", "FOR VERSION AS OF 43"),
        ("FOR VERSION AS OF 42 ", ""),
        ("FOR VERSION AS OF 42", "FOR VERSION AS OF '42'"),
        ("FOR VERSION AS OF 42", "FOR TIMESTAMP AS OF DATE '2026-01-01'"),
    ],
)
def test_another_state_than_asked_for_never_passes(made, instead, monkeypatch):
    kept = module.secured

    def changed(*args: Any) -> str:
        text = kept(*args)
        assert made in text
        return text.replace(made, instead)

    monkeypatch.setattr(module, "secured", changed)
    found = pipeline.resolved("SELECT id FROM orders FOR VERSION AS OF 42")
    with pytest.raises(MeshgateError) as caught:
        govern(found, "trino", pipeline.DOMAINS, pipeline.SALT)
    assert caught.value.name == "GENERIC_INTERNAL_ERROR"


LONG = (
    "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL CORRESPONDING_ SELECT n + 1 FROM t) "
    "SELECT id, JSON_VALUE(region, 'lax $' PASSING id AS x NULL ON EMPTY), "
    "JSON_OBJECT(KEY 'a' VALUE id WITH UNIQUE KEYS), listagg(region ON OVERFLOW TRUNCATE WITH "
    "COUNT) WITHIN GROUP (ORDER BY id) OVER (w ROWS CURRENT ROW) "
    "FROM orders TABLESAMPLE BERNOULLI (10), t GROUP BY DISTINCT id, region "
    "WINDOW w AS (ORDER BY id) ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES"
).replace("CORRESPONDING_ ", "")


@pytest.mark.parametrize(
    ("made", "instead"),
    [
        ("WITH RECURSIVE", "WITH"),
        (" TABLESAMPLE BERNOULLI (10)", ""),
        ("BERNOULLI", "SYSTEM"),
        ("FETCH FIRST 3 ROWS WITH TIES", "LIMIT 3"),
        ("DISTINCT ", ""),
        ("NULL ON EMPTY", "NULL ON ERROR"),
        (' PASSING "orders"."id" AS "X"', ""),
        (" WITH UNIQUE KEYS", ""),
        ("WITH COUNT", "WITHOUT COUNT"),
        ('"w" ROWS', "ROWS"),
    ],
)
def test_accounting_notices_a_form_that_is_printed_otherwise(made, instead, monkeypatch):
    kept = module.print_trino
    found = pipeline.resolved(LONG)

    def printed(*args: Any) -> str:
        text = kept(*args)
        assert made in text
        return text.replace(made, instead)

    assert govern(found, "trino", pipeline.DOMAINS, pipeline.SALT).sql
    monkeypatch.setattr(module, "print_trino", printed)
    with pytest.raises(MeshgateError) as caught:
        govern(found, "trino", pipeline.DOMAINS, pipeline.SALT)
    assert caught.value.audit["defect"] == "AccountingError"


def test_the_printer_writes_what_corresponds():
    text = "SELECT id FROM members UNION ALL CORRESPONDING SELECT id FROM lines l(id, a, b)"
    assert "UNION ALL CORRESPONDING" in Printer().print(resolved(text).tree)
