"""Lineage of governed statements: sources, effects, usage, and what outputs inherit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.names import TableName
from gateway.sql.govern import govern
from gateway.sql.lineage import Usage, inherited, lineage
from gateway.sql.model import GovernedQuery
from tests.golden.cases import HERE, Case
from tests.golden.outcomes import plan
from tests.unit.sql.pipeline import DOMAINS, SALT, SHOP, resolved

ORDERS, ITEMS = TableName("lake", "sales", "orders"), TableName("lake", "sales", "items")


def governed(sql: str, who: str = "eu_analyst") -> GovernedQuery:
    return govern(resolved(sql, who), "trino", DOMAINS, SALT)


def flows(sql: str) -> list[tuple[str, str, list[str]]]:
    return [
        (one.name, one.kind, [f"{s.column}:{s.effect}" for s in one.sources])
        for one in lineage(governed(sql)).outputs
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM (SELECT id, status AS s FROM orders) AS q",
         [("id", "direct", ["id:allow"]), ("s", "direct", ["status:allow"])]),
        ("WITH w AS (SELECT max(total) AS t FROM orders) SELECT t, t + 1 AS u FROM w",
         [("t", "aggregate", ["total:allow"]), ("u", "derived", ["total:allow"])]),
        ("SELECT status FROM orders UNION ALL SELECT sku FROM items",
         [("status", "direct", ["sku:allow", "status:allow"])]),
        ("SELECT u.x FROM items CROSS JOIN UNNEST(tags) AS u(x)",
         [("x", "derived", ["tags:allow"])]),
        ("SELECT transform(tags, t -> t || sku) AS x FROM items",
         [("x", "derived", ["sku:allow", "tags:allow"])]),
        ("SELECT rank() OVER (PARTITION BY status ORDER BY total) AS r FROM orders",
         [("r", "derived", ["status:allow", "total:allow"])]),
        ("SELECT sum(total) FILTER (WHERE status = 'x') AS s FROM orders",
         [("s", "aggregate", ["status:allow", "total:allow"])]),
        ("SELECT size.width AS w FROM items", [("w", "derived", ["size:allow"])]),
        ("SELECT (SELECT max(price) FROM items WHERE order_id = o.id) AS p FROM orders AS o",
         [("p", "derived", ["price:allow"])]),
        ("SELECT count(*) AS n FROM orders", [("n", "aggregate", [])]),
    ],
)  # fmt: skip
def test_outputs_name_their_sources(sql: str, expected: list[tuple[str, str, list[str]]]):
    assert flows(sql) == expected


def test_effects_are_the_principals_and_flow_is_everybodys():
    sql = "SELECT customer_id FROM orders"
    mine, owners = lineage(governed(sql)), lineage(governed(sql, "owner"))
    assert mine.outputs[0].sources[0].effect.startswith("mask:")
    assert owners.outputs[0].sources[0].effect == "allow"
    assert resolved(sql).outputs == resolved(sql, "owner").outputs


def test_usage_is_by_the_user_and_what_policies_add_is_apart():
    found = lineage(governed("SELECT status FROM orders WHERE total > 1 ORDER BY placed"))
    assert set(found.usage) == {
        Usage(ORDERS, "status", ("output",)), Usage(ORDERS, "total", ("filter",)),
        Usage(ORDERS, "placed", ("order",)),
    }  # fmt: skip
    assert found.added == (Usage(ORDERS, "region", ("filter",), "policy"),)


async def test_the_smallest_group_is_used_by_the_policy():
    case = Case(HERE, 1, (), "govern", {"world": "mesh", "as": "researcher"}, "", "")
    found = (await plan(case, "SELECT sum(amount) FROM lines")).governed
    assert found is not None
    lines = TableName("health", "claims", "lines")
    assert lineage(found).added == (Usage(lines, "claim_id", ("group",), "policy"),)


@pytest.mark.parametrize(
    ("sql", "tags", "domains"),
    [
        ("SELECT customer_id FROM orders", {"pii.id"}, {"customer"}),
        ("SELECT customer_id || note AS x FROM orders", {"pii.id", "free-text"}, {"customer"}),
        ("SELECT max(c) FROM (SELECT customer_id AS c FROM orders)", {"pii.id"}, {"customer"}),
        ("SELECT sku FROM items UNION SELECT customer_id FROM orders", {"pii.id"}, {"customer"}),
        ("SELECT o.total, i.sku FROM orders AS o CROSS JOIN items AS i", {"amount"}, set()),
        ("SELECT count(*) FROM orders WHERE note = 'x'", set(), set()),
    ],
)  # fmt: skip
def test_outputs_inherit_what_protects_their_sources(sql: str, tags: set[str], domains: set[str]):
    found = inherited(resolved(sql).outputs[0], SHOP.snapshot.tables)
    assert (found.tags, found.token_domains) == (tags, domains)


def test_a_source_nobody_knows_is_an_error():
    output = resolved("SELECT id FROM orders").outputs[0]
    with pytest.raises(KeyError):
        inherited(output, {})
    with pytest.raises(KeyError):
        inherited(replace(output, sources=((ORDERS, "gone"),)), SHOP.snapshot.tables)
