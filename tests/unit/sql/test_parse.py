from __future__ import annotations

import gc
import pickle
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ERRORS, MeshgateError
from gateway.names import TableName
from gateway.sql import parse as parse_module
from gateway.sql.limits import MAX_DISTINCT_TABLES, MAX_TABLES, RECURSION_LIMIT
from gateway.sql.model import Defaults
from gateway.sql.parse import digest, is_heavy, parse
from tests.unit.sql.front import DEFAULTS
from tests.unit.sql.test_dialect import ROUND_TRIPS


def tables(text: str) -> list[str]:
    return [str(ref.name) for ref in parse(text, DEFAULTS).tables]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM Orders", ["lake.sales.orders"]),
        ('SELECT * FROM "HR"."People"', ["lake.hr.people"]),
        ("SELECT * FROM A.b.C, d", ["a.b.c", "lake.sales.d"]),
        ('SELECT * FROM "\u212aelvin"', ["lake.sales.kelvin"]),
        ('SELECT * FROM "t$files"', ["lake.sales.t$files"]),
        ("TABLE t", ["lake.sales.t"]),
        ("SELECT (SELECT 1 FROM a) FROM b WHERE EXISTS (TABLE c) ORDER BY (SELECT 1 FROM d)",
         ["lake.sales.a", "lake.sales.b", "lake.sales.c", "lake.sales.d"]),
        ("SELECT 1 FROM (secret) x", ["lake.sales.secret"]),
        ("SELECT 1 FROM ((secret))", ["lake.sales.secret"]),
        ("SELECT 1 FROM a JOIN (b JOIN secret ON true) ON x IN (SELECT 1 FROM c)",
         ["lake.sales.a", "lake.sales.b", "lake.sales.secret", "lake.sales.c"]),
        ("VALUES (SELECT 1 FROM a) LIMIT 1", ["lake.sales.a"]),
        ("SELECT sum(x) FILTER (WHERE EXISTS (TABLE a)) OVER (ORDER BY (SELECT 1 FROM b))",
         ["lake.sales.a", "lake.sales.b"]),
        ("SELECT 1 FROM UNNEST((SELECT y FROM a)) AS u(x), LATERAL (TABLE b)",
         ["lake.sales.a", "lake.sales.b"]),
        ("SELECT 1 GROUP BY GROUPING SETS ((x, (SELECT 1 FROM a)))", ["lake.sales.a"]),
    ],
)  # fmt: skip
def test_every_table_is_found_wherever_it_stands(text, expected):
    assert tables(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('WITH a AS (SELECT 1) SELECT * FROM a, A, "A"', []),
        ("WITH orders AS (SELECT 1) SELECT * FROM sales.orders", ["lake.sales.orders"]),
        ("WITH orders AS (SELECT 1) SELECT * FROM lake.sales.orders", ["lake.sales.orders"]),
        ("WITH orders AS (TABLE orders) TABLE orders", ["lake.sales.orders"]),
        ("WITH a AS (TABLE b), b AS (SELECT 1) TABLE a", ["lake.sales.b"]),
        ("WITH a AS (SELECT 1), b AS (TABLE a) TABLE b", []),
        ("WITH a AS (SELECT 1) SELECT 1 FROM (WITH b AS (TABLE a) TABLE b) x, b", ["lake.sales.b"]),
        ("SELECT 1 FROM (WITH a AS (SELECT 1) TABLE a) x, a", ["lake.sales.a"]),
        ("WITH a AS (SELECT 1) SELECT 1 WHERE EXISTS (SELECT 1 FROM (a) x)", []),
        ("SELECT 1 WHERE EXISTS (WITH a AS (TABLE a) TABLE a)", ["lake.sales.a"]),
        ('WITH "\u212a" AS (SELECT 1) SELECT * FROM k', []),
        ('WITH "\u017f" AS (SELECT 1) SELECT * FROM s', ["lake.sales.s"]),
    ],
)
def test_with_names_hide_tables_only_where_trino_says_so(text, expected):
    assert tables(text) == expected


def test_references_keep_what_was_written_and_where():
    ref = parse('SELECT 1\nFROM hr."People"', DEFAULTS).tables[0]
    assert (ref.parts, ref.at.line, ref.at.column) == (("hr", "People"), 2, 6)


