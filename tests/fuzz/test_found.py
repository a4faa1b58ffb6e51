"""What the fuzz found once, as it is now: governed or refused with advice, never a defect."""

from __future__ import annotations

import pytest

from gateway.sql.model import Defaults
from tests.fuzz.governing import governed

DRAWN = Defaults("lake", "drawn")


@pytest.mark.parametrize(
    ("text", "trino", "duckdb"),
    [
        ("SELECT 1 .order_id LIMIT 101", "governed", "refused"),
        ("SELECT \"if\"(total > 10, 'a') FROM orders", "refused", "refused"),
        ("SELECT \"COALESCE\"(note, 'a') FROM orders", "refused", "refused"),
        ("SELECT rank(TRY()) OVER (ORDER BY region) FROM orders", "refused", "refused"),
        ("SELECT format(note) FROM orders", "refused", "refused"),
        ("WITH w AS (SELECT id FROM orders) (SELECT id FROM w)", "governed", "governed"),
        ("WITH w AS (SELECT id FROM orders) ((SELECT id FROM w) LIMIT 1)", "governed", "governed"),
    ],
)
def test_no_defect_any_more(text, trino, duckdb):
    found = [governed(text, DRAWN, engine) for engine in ("trino", "duckdb")]
    assert [one.what for one in found] == [trino, duckdb], [one.why for one in found]


def test_brackets_do_not_lose_their_with_on_the_embedded_engine():
    text = "SELECT * FROM (WITH w AS (SELECT id FROM orders WHERE id > 7) (SELECT id FROM w)) AS t"
    made = governed(f"WITH w AS (SELECT id FROM orders) {text}", DRAWN, "duckdb")
    assert made.what == "governed"
    assert made.sql.count("WITH") == 2
    assert "7" in made.sql
