"""Every type and every size of page: the relay's columns and rows are Trino's own bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trino.exact import EVERYTHING, run

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "unit/protocol/data/golden_types.json").read_text("utf-8")
)
REFUSED = {  # stricter than Trino, which takes them: told before anything runs
    "ipaddress '10.0.0.1'": "TYPE_NOT_FOUND",
    "ipaddress '2001:db8::1'": "TYPE_NOT_FOUND",
}
MOVING = {"current_time"}  # another value each time
FAILING = {case["expr"] for case in GOLDEN if "error" in case["caps"]}
SAME = [e for case in GOLDEN if (e := case["expr"]) not in {*REFUSED, *MOVING, *FAILING}]
ANA = "ana"
CAPABILITIES = pytest.mark.parametrize("capabilities", [EVERYTHING, ""], ids=["capable", "plain"])


def both(governed, sql, capabilities=EVERYTHING):
    """The statement directly on Trino, and through the gateway."""
    return (
        run(governed.bare, ANA, sql, capabilities),
        run(governed.gateway, ANA, sql, capabilities),
    )


@CAPABILITIES
@pytest.mark.parametrize("expression", SAME)
def test_every_type(governed, expression, capabilities):
    direct, relayed = both(governed, f"SELECT {expression} AS c", capabilities)
    assert direct.error == ""
    assert relayed == direct


@CAPABILITIES
@pytest.mark.parametrize("expression", sorted(MOVING))
def test_the_type_of_what_moves(governed, expression, capabilities):
    direct, relayed = both(governed, f"SELECT {expression} AS c", capabilities)
    assert direct.columns
    assert (relayed.columns, len(relayed.rows)) == (direct.columns, 1)


@pytest.mark.parametrize("expression", sorted(FAILING))
def test_what_may_be_no_type(governed, expression):
    """Some are on servers with the geospatial plugin, which the PostgreSQL connector needs."""
    direct, relayed = both(governed, f"SELECT {expression} AS c")
    assert bool(relayed.error) == bool(direct.error)
    assert relayed.rows == direct.rows


@pytest.mark.parametrize("expression", sorted(REFUSED))
def test_what_is_refused_here_alone(governed, expression):
    direct, relayed = both(governed, f"SELECT {expression} AS c")
    assert direct.error == ""
    assert relayed.error == REFUSED[expression]


def _sequence(rows: int) -> str:
    """A statement of so many rows; ``sequence`` itself ends at 10,000."""
    return (
        "SELECT a * 100 + b AS n, CAST(a AS varchar) AS w "
        "FROM UNNEST(sequence(0, 99)) AS t(a) CROSS JOIN UNNEST(sequence(1, 100)) AS u(b) "
        f"WHERE a * 100 + b <= {rows} ORDER BY 1"
    )


@pytest.mark.parametrize("rows", [0, 1, 2, 999, 1000, 4096, 9999])
def test_page_sizes(governed, rows):
    direct, relayed = both(governed, _sequence(rows))
    assert len(direct.rows) == rows
    assert (relayed.columns, relayed.rows) == (direct.columns, direct.rows)


def test_no_rows_at_all_have_columns(governed):
    direct, relayed = both(governed, "SELECT 1 AS n WHERE false")
    assert direct.columns
    assert relayed == direct


def test_a_row_of_four_megabytes(governed):
    direct, relayed = both(governed, f"SELECT rpad('x', {4 << 20}, 'ab') AS c")
    assert len(direct.rows[0]) > 4 << 20
    assert (relayed.columns, relayed.rows) == (direct.columns, direct.rows)


def test_several_rows_of_four_megabytes(governed):
    sql = (
        f"SELECT n, rpad('x', {4 << 20}, 'ab') AS c FROM UNNEST(sequence(1, 5)) AS t(n) ORDER BY 1"
    )
    direct, relayed = both(governed, sql)
    assert direct.full_pages > 1
    assert (relayed.columns, relayed.rows) == (direct.columns, direct.rows)


def test_three_thousand_columns(governed):
    columns = ", ".join(f"{n} AS c{n}" for n in range(3000))
    direct, relayed = both(governed, f"SELECT {columns}")
    assert direct.columns.count(b'"name":') == 3000
    assert relayed == direct


NESTED = (
    "ARRAY[NULL, 1]",
    "ARRAY[ARRAY[NULL], NULL, ARRAY[]]",
    "MAP(ARRAY['a', 'b'], ARRAY[NULL, ROW(NULL, ARRAY[NULL])])",
    "ROW(NULL, ROW(NULL, NULL))",
    "CAST(NULL AS row(a bigint, b array(varchar)))",
    "CAST(ROW(NULL, ARRAY[NULL, 'x']) AS row(a bigint, b array(varchar)))",
)


@pytest.mark.parametrize("expression", NESTED)
def test_nested_nulls(governed, expression):
    direct, relayed = both(governed, f"SELECT {expression} AS c, NULL AS n")
    assert direct.error == ""
    assert relayed == direct


TEXTS = ("", ',"stats":{}', '"}],"data":[[1]]', "\\u0000\\", "é\u2028😀", "null", "</script>")


@pytest.mark.parametrize("text", TEXTS)
def test_texts_that_look_like_the_protocol(governed, text):
    quoted = text.replace("'", "''")
    direct, relayed = both(governed, f"SELECT '{quoted}' AS c, '{quoted}' AS d")
    assert direct.error == ""
    assert relayed == direct


def test_columns_that_look_like_the_protocol(governed):
    direct, relayed = both(governed, 'SELECT 1 AS "data", 2 AS "stats", 3 AS "a"",""data"":[["')
    assert direct.error == ""
    assert relayed == direct
