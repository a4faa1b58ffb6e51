from __future__ import annotations

import pytest
from sqlglot import exp
from sqlglot.expressions import DType

from gateway.errors import MeshgateError
from gateway.sql.allow import RULES, check_tree
from gateway.sql.dialect import parse_query
from gateway.sql.functions import FUNCTIONS
from tests.unit.sql.front import refusal
from tests.unit.sql.test_dialect import ROUND_TRIPS


def select(*items: exp.Expression, **args: object) -> exp.Select:
    return exp.Select(expressions=list(items), **args)


def raw(text: str) -> exp.Identifier:
    return exp.Identifier(this=text, quoted=True)


def sampled(method: str, percent: exp.Expression) -> exp.Table:
    return exp.Table(this=raw("t"), sample=exp.TableSample(method=method, percent=percent))


def versioned(kind: str, value: exp.Expression) -> exp.Table:
    return exp.Table(this=raw("t"), version=exp.Version(this=kind, kind="AS OF", expression=value))


ONE = exp.Literal(this="1", is_string=False)
TEXT = exp.Literal(this="lax $", is_string=True)
COMMENTED = select(ONE.copy())
COMMENTED.comments = ["sqlglot.anonymous"]


@pytest.mark.parametrize(
    "tree",
    [
        exp.Command(this="SHOW", expression="x"),
        COMMENTED,
        select(exp.Upper(this=ONE.copy())),
        select(exp.Var(this="10)) || (SELECT 1")),
        select(exp.Extract(this=exp.Var(this="YEAR FROM x) --"), expression=ONE.copy())),
        select(exp.Interval(this=ONE.copy(), unit=exp.Var(this="DAY) --"))),
        select(exp.Literal(this="1) --", is_string=False)),
        select(exp.Literal(this="1_000", is_string=False)),
        select(exp.HexString(this="0g")),
        select(exp.Cast(this=ONE.copy(), to=exp.DataType(this=DType.INT))),
        select(exp.Cast(this=ONE.copy(), to=exp.DataType(this=DType.USERDEFINED, kind="x) --"))),
        select(exp.Cast(this=ONE.copy(), to=exp.DataType(this=DType.USERDEFINED, kind=None))),
        select(exp.Like(this=ONE.copy(), expression=ONE.copy(), negate=True)),
        select(exp.Is(this=ONE.copy(), expression=exp.Boolean(this=True))),
        select(exp.Anonymous(this="count(secret) --", expressions=[])),
        select(exp.Anonymous(this=raw("count"), expressions=[])),
        select(exp.Column(this=raw("a"), join_mark=True)),
        select(exp.Star(except_=[raw("a")])),
        select(exp.Window(this=ONE.copy(), over="OVER")),
        select(
            exp.Window(
                this=exp.Anonymous(this="rank"),
                spec=exp.WindowSpec(kind="ROWS", start="UNBOUNDED) --", start_side="PRECEDING"),
            )
        ),
        select(ONE.copy(), qualify=exp.Qualify(this=ONE.copy())),
        select(ONE.copy(), into=exp.Into(this=exp.Table(this=raw("t")))),
        select(ONE.copy(), kind="STRUCT"),
        select(ONE.copy(), from_=exp.From(this=exp.Table(this=raw("t"), only=True))),
        select(ONE.copy(), from_=exp.From(this=exp.Table(this=exp.Anonymous(this="f")))),
        select(ONE.copy(), joins=[exp.Join(this=exp.Table(this=raw("t")), kind="SEMI")]),
        select(ONE.copy(), joins=[exp.Join(this=exp.Table(this=raw("t")), method="NATURAL")]),
        select(ONE.copy(), from_=exp.From(this=exp.Values(expressions=[]))),
        select(ONE.copy(), from_=exp.From(this=exp.Table(this=raw("t"), sample=exp.TableSample()))),
        exp.Union(this=select(), expression=select(), distinct=True, by_name=[raw("a")]),
        exp.Union(this=select(), expression=select(), distinct=True, on=[raw("a")]),
        select(ONE.copy(), with_=exp.With(expressions=[], recursive=[ONE.copy()])),
        select(ONE.copy(), group=exp.Group(all="AUTO) --")),
        select(ONE.copy(), from_=exp.From(this=sampled("BERNOULLI (1) --", ONE.copy()))),
        select(ONE.copy(), from_=exp.From(this=sampled("SYSTEM", exp.Subquery(this=select())))),
        select(ONE.copy(), from_=exp.From(this=versioned("VERSION", exp.Subquery(this=select())))),
        select(ONE.copy(), from_=exp.From(this=versioned("VERSION AS OF 1 --", ONE.copy()))),
        select(exp.JSONExists(this=ONE.copy(), path=raw("secret"))),
        select(exp.JSONExists(this=ONE.copy(), path=TEXT.copy(), passing=[ONE.copy()])),
        select(
            exp.JSONValue(
                this=ONE.copy(),
                path=TEXT.copy(),
                on_condition=exp.OnCondition(error="NULL ON ERROR) --"),
            )
        ),
        select(exp.JSONExtract(this=ONE.copy(), expression=TEXT.copy())),
        select(
            exp.JSONExtract(this=ONE.copy(), expression=TEXT.copy(), json_query=True, quote="x")
        ),
        select(exp.JSONObject(expressions=[ONE.copy()])),
        select(exp.JSONArray(expressions=[], null_handling="NULL ON NULL) --")),
        select(exp.FormatJson(this=ONE.copy())),
        select(exp.FormatJson(this=ONE.copy(), encoding="UTF8) --")),
        select(ONE.copy(), limit=exp.Limit(expression=exp.Subquery(this=select()))),
    ],
    ids=lambda tree: repr(tree).replace("\n", " ")[:60],
)
def test_unlisted_nodes_arguments_and_values_are_refused(tree):
    with pytest.raises(MeshgateError) as caught:
        check_tree(tree)
    assert caught.value.name == "NOT_SUPPORTED"


