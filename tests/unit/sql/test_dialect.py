from __future__ import annotations

import pytest
from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql.dialect import parse_query
from gateway.sql.printer import Printer


def printed(text: str) -> str:
    return Printer().print(parse_query(text))


def first(text: str) -> exp.Expression:
    return parse_query(f"SELECT {text}").expressions[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 || 'a'", "((1 + (2 * 3)) || 'a')"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("- a at time zone 'UTC'", "-(AT)"),
        ("not a = 1 and b or c", "((NOT ((a = 1)) AND b) OR c)"),
        ("a or b and c", "(a OR (b AND c))"),
        ("-a * b", "(-(a) * b)"),
        ("a || b + c", "(a || (b + c))"),
    ],
)
def test_precedence_is_trinos(text, expected):
    names = {
        exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.DPipe: "||", exp.And: "AND",
        exp.Or: "OR", exp.EQ: "=",
    }  # fmt: skip

    def shape(node: exp.Expression) -> str:
        if type(node) in names:
            return f"({shape(node.this)} {names[type(node)]} {shape(node.expression)})"
        if isinstance(node, exp.Not):
            return f"NOT ({shape(node.this)})"
        if isinstance(node, exp.Neg):
            return f"-({shape(node.this)})"
        if isinstance(node, exp.AtTimeZone):
            return "AT"
        return Printer().print(node).replace('"', "")

    assert shape(first(text)) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sum(a)", exp.Anonymous),
        ('"upper"(a)', exp.Anonymous),
        ("count(*) filter (where a) over (order by b)", exp.Window),
        ("array_agg(distinct a order by b)", exp.Anonymous),
        ("if(a, 1, 2)", exp.Case),
        ("a not in (1)", exp.Not),
        ("a is not distinct from b", exp.NullSafeEQ),
        ("a is distinct from b", exp.NullSafeNEQ),
        ("a is null", exp.Is),
        ("a like 'x' escape '!'", exp.Escape),
        ("date '2020-01-01'", exp.Cast),
        ("interval - '3' day to second", exp.Neg),
        ("(1, 2)", exp.Tuple),
        ("row(1)", exp.Tuple),
        ("((select 1))", exp.Paren),
        ("((select 1) union (select 2))", exp.Subquery),
        ("a.b.c.d", exp.Column),
        ("a.b.c.d.e", exp.Dot),
        ("a[1].b", exp.Dot),
        ("x'0A'", exp.HexString),
        ('try_cast(a as row(x integer, "Y" array(varchar(3))))', exp.TryCast),
        ("coalesce(a, b, c)", exp.Coalesce),
        ("date", exp.Column),
        ("interval", exp.Column),
        ("array", exp.Column),
        ("exists (select 1)", exp.Exists),
        ("a = any (select 1)", exp.EQ),
    ],
)
def test_nodes_follow_the_conventions(text, kind):
    assert type(first(text)) is kind