@pytest.mark.parametrize(
    ("text", "defaults", "error"),
    [
        ("SELECT 1 FROM t", Defaults(), "line 1:15: Schema must be specified when session schema"),
        ("SELECT 1 FROM t", Defaults("c"), "line 1:15: Schema must be specified"),
        ("SELECT 1 FROM s.t", Defaults(), "line 1:15: Catalog must be specified when session cat"),
        ("WITH a AS (SELECT 1), A AS (SELECT 2) TABLE a", DEFAULTS,
         "line 1:23: WITH query name 'a' specified more than once"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_completed(text, defaults, error):
    with pytest.raises(MeshgateError) as caught:
        parse(text, defaults)
    assert str(caught.value).startswith(error)


def test_full_names_need_no_defaults():
    assert parse("SELECT 1 FROM a.b.c", Defaults()).tables[0].name == TableName("a", "b", "c")


def test_the_number_of_tables_is_limited():
    many = ", ".join(f"t a{i}" for i in range(MAX_TABLES))
    assert len(tables(f"SELECT 1 FROM {many}")) == MAX_TABLES
    with pytest.raises(MeshgateError, match="more than 300 tables"):
        tables(f"SELECT 1 FROM {many}, t")
    distinct = ", ".join(f"t{i}" for i in range(MAX_DISTINCT_TABLES))
    assert tables(f"SELECT 1 FROM {distinct}")
    with pytest.raises(MeshgateError, match="more than 200 tables"):
        tables(f"SELECT 1 FROM {distinct}, u")


def test_the_digest_is_of_the_exact_text():
    assert parse("SELECT 1", DEFAULTS).digest == digest("SELECT 1") != digest("select 1")


def test_heavy_statements_can_be_parsed_elsewhere():
    text = "SELECT 1 FROM t WHERE a IN (" + ", ".join(str(i) for i in range(1500)) + ")"
    assert is_heavy(text)
    assert not is_heavy("SELECT 1")
    function, arguments = pickle.loads(pickle.dumps((parse, (text, DEFAULTS))))
    statement = pickle.loads(pickle.dumps(function(*arguments)))
    assert statement.tree == parse(text, DEFAULTS).tree
    assert statement.tables == parse(text, DEFAULTS).tables


@pytest.mark.parametrize("error", [TypeError("x"), RecursionError(), ValueError("secret")])
def test_defects_of_a_grammar_refuse(monkeypatch, error):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(parse_module, "read_statement", broken)
    with pytest.raises(MeshgateError) as caught:
        parse("SELECT 1", DEFAULTS)
    assert caught.value.name in {"NOT_SUPPORTED", "QUERY_REJECTED"}
    assert "secret" not in str(caught.value)


def test_deep_but_legal_statements_parse():
    query = "SELECT 1"
    for _ in range(28):
        query = f"SELECT ({query}) FROM (SELECT 1) t"
    assert parse(query, DEFAULTS).tree is not None
    chain = "1" + " + 1" * 499
    assert parse(f"SELECT {chain}", DEFAULTS).tree is not None
    with pytest.raises(MeshgateError, match="nested too deeply") as caught:
        parse(f"SELECT ({chain})" + " + 1" * 499, DEFAULTS)
    assert caught.value.name == "QUERY_REJECTED"
    assert RECURSION_LIMIT == 3_000


def test_long_lists_are_read_in_linear_time():
    def seconds(count: int) -> float:
        text = "SELECT 1 WHERE a IN (" + ", ".join(["1"] * count) + ")"
        gc.collect()
        gc.disable()  # a full collection in between would time the other tests' objects
        try:
            begin = time.process_time()
            parse(text, DEFAULTS)
            return time.process_time() - begin
        finally:
            gc.enable()

    short = min(seconds(8_000) for _ in range(3))
    assert min(seconds(24_000) for _ in range(3)) < 6 * short


PIECES = [
    piece for text in ROUND_TRIPS for piece in text.replace("(", " ( ").replace(")", " ) ").split()
]


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_mutated_statements_parse_or_are_refused(rng: random.Random):
    words = rng.choice(ROUND_TRIPS).replace("(", " ( ").replace(")", " ) ").split()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(words))
        change = rng.randrange(4)
        if change == 0:
            del words[at]
        elif change == 1:
            words.insert(at, rng.choice(PIECES))
        elif change == 2:
            words[at] = rng.choice(PIECES)
        else:
            words[at] = words[at].swapcase()
        words = words or ["SELECT"]
    text = " ".join(words)
    try:
        parse(text, DEFAULTS)
    except MeshgateError as error:
        assert error.name in ERRORS  # noqa: PT017 - many mutants are legal
        assert "defect" not in error.audit, text  # noqa: PT017
