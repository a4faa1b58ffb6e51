"""Views in the pipeline: who sees them, in listings and in every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.names import TableName
from gateway.policy.service import PolicyService
from gateway.query.plan import Plan
from gateway.server.world import load_world
from gateway.session import Session
from tests.unit.query.mesh import WORLDS, Mesh

MARTS = Session(catalog="lake", schema="marts")
HIDDEN = {"of_ledger", "over_of_ledger", "of_ledger_and_nothing", "closed"}


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    world = load_world(WORLDS / "views.yaml")
    policy = PolicyService.open(world.policies)
    yield Mesh(world, policy)
    await policy.close()


def _rows(plan: Plan) -> list[tuple[object, ...]]:
    assert plan.answer is not None
    return list(zip(*plan.answer.rows.to_pydict().values(), strict=True))


async def _listed(mesh: Mesh, who: str) -> set[object]:
    return {row[0] for row in _rows(await mesh.plan("SHOW TABLES", who, MARTS))}


async def test_a_view_is_listed_to_those_who_may_see_all_beneath(mesh: Mesh):
    named = {name.table for name in mesh.snapshot.tables if name.schema == "marts"}
    assert await _listed(mesh, "owner") == named
    assert await _listed(mesh, "analyst") == named - HIDDEN


async def test_listed_views_are_told_from_tables(mesh: Mesh):
    plan = await mesh.plan("SELECT * FROM information_schema.tables", "analyst", MARTS)
    found = plan.sources[TableName("lake", "information_schema", "tables")].to_pydict()
    kinds = dict(zip(found["table_name"], found["table_type"], strict=True))
    assert (kinds["totals"], kinds["parts"]) == ("VIEW", "BASE TABLE")
    assert not HIDDEN & kinds.keys()


async def test_listings_tell_no_view_s_text(mesh: Mesh):
    plan = await mesh.plan("SELECT * FROM information_schema.views", "analyst", MARTS)
    found = plan.sources[TableName("lake", "information_schema", "views")].to_pydict()
    assert set(found["view_definition"]) == {None}
    assert "totals" in found["table_name"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM {}",
        "SELECT * FROM totals AS t JOIN {} AS l ON t.id = l.id",
        "WITH w AS (SELECT id FROM {}) SELECT 1",
        "DESCRIBE {}",
        "SHOW CREATE VIEW {}",
        "SHOW CREATE TABLE {}",
    ],
)
async def test_a_view_on_a_hidden_table_reads_like_none(mesh: Mesh, statement: str):
    hidden = await mesh.refusal(statement.format("of_ledger"), "analyst", MARTS)
    absent = await mesh.refusal(statement.format("of_nobody"), "analyst", MARTS)
    assert hidden == absent.replace("of_nobody", "of_ledger")


async def test_explaining_access_to_a_view_on_a_hidden_table_tells_nothing(mesh: Mesh):
    hidden, absent = [
        str(_rows(await mesh.plan(f"EXPLAIN ACCESS SELECT id FROM {name}", "analyst", MARTS)))
        for name in ("of_ledger", "of_nobody")
    ]
    assert hidden == absent.replace("of_nobody", "of_ledger")


async def test_one_decision_for_a_view_and_all_beneath_it(mesh: Mesh):
    plan = await mesh.plan("SELECT region FROM regions_again", "analyst", MARTS)
    assert mesh.policy.asked == [4]
    assert plan.governed is not None
    tables = [str(name) for name in plan.governed.tables]
    assert tables == [
        "lake.marts.regions_again",
        "lake.marts.regions",
        "lake.marts.totals",
        "lake.sales.orders",
    ]


async def test_lineage_leads_through_views_to_their_tables(mesh: Mesh):
    plan = await mesh.plan("SELECT n, region FROM by_region WHERE total > 1", "analyst", MARTS)
    assert plan.governed is not None
    count, region = plan.governed.outputs
    orders, view = TableName("lake", "sales", "orders"), TableName("lake", "marts", "by_region")
    assert (count.kind, count.sources) == ("aggregate", ((view, "n"),))
    assert (region.kind, set(region.sources) >= {(view, "region"), (orders, "region")}) == (
        "direct",
        True,
    )
    usage = plan.governed.usage
    assert usage[orders, "total"] == {"filter"}
    assert usage[orders, "region"] == {"output", "group"}
    assert usage[orders, "id"] == {"join"}


async def test_views_may_not_multiply_tables_without_end(mesh: Mesh):
    many = ", ".join(f"level_eight AS v{n}" for n in range(40))
    refusal = await mesh.refusal(f"SELECT 1 FROM {many}", "analyst", MARTS)
    assert refusal == (
        "QUERY_REJECTED: line 1:15: with its views the query names more than 300 tables: split it"
    )


async def test_a_view_s_text_is_shown_to_its_owners_alone(mesh: Mesh):
    plan = await mesh.plan("SHOW CREATE VIEW totals", "owner", MARTS)
    head, text = "CREATE VIEW lake.marts.totals SECURITY INVOKER AS", "SELECT id, region, total"
    assert _rows(plan) == [(f"{head}\n{text}\nFROM sales.orders",)]
    refusal = await mesh.refusal("SHOW CREATE VIEW totals", "analyst", MARTS)
    assert refusal == "NOT_SUPPORTED: line 1:1: a view's definition is shown to its owners alone"
    refusal = await mesh.refusal("SHOW CREATE VIEW parts", "owner", MARTS)
    assert refusal == "NOT_SUPPORTED: line 1:1: Relation 'lake.marts.parts' is a table, not a view"