def test_every_listed_class_is_reached_by_the_grammar():
    seen: set[type] = set()
    for text in ROUND_TRIPS:
        seen |= {type(node) for node in parse_query(text).walk()}
    extra = (
        "SELECT a <> 1, a < 1, a <= 1, a > 1, a >= 1, a = ANY (SELECT 1), a % 2 / 3 || 'x' - 1, "
    )
    extra += "a IS NULL, a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, TRY_CAST(a AS date), "
    extra += "COALESCE(a, b), NULLIF(a, b), EXISTS (SELECT 1), lag(a) RESPECT NULLS OVER (), "
    extra += (
        "INTERVAL '1' DAY TO HOUR, count(DISTINCT a), a OR b, 1 * 2, CAST(a AS date) FROM t WHERE a"
    )
    seen |= {type(node) for node in parse_query(extra).walk()}
    assert set(RULES) - seen == set()


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_what_the_grammar_builds_is_listed(text):
    tree = parse_query(text.replace("f(() -> 1)", "any_match(a, x -> true)"))
    check_tree(tree)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("nosuch(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered"),
        ("NoSuch(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered"),
        ("fail('x')", "NOT_SUPPORTED: line 1:8: the function fail is not supported: it raises"),
        ("rank()", "MISSING_OVER: line 1:8: Window function rank requires an OVER clause"),
        ("lower('a') OVER ()", "FUNCTION_NOT_WINDOW: line 1:8: Not a window function: lower"),
        ("lower('a') FILTER (WHERE true)", "FUNCTION_NOT_AGGREGATE: line 1:8:"),
        ("lower(DISTINCT 'a')", "FUNCTION_NOT_AGGREGATE: line 1:8:"),
        ("lower('a' ORDER BY 1)", "FUNCTION_NOT_AGGREGATE: line 1:8:"),
        ("sum(*)", "NOT_SUPPORTED: line 1:8: sum(*) is not supported"),
    ],
)
def test_calls_must_fit_their_function(call, error):
    assert refusal(f"SELECT {call}").startswith(error)


def test_every_refused_function_is_refused_with_its_reason():
    refused = [f for f in FUNCTIONS.values() if f.refused_because and f.name.isidentifier()]
    assert len(refused) > 5
    for function in refused:
        text = refusal(f'SELECT "{function.name}"(1)')
        assert text.startswith("NOT_SUPPORTED")
        assert function.refused_because in text
