"""The fuzz notices what it must, repeats itself, and a short run of it finds nothing."""

from __future__ import annotations

import pytest

from gateway.names import TableName
from gateway.sql.model import Defaults
from tests.fuzz import governing, work
from tests.fuzz.breaches import breaches, table_breaches
from tests.fuzz.corpus import CAPTURES, corpus
from tests.fuzz.governing import governed
from tests.fuzz.mutants import Mutator
from tests.fuzz.naive import naive
from tests.fuzz.work import Figures, fuzz
from tests.judge.judge import judge
from tests.parts import judge_jars, require

DRAWN = Defaults("lake", "drawn")
ORDERS = TableName("lake", "drawn", "orders")
GOOD = (
    'SELECT lower("o"."id") FROM '
    '(SELECT "$g"."id" AS "id" FROM "lake"."drawn"."orders" AS "$g") AS "o"'
)
BROKEN = [
    (GOOD + ', "lake"."drawn"."orders" AS "x"', "a table outside a secured sub-query"),
    (GOOD.replace("$g", "g"), "a table outside a secured sub-query"),
    (GOOD.replace("orders", "people"), "other tables than the user named"),
    (f"SELECT * FROM ({GOOD}) AS x, ({GOOD}) AS y", "an unclaimed table"),
    (GOOD.replace("lower", "upper"), "an unclaimed function"),
    (GOOD + ", TABLE(f(1))", "a table function"),
    (f"WITH FUNCTION f() RETURNS int RETURN 1 {GOOD}", "an inline function"),
    (f"EXPLAIN {GOOD}", "a Explain"),
]


@pytest.fixture(scope="module")
def judging():
    require("java", next(iter(judge_jars() or []), None))
    with judge() as found:
        yield found


@pytest.mark.java
@pytest.mark.parametrize(("text", "breach"), BROKEN, ids=[breach for _, breach in BROKEN])
def test_each_breach_is_noticed(judging, text, breach):
    given, good, made = judging.judged(["SELECT lower(id) FROM orders o", GOOD, text])
    assert made.ok
    assert list(breaches(given, good, [ORDERS], DRAWN)) == []
    found = list(breaches(given, made, [ORDERS], DRAWN))
    assert any(one.startswith(breach) for one in found), found


@pytest.mark.java
def test_the_control_breaches_by_its_with_names_alone(judging):
    plain = "SELECT id FROM orders WHERE id IN (SELECT order_id FROM items)"
    scoped = "SELECT id FROM orders, (WITH orders AS (SELECT 1 AS x) SELECT x FROM orders) AS y"
    for text, breached in ((plain, False), (scoped, True)):
        given, made = judging.judged([text, naive(text, DRAWN)])
        assert bool(list(table_breaches(given, made, DRAWN))) is breached


@pytest.mark.java
@pytest.mark.usefixtures("judging")
def test_a_short_run_finds_nothing():
    figures = fuzz("short", 300, CAPTURES, float("inf"))
    assert figures.mutants == 300
    assert not figures.breaches, figures.examples
    assert not figures.defects, figures.examples
    assert figures.control is not None
    assert figures.parsed > 120
    assert figures.accepted > 45


@pytest.mark.java
def test_a_defect_is_counted_apart(judging, monkeypatch):
    def broken(*_: object) -> None:
        raise IndexError("out")

    monkeypatch.setattr(governing, "resolve", broken)
    figures = Figures()
    work._batch([("SELECT id FROM orders", DRAWN)], judging, figures)
    assert figures.defects == {"IndexError: out": 1}
    assert not figures.refused


def test_what_is_governed_is_told():
    assert governed("SELECT id FROM orders", DRAWN).tables == (ORDERS,)
    immediate = governed("EXECUTE IMMEDIATE 'SELECT ? FROM orders' USING 1", DRAWN)
    assert (immediate.what, immediate.given) == ("governed", "SELECT ? FROM orders")
    assert governed("SELECT ? FROM orders", DRAWN).why == "INVALID_PARAMETER_USAGE"
    assert governed("SHOW TABLES", DRAWN).what == "answered"
    assert governed("SELECT 1 FROM nothing", DRAWN).why == "TABLE_NOT_FOUND"


def test_a_seed_draws_the_same_mutants():
    sources = corpus()
    assert len(sources) > 900
    assert {"differential", "tpch", "golden", "jdbc"} <= {source.topic for source in sources}
    drawn = [[Mutator(sources, seed).draw()[1] for _ in range(50)] for seed in ("a", "a", "b")]
    assert drawn[0] == drawn[1] != drawn[2]
