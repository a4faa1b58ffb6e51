"""The judge reads what Trino reads, and finds every name wherever it stands."""

from __future__ import annotations

import pytest

from tests.judge.judge import JudgeError, Named, Verdict, judge
from tests.parts import judge_jars, require

pytestmark = pytest.mark.java


@pytest.fixture(scope="module")
def judging():
    require("java", next(iter(judge_jars() or []), None))
    with judge() as found:
        yield found


@pytest.fixture
def read(judging):
    def one(text: str) -> Verdict:
        return judging.judged([text])[0]

    return one


def names(verdict: Verdict) -> list[str]:
    assert verdict.ok
    return [".".join(table.parts) for table in verdict.tables]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('WITH t AS (SELECT 1 x) SELECT * FROM T, "t", s.t', ["s.t"]),
        ("WITH t AS (TABLE t) TABLE t", ["t"]),
        ("WITH a AS (TABLE b), b AS (TABLE a) TABLE b", ["b"]),
        ("WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n FROM t) TABLE t", []),
        ("SELECT (WITH t AS (SELECT 1) SELECT 1 FROM t) FROM t", ["t"]),
        ("WITH t AS (SELECT 1) SELECT (SELECT 1 FROM (t) x)", []),
        ('SELECT 1 FROM ((A.B."C"))', ["a.b.c"]),
        ("SELECT 1 FROM LATERAL (TABLE t)", ["t"]),
        ("SELECT 1 FROM t TABLESAMPLE BERNOULLI (1)", ["t"]),
        ("SELECT 1 FROM t FOR VERSION AS OF (SELECT max(x) FROM u)", ["t", "u"]),
        ("SELECT 1 FROM (VALUES 1) a JOIN (VALUES 1) b ON EXISTS (TABLE t)", ["t"]),
        ("SELECT 1 GROUP BY GROUPING SETS (((SELECT 1 FROM t)))", ["t"]),
        (
            "SELECT json_value((SELECT x FROM t), 'lax $' DEFAULT (SELECT 1 FROM u) ON ERROR)",
            ["t", "u"],
        ),
        ("SELECT 1 ORDER BY (SELECT 1 FROM t)", ["t"]),
        ("SELECT sum(x) OVER (ORDER BY (SELECT 1 FROM t))", ["t"]),
        ("SELECT 1 FROM TABLE(f(input => TABLE(t)))", ["t"]),
        ("SELECT listagg(x) WITHIN GROUP (ORDER BY (SELECT 1 FROM t))", ["t"]),
        ("VALUES (SELECT 1 FROM t)", ["t"]),
        ("EXPLAIN SELECT 1 FROM t", ["t"]),
    ],
)
def test_tables_are_found_wherever_they_stand(read, text, expected):
    assert names(read(text)) == expected


WRAPPED = 'SELECT 1 FROM (SELECT "$g"."a" AS "a" FROM "c"."s"."t" AS "$g" WHERE TRUE) AS "o"'


def test_a_table_alone_in_a_sub_query_is_told(read):
    assert read(WRAPPED).tables == (Named(("c", "s", "t"), "$g"),)


@pytest.mark.parametrize(
    "text",
    [
        'SELECT 1 FROM "c"."s"."t" AS "$g"',
        WRAPPED.replace('AS "o"', ""),
        WRAPPED.replace('AS "$g"', 'AS "$g" (a)'),
        WRAPPED.replace('AS "$g"', 'AS "$g", u'),
        WRAPPED.replace("WHERE TRUE", "GROUP BY 1"),
        WRAPPED.replace("WHERE TRUE", "UNION SELECT 1"),
        'SELECT (SELECT "$g".a FROM c.s.t AS "$g")',
    ],
)
def test_any_other_place_of_a_table_is_none(read, text):
    assert None in [table.alias for table in read(text).tables]


def test_functions_are_told_by_kind(read):
    verdict = read(
        'WITH FUNCTION f() RETURNS int RETURN 1 SELECT LOWER(a), "System".builtin.g(b) '
        "FROM TABLE(x.y(1))"
    )
    assert verdict.functions == ("inline:f", "lower", "system.builtin.g")
    assert verdict.table_functions == ("x.y",)
    assert verdict.kind == "Query"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SELECT a FROM t", 'select  "A"\nfrom "T" -- x', True),
        ("SELECT ((a)) + (b * c)", "SELECT a + b * c", True),
        ("SELECT (a AND b) AND c", "SELECT a AND (b AND c)", True),
        ("SELECT a IS NOT NULL", "SELECT NOT a IS NULL", True),
        ("SELECT a <> b", "SELECT a != b", True),
        ("SELECT (a + b) * c", "SELECT a + b * c", False),
        ("SELECT (a OR b) AND c", "SELECT a OR b AND c", False),
        ("SELECT 'a'", "SELECT 'A'", False),
        ("SELECT 1.0", "SELECT 1.00", False),
        ("SELECT X'01 fF'", "SELECT X'01FF'", True),
        ("SELECT X'01'", "SELECT X'02'", False),
        ("SELECT a FROM t", "SELECT DISTINCT a FROM t", False),
        ("SELECT a LIMIT 1", "SELECT a LIMIT 2", False),
        ("SELECT 1 FROM t JOIN u USING (a)", "SELECT 1 FROM t JOIN u USING (b)", False),
        ("SELECT 1 FROM t JOIN u USING (a)", 'SELECT 1 FROM t JOIN u USING ("A")', True),
    ],
)
def test_trees_are_told_apart(read, one, other, same):
    first, second = read(one).tree_digest, read(other).tree_digest
    assert first
    assert (first == second) is same


def test_any_text_comes_through(read):
    assert read('SELECT \'é\u2028\t"\\\U0001f600\' AS "ü\r\n"').ok
    assert not read("").ok
    assert not read("SELECT 1; SELECT 2").ok
    assert not read("(" * 100_000).ok


def test_many_texts_keep_their_order(judging):
    found = judging.judged([f"SELECT {'x, ' * (at % 700)} 1 FROM t{at}" for at in range(3_000)])
    assert [names(one) for one in found] == [[f"t{at}"] for at in range(3_000)]


def test_a_judge_that_ended_is_no_verdict():
    require("java", next(iter(judge_jars() or []), None))
    with judge() as found:
        found._process.kill()
        found._process.wait()
        with pytest.raises(JudgeError):
            found.judged(["SELECT 1"])