def test_sugar_becomes_the_calls_trino_makes_of_it():
    assert printed("SELECT substring(a from 2 for 3), position('x' in a)") == (
        'SELECT substr("a", 2, 3), strpos("a", \'x\')'
    )
    assert printed("SELECT trim(leading 'x' from a), trim(both from a), trim(a, 'y')") == (
        'SELECT ltrim("a", \'x\'), trim("a"), trim("a", \'y\')'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1_000, 0x1F, 0X_ff, 0b1_1, 0O17", "1000, 31, 255, 3, 15"),
        ("1_0.5_0, 1_0., .5_0, 1e3", "10.50, 10., .50, 1e3"),
        ("-0x10, -9223372036854775808", "-16, -9223372036854775808"),
        ("U&'\\0041\\+01F600\\\\'", "'A\U0001f600\\'"),
        ("u&'it''s !00e9!!' UESCAPE '!'", "'it''s \u00e9!'"),
        ("JSON_OBJECT('a' : 1, b VALUE 2)", "JSON_OBJECT(KEY 'a' VALUE 1, KEY \"b\" VALUE 2)"),
        ("JSON_QUERY(a, 'lax $' WITH ARRAY WRAPPER)",
         "JSON_QUERY(\"a\", 'lax $' WITH UNCONDITIONAL WRAPPER)"),
        ("JSON_EXISTS(a, 'lax $x' AS p PASSING 1 AS x, 2 AS \"y\")",
         "JSON_EXISTS(\"a\", 'lax $x' PASSING 1 AS \"X\", 2 AS \"y\")"),
        ("listagg(a ON OVERFLOW ERROR) WITHIN GROUP (ORDER BY b)",
         'listagg("a") WITHIN GROUP (ORDER BY "b")'),
    ],
)  # fmt: skip
def test_forms_become_the_plain_ones(text, expected):
    assert printed(f"SELECT {text}") == f"SELECT {expected}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("U&'\\00'", "Incomplete escape sequence"),
        ("U&'\\+110000'", "Invalid escaped character: 110000"),
        ("U&'\\DFFF'", "half of a character"),
        ("U&'\\0000'", "NUL"),
        ("U&'x' UESCAPE ''", "Empty Unicode escape character"),
        ("U&'x' UESCAPE '!!'", "Invalid Unicode escape character: !!"),
        ("U&'x' UESCAPE '+'", "Invalid Unicode escape character: +"),
        ("U&'x' UESCAPE a", "Expecting: <string>"),
        ("0x8000000000000000", "Invalid numeric literal"),
        (f"0b{'1' * 9000}", "Invalid numeric literal"),
        ("JSON_VALUE(a, 'lax $' EMPTY ARRAY ON ERROR)", "mismatched input 'EMPTY'"),
        ("JSON_QUERY(a, 'lax $' NULL ON ERROR NULL ON EMPTY)", "mismatched input 'NULL'"),
        ("current_time('3')", "precision must be a whole number"),
    ],
)
def test_forms_that_are_none(text, message):
    with pytest.raises(MeshgateError) as caught:
        parse_query(f"SELECT {text}")
    assert caught.value.name == "SYNTAX_ERROR"
    assert message in str(caught.value)


def test_typed_literals_keep_word_and_text():
    node = first("DECIMAL '1.50'")
    assert node.meta["typed_literal"]
    assert node.args["to"].args["kind"] == "decimal"
    assert Printer().print(node) == "DECIMAL '1.50'"


def test_types_are_spelled_as_trino_spells_them():
    kind = first("cast(a as timestamp(6) with time zone)").args["to"].args["kind"]
    assert kind == "timestamp(6) with time zone"
    with pytest.raises(MeshgateError, match="Unknown type: foo"):
        parse_query("SELECT cast(a as foo)")


