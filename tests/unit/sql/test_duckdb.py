"""What the recorded answers do not reach: unseen nestings, NaN, extremes, NULLs, refusals."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from gateway.errors import MeshgateError
from gateway.sql.markers import marker, read_marker
from tests.oracle.answers import run
from tests.oracle.embedded import Embedded, table

_ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int32()),
        "n": pa.array([-7, 0, None, 2147483647], pa.int32()),
        "f": pa.array([1.5, float("nan"), None, -0.0], pa.float64()),
        "s": pa.array(["12", " -7 ", None, "x"], pa.string()),
    }
)
_KINDS = [("id", "integer"), ("n", "integer"), ("f", "double"), ("s", "varchar")]
_ENGINE = Embedded({"r": (table("r", _KINDS), _ROWS)})


def ask(sql: str):
    return run(_ENGINE, _ENGINE.translate(sql))


def column(expression: str) -> list:
    found = ask(f"SELECT {expression} FROM r ORDER BY id")
    return found if isinstance(found, str) else [row[0] for row in found]


@pytest.mark.parametrize(
    ("expression", "answers"),
    [
        ("f > 1", [True, False, None, False]),
        ("f = f", [True, False, None, True]),
        ("NOT (f <> f)", [True, False, None, True]),
        ("f BETWEEN 0 AND 9", [True, False, None, True]),
        ("f IN (f, 0)", [True, False, None, True]),
        ("greatest(f, 1e0)", [1.5, 1.0, None, 1.0]),
        ("f IS DISTINCT FROM f", [False, False, False, False]),
        ("n / 2", [-3, 0, None, 1073741823]),
        ("n % 2", [-1, 0, None, 1]),
        ("try_cast(s AS integer)", [12, -7, None, None]),
        ("n <> 0 AND 10 / n > 0", [False, False, None, False]),
        ("coalesce(nullif(n, 0), 1) * 1.50", ["-10.50", "1.50", "1.50", "3221225470.50"]),
        ("cast(n AS decimal(12,2)) / 3", ["-2.33", "0.00", None, "715827882.33"]),
        ("substr(s, -1)", ["2", " ", None, "x"]),
        (
            "CASE WHEN n IS NULL THEN 'none' ELSE cast(n AS varchar) END",
            ["-7", "0", "none", "2147483647"],
        ),
    ],
)
def test_answers_over_columns(expression, answers):
    assert column(expression) == answers


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("n + 1", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("1 / n", "DIVISION_BY_ZERO"),
        ("cast(s AS integer)", "INVALID_CAST_ARGUMENT"),
        ("cast(n AS smallint)", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("array[1, 2][n]", "INVALID_FUNCTION_ARGUMENT"),
        ("(SELECT id FROM r)", "SUBQUERY_MULTIPLE_ROWS"),
        ("upper('é')", "NOT_SUPPORTED"),
    ],
)
def test_run_time_errors_bear_trinos_names(expression, name):
    assert column(expression) == name


@pytest.mark.parametrize(
    "expression",
    [
        "cast(s AS char(3))",
        "regexp_like(s, s)",
        "regexp_like(s, '(?=a)')",
        "date_trunc(s, date '2024-01-01')",
        "approx_distinct(n)",
        "f IN (SELECT f FROM r)",
        "timestamp '2024-01-01 00:00:00 Europe/Berlin'",
        "avg(cast(n AS decimal(38,0)))",
    ],
)
def test_what_is_not_proven_is_refused(expression):
    with pytest.raises(MeshgateError, match="not supported by the embedded engine") as caught:
        ask(f"SELECT {expression} FROM r")
    assert caught.value.name == "NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("sequence(-2147483648, 3000000000)", "INVALID_FUNCTION_ARGUMENT"),
        ("repeat('a', 2147483647)", "INVALID_FUNCTION_ARGUMENT"),
        ("lpad('a', 2147483647, 'x')", "NOT_SUPPORTED"),
    ],
)
@pytest.mark.timeout(20)
def test_constants_too_large_are_not_built_while_planning(expression, name):
    assert ask(f"SELECT {expression}") == name


def test_a_branch_not_taken_does_not_fail():
    assert ask("SELECT filter(array[1, 0, 2], x -> x <> 0 AND 4 / x > 2)") == [[[1]]]
    assert ask("SELECT coalesce(1, 1 / 0), if(false, 1 / 0, 2)") == [[1, 2]]


def test_grouping_by_a_bracketed_list_groups_by_each():
    assert ask("SELECT id, s FROM r GROUP BY (id, s) ORDER BY id LIMIT 1") == [[1, "12"]]


@pytest.mark.parametrize(
    ("nested", "answer"),
    [
        ("((SELECT id AS z FROM r) AS x JOIN r AS b ON b.id = x.z)", [[16]]),
        ("((VALUES 1, 2) AS x(z) CROSS JOIN r AS b)", [[32]]),
        ("(((SELECT 1 AS z) AS x CROSS JOIN r AS b))", [[16]]),
    ],
)
def test_a_join_in_brackets_may_begin_with_a_derived_table(nested, answer):
    assert ask(f"SELECT count(b.id) FROM r AS a CROSS JOIN {nested}") == answer


def test_using_reaches_every_relation_of_a_join_in_brackets():
    nested = "(r AS b CROSS JOIN (SELECT 7 AS z) AS x)"
    assert ask(f"SELECT count(id) FROM r AS a JOIN {nested} USING (id)") == [[4]]


def test_order_inside_a_sub_query_counts_only_with_limit():
    inner = "SELECT id FROM r ORDER BY id DESC"
    assert "ORDER BY" not in _ENGINE.translate(f"SELECT count(*) FROM ({inner}) t").sql
    assert ask(f"SELECT max(id) FROM ({inner} LIMIT 2) t") == [[4]]


def test_nan_is_ignored_by_extremes_and_kept_by_groups():
    assert ask("SELECT min(f), max(f) FROM r") == [[-0.0, 1.5]]
    assert ask("SELECT count(*) FROM (SELECT f FROM r GROUP BY f) t") == [[4]]


def test_markers_survive_duckdb():
    with pytest.raises(duckdb.Error) as caught:
        duckdb.sql(f"SELECT CAST('{marker('DIVISION_BY_ZERO')}' AS INTEGER)").fetchall()
    assert read_marker(str(caught.value)) == "DIVISION_BY_ZERO"


def test_an_unknown_error_has_no_name():
    assert read_marker("IO Error: disk full") is None
    assert read_marker("MG:NO_SUCH_NAME") is None
