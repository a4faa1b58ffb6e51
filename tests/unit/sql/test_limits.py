"""What a statement may cost: each limit at and beyond, in every stage after the tokens."""

from __future__ import annotations

import pytest

from gateway.errors import MeshgateError
from gateway.sql import govern as govern_module
from gateway.sql import limits
from gateway.sql.govern import govern
from tests.unit.sql.pipeline import DOMAINS, SALT, resolved


def governed(text: str) -> str:
    return govern(resolved(text, "all_analyst"), "trino", DOMAINS, SALT).sql


def refusal(text: str) -> str:
    with pytest.raises(MeshgateError) as caught:
        governed(text)
    return f"{caught.value.name}: {caught.value.message}"


def stars(levels: int, each: int = 10) -> str:
    """Each query of WITH has ten times the columns of the one before: a small text."""
    first = "w0 AS (SELECT id FROM orders)"
    more = (f"w{n} AS (SELECT {', '.join(['*'] * each)} FROM w{n - 1})" for n in range(1, levels))
    return f"WITH {', '.join([first, *more])} SELECT 1 FROM w{levels - 1}"


@pytest.mark.timeout(60)  # without the limit the last one has 10^30 columns
@pytest.mark.parametrize("levels", [5, 6, 31])
def test_stars_do_not_multiply_without_end(levels):
    if levels == 5:
        assert governed(stars(4, 20))
    else:
        assert refusal(stars(levels)) == (
            "QUERY_REJECTED: the stars of the query stand for more than 10000 columns: "
            "name the columns it needs"
        )


@pytest.mark.timeout(60)
def test_relations_do_not_multiply_columns_without_end(monkeypatch):
    monkeypatch.setattr("gateway.sql.binder.MAX_COLUMNS", 100)
    columns = ", ".join(f"1 AS c{n}" for n in range(19))
    fits = f"WITH w AS (SELECT {columns} FROM orders) SELECT 1 FROM " + ", ".join(
        f"w AS a{n}" for n in range(4)
    )
    assert governed(fits)
    assert "more than 100 columns together" in refusal(fits + ", w AS b")


@pytest.mark.parametrize(
    ("make", "most", "what"),
    [
        (
            lambda n: f"WITH {', '.join(f'w{i} AS (SELECT 1 AS x)' for i in range(n))} TABLE w0",
            limits.MAX_WITH,
            "a WITH names more than 500 queries",
        ),
        (
            lambda n: f"SELECT 1 FROM {', '.join(f'(SELECT 1 AS x) a{i}' for i in range(n))}",
            limits.MAX_RELATIONS,
            "more than 1000 relations",
        ),
    ],
    ids=["with", "relations"],
)
def test_relations_are_limited(make, most, what):
    assert governed(make(most))
    found = refusal(make(most + 1))
    assert found.startswith("QUERY_REJECTED: ")
    assert what in found


def test_limits_are_those_of_the_text_that_was_written():
    """What names and secured sub-queries add to it counts towards the governed text alone."""
    chain = " OR ".join(f"id = {n}" for n in range(limits.MAX_CHAIN + 1))
    assert governed(f"SELECT id FROM orders WHERE {chain}").count(" OR ") == limits.MAX_CHAIN
    many = ", ".join(f"total AS t{n}" for n in range(7_000))
    assert len(governed(f"SELECT {many} FROM orders")) > limits.MAX_TEXT_BYTES


def test_governed_text_is_limited_before_it_is_read_back(monkeypatch):
    monkeypatch.setattr(govern_module, "account", lambda *_: pytest.fail("read back"))
    monkeypatch.setattr(govern_module, "MAX_GOVERNED_BYTES", 50)
    assert refusal("SELECT id FROM orders").startswith("QUERY_TEXT_TOO_LARGE: the rewritten")