ROUND_TRIPS = [
    "WITH a AS (SELECT 1), b(x, y) AS (VALUES (1, 2)) SELECT * FROM a, b",
    "SELECT a.*, b AS c FROM x.y.z AS a LEFT JOIN t USING (id) RIGHT JOIN u ON true",
    "SELECT 1 FROM a JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x CROSS JOIN d FULL JOIN e ON false",
    "SELECT 1 FROM (SELECT 2) CROSS JOIN UNNEST(ARRAY[1], m) WITH ORDINALITY AS u(a, b, c)",
    "SELECT 1 FROM t, LATERAL (SELECT t.x) AS l(y)",
    "SELECT DISTINCT a FROM t GROUP BY a, ROLLUP (b, c), CUBE (d), GROUPING SETS ((a), (), (b, c))",
    "SELECT a FROM t GROUP BY () HAVING count(*) > 1",
    "SELECT rank() OVER (PARTITION BY b ORDER BY c DESC NULLS FIRST ROWS UNBOUNDED PRECEDING)",
    "SELECT sum(a) OVER w FROM t WINDOW w AS (ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
    "SELECT lag(a, 1) IGNORE NULLS OVER (ORDER BY b RANGE CURRENT ROW)",
    "SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3 EXCEPT (SELECT 4 LIMIT 1) ORDER BY 1",
    "(SELECT 1) ORDER BY 1 OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY",
    "VALUES 1, (2), ROW(3) ORDER BY 1 LIMIT ALL",
    "TABLE a.b",
    "SELECT - -a, -(-1), 'it''s', X'01 ff', 1.50, .5, 1e3, NULL, TRUE, ?",
    "SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END, CASE WHEN b THEN 1 END, if(a, 1)",
    "SELECT transform(a, x -> x + 1), reduce(a, 0, (s, x) -> s + x, s -> s), f(() -> 1)",
    "SELECT a[1][2].b, ARRAY[], ROW(1, 'a'), (1, 2) IN (SELECT (3, 4)), extract(YEAR FROM d)",
    "SELECT d AT TIME ZONE 'UTC', INTERVAL '1' YEAR, INTERVAL '1-2' YEAR TO MONTH, current_date",
    "SELECT listagg(a, ',') WITHIN GROUP (ORDER BY b) FILTER (WHERE c), normalize(a, NFKD)",
    "SELECT a BETWEEN 1 AND 2 AND NOT b LIKE '%' ESCAPE '\\', a = ALL (SELECT 1), grouping(a)",
    'SELECT "a""b", "select" FROM "Weird Name"."x" AS "t t"',
    "SELECT limit, offset l FROM limit LIMIT 1",
    "SELECT a window FROM t fetch OFFSET ? LIMIT ?",
    "SELECT * FROM ((SELECT 1) UNION (SELECT 2)) AS t(a)",
    "SELECT * FROM ((SELECT 1) LIMIT 1)",
    "SELECT x IN ((SELECT 1)), x IN ((SELECT 1) UNION (SELECT 2))",
    "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) TABLE t",
    "SELECT 1 FROM t TABLESAMPLE BERNOULLI (10) JOIN a.b AS c TABLESAMPLE SYSTEM (1.5) ON true",
    "SELECT 1 FROM (SELECT 2) TABLESAMPLE BERNOULLI (0), (t) TABLESAMPLE SYSTEM (1)",
    "SELECT 1 FROM t FOR VERSION AS OF 42 AS a, t FOR VERSION AS OF 'x' b",
    "SELECT 1 FROM t FOR TIMESTAMP AS OF TIMESTAMP '2026-01-01 00:00:00' TABLESAMPLE SYSTEM (1)",
    "SELECT a FROM t UNION ALL CORRESPONDING SELECT a FROM u EXCEPT CORRESPONDING TABLE v",
    "SELECT a FROM t GROUP BY AUTO ORDER BY a FETCH FIRST 3 ROWS WITH TIES",
    "SELECT a FROM t GROUP BY DISTINCT a, CUBE (b)",
    "SELECT a FROM t GROUP BY ALL a, b.x",
    "SELECT a, all FROM t GROUP BY all, b[1]",
    "SELECT sum(a) OVER (w ORDER BY b), sum(a) OVER (w) FROM t WINDOW w AS (v ROWS CURRENT ROW)",
    (
        "SELECT json_value(a, 'lax $.b' PASSING c AS D, e FORMAT JSON AS f RETURNING bigint "
        "DEFAULT 1 + 2 ON EMPTY NULL ON ERROR), json_exists(a, 'strict $' UNKNOWN ON ERROR)"
    ),
    (
        "SELECT json_query(a FORMAT JSON ENCODING UTF16, 'lax $' RETURNING varchar FORMAT JSON "
        "WITH CONDITIONAL WRAPPER KEEP QUOTES EMPTY ARRAY ON EMPTY EMPTY OBJECT ON ERROR)"
    ),
    (
        "SELECT json_object(KEY a VALUE b FORMAT JSON ABSENT ON NULL WITH UNIQUE KEYS "
        "RETURNING varchar(10)), json_array(a, (SELECT 1) NULL ON NULL), json_object()"
    ),
    "SELECT listagg(a, ',' ON OVERFLOW TRUNCATE '...' WITH COUNT) WITHIN GROUP (ORDER BY b)",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_printing_and_reading_again_changes_nothing(text):
    once = printed(text)
    assert printed(once) == once
    assert parse_query(once) == parse_query(printed(once))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT", "line 1:7: mismatched input '<EOF>'. Expecting: <expression>"),
        ("SELECT a b c", "line 1:12: mismatched input 'c'"),
        ("SELECT a = b = c", "line 1:14: mismatched input '='"),
        ("SELECT a IS TRUE", "line 1:13: mismatched input 'TRUE'. Expecting: DISTINCT"),
        ("SELECT a a.b", "line 1:11: mismatched input '.'"),
        ("SELECT (a", "line 1:10: mismatched input '<EOF>'"),
        ("SELECT a::int", "':' is not supported"),
        ("SELECT from t", "line 1:8: mismatched input 'from'"),
        ("SELECT * FROM a JOIN b", "line 1:23: mismatched input '<EOF>'. Expecting: ON, USING"),
        ("SELECT a FROM t QUALIFY rank() > 1", "mismatched input 'QUALIFY'"),
        ("SELECT * FROM t PIVOT (sum(a) FOR b IN (1))", "mismatched input 'PIVOT'"),
        ("SELECT * FROM t@branch", "mismatched input '@'"),
        ("SELECT * FROM t LIMIT -1", "mismatched input '-'"),
        ("SELECT * FROM t LIMIT 1 OFFSET 2", "mismatched input 'OFFSET'"),
        ("SELECT x'0'", "even number of hexadecimal digits"),
        ('SELECT a AS ""', "Zero-length delimited identifier"),
        ('SELECT CAST(a AS "varchar"(10))', "Unknown type"),
        ('SELECT VARCHAR("10)) || (SELECT 1")', "accepted"),
        ("(WITH a AS (SELECT 1) SELECT 1) UNION SELECT 2", "line 1:2: mismatched input 'WITH'"),
        ("SELECT 9223372036854775808", "Invalid numeric literal"),
        ("SELECT extract(EPOCH FROM a)", "Invalid EXTRACT field"),
        ("SELECT * FROM a.b.c.d", "Too many dots in table name"),
        ("SELECT foo 'x'", "Unknown type: foo"),
    ],
)
def test_syntax_errors_name_their_place(text, message):
    try:
        parse_query(text)
    except MeshgateError as error:
        assert message in str(error)  # noqa: PT017 - some texts must be accepted
    else:
        assert message == "accepted"


