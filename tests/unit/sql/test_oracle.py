"""Governed DuckDB text on raw tables = the original SQL on rows governed by hand."""

from __future__ import annotations

import pytest

from gateway.sql.govern import govern
from tests.unit.sql.pipeline import DOMAINS, SALT, SHOP, resolved
from tests.unit.sql.shopdata import RAW, answer, database, governed_rows

STATEMENTS = [
    "SELECT id, customer_id, note, total FROM orders",
    "SELECT * FROM items WHERE line = 2",
    "SELECT count(*) AS c FROM orders",
    "SELECT region, status, count(*) AS c, sum(total) AS s FROM orders GROUP BY region, status",
    (
        "SELECT o.id, c.name, c.email FROM orders AS o "
        "JOIN hr.people.customers AS c ON c.id = o.customer_id"
    ),
    (
        "SELECT o.id, c.born FROM orders AS o "
        "LEFT JOIN hr.people.customers AS c ON c.id = o.customer_id"
    ),
    "SELECT o.id, i.sku FROM orders AS o FULL JOIN items AS i ON i.order_id = o.id",
    "SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.customer_id = b.customer_id",
    "SELECT order_id FROM items WHERE order_id NOT IN (SELECT id FROM orders)",
    "SELECT sku FROM items AS i WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.id = i.order_id)",
    "SELECT id FROM orders UNION SELECT order_id FROM items",
    "SELECT order_id FROM items EXCEPT SELECT id FROM orders",
    "SELECT order_id FROM items INTERSECT SELECT id FROM orders",
    (
        "WITH w AS (SELECT id, total FROM orders WHERE total > 5) "
        "SELECT count(*) AS c, max(total) AS m FROM w"
    ),
    "WITH items AS (SELECT id FROM orders) SELECT id FROM items",
    "SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) AS n FROM orders",
    "SELECT id, (SELECT max(price) FROM products) AS m FROM orders",
    "SELECT DISTINCT status FROM orders WHERE note IS NULL",
    (
        "SELECT p.title, sum(i.quantity) AS q FROM products AS p "
        "JOIN items AS i USING (sku) GROUP BY p.title"
    ),
    "SELECT id FROM orders WHERE CASE WHEN total > 100 THEN TRUE WHEN total IS NULL THEN TRUE END",
]


@pytest.fixture(scope="module")
def raw():
    con = database(RAW, [SHOP.snapshot.tables[name] for name in RAW])
    yield con
    con.close()


@pytest.fixture(scope="module")
def by_hand():
    people = ("eu_analyst", "auditor")
    tables = [SHOP.snapshot.tables[name] for name in RAW]
    made = {principal: database(governed_rows(principal), tables) for principal in people}
    yield made
    for con in made.values():
        con.close()


CASES = [("eu_analyst", sql) for sql in STATEMENTS]
CASES += [("auditor", sql) for sql in STATEMENTS if "customers" not in sql]


@pytest.mark.parametrize(("principal", "sql"), CASES)
def test_governed_text_on_raw_tables_equals_the_original_on_governed_rows(
    raw, by_hand, principal, sql
):
    governed = govern(resolved(sql, principal), "duckdb", DOMAINS, SALT)
    assert answer(raw, governed.sql) == answer(by_hand[principal], sql)


def test_the_raw_rows_differ_from_the_governed_ones(raw, by_hand):
    assert answer(raw, STATEMENTS[0]) != answer(by_hand["eu_analyst"], STATEMENTS[0])