def test_minimum_bigint_is_a_literal():
    assert printed("SELECT -9223372036854775808") == "SELECT -9223372036854775808"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM a NATURAL JOIN b",
        "SELECT * FROM TABLE(query(1))",
        "SELECT * FROM TABLE(pg.system.query(query => 'SELECT 1'))",
        "SELECT * FROM f(1)",
        "SELECT * FROM c.s.f(1)",
        "SELECT f(input => TABLE(c.s.t))",
        "SELECT f(TABLE(t))",
        "SELECT f(a => 1)",
        "SELECT c.s.f(1)",
        "SELECT * FROM t FOR TIMESTAMP AS OF now()",
        "SELECT * FROM t FOR TIMESTAMP AS OF 1",
        "SELECT * FROM t FOR VERSION AS OF -1",
        "SELECT * FROM t FOR VERSION AS OF ?",
        "SELECT * FROM t TABLESAMPLE BERNOULLI (?)",
        "SELECT * FROM t TABLESAMPLE BERNOULLI ('10')",
        "SELECT * FROM (a CROSS JOIN b) TABLESAMPLE BERNOULLI (10)",
        "SELECT 1 UNION CORRESPONDING (a) SELECT 2",
        "SELECT a FROM t GROUP BY AUTO, a",
        "SELECT a FROM t GROUP BY DISTINCT AUTO",
        "SELECT a FROM t GROUP BY ALL -a",
        "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS true)",
        "WITH FUNCTION concat(a varchar) RETURNS varchar RETURN a SELECT 1",
        "WITH SESSION x = 1 SELECT 1",
        "SELECT t.* AS (a, b) FROM t",
        "SELECT * FROM a JOIN b JOIN c ON true ON true",
        "SELECT * FROM (a JOIN b ON true) AS t",
        "SELECT +a",
        "SELECT ROW(1 AS a)",
        "SELECT * FROM JSON_TABLE(a, 'lax $' COLUMNS (b integer))",
    ],
)
def test_trino_syntax_outside_the_subset_says_what_to_do(text):
    with pytest.raises(MeshgateError) as caught:
        parse_query(text)
    assert caught.value.name == "NOT_SUPPORTED"
    assert ": " in str(caught.value).removeprefix("line 1:")


def test_a_function_named_by_quoted_text_cannot_smuggle_syntax():
    with pytest.raises(MeshgateError, match="such a function name"):
        parse_query('SELECT "concat(secret) --"(a)')


def test_the_printer_prints_nothing_else():
    with pytest.raises(MeshgateError):
        Printer().print(exp.Select(expressions=[exp.Upper(this=exp.column("a"))]))
