"""SHOW STATS through the pipeline: visible columns, nothing known of them, nothing run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.query.plan import Plan
from tests.unit.query.mesh import SESSION, Mesh

STUDY = replace(SESSION, properties={"meshgate.purpose": "study"})


def columns(plan: Plan) -> list[str | None]:
    assert plan.answer is not None
    assert [(c.name, c.type.base) for c in plan.answer.columns] == [
        ("column_name", "varchar"), ("data_size", "double"), ("distinct_values_count", "double"),
        ("nulls_fraction", "double"), ("row_count", "double"), ("low_value", "varchar"),
        ("high_value", "varchar"),
    ]  # fmt: skip
    rows = plan.answer.rows.to_pylist()
    assert {value for row in rows for key, value in row.items() if key != "column_name"} == {None}
    return [row["column_name"] for row in rows]


async def test_a_table_gives_its_visible_columns(mesh: Mesh) -> None:
    seen = columns(await mesh.plan("SHOW STATS FOR claims", "researcher", STUDY))
    assert "diagnosis" not in seen
    assert "diagnosis" in columns(await mesh.plan("SHOW STATS FOR health.claims.claims", "doctor"))
    assert seen[0] == "claim_id"
    assert seen[-1] is None


async def test_a_query_gives_its_outputs_and_is_not_run(mesh: Mesh) -> None:
    plan = await mesh.plan("SHOW STATS FOR (SELECT region AS r, count(*) FROM claims GROUP BY 1)")
    assert columns(plan) == ["r", "_col1", None]
    assert plan.outcome == "answered"
    assert not plan.relayed


async def test_a_query_without_tables(mesh: Mesh) -> None:
    assert columns(await mesh.plan("SHOW STATS FOR (VALUES (1, 2))")) == ["_col0", "_col1", None]


async def test_metadata_has_statistics_as_little(mesh: Mesh) -> None:
    named = "SHOW STATS FOR (SELECT table_name FROM information_schema.tables)"
    assert columns(await mesh.plan(named)) == ["table_name", None]


async def test_a_table_of_groups_tells_its_columns_alone(mesh: Mesh) -> None:
    seen = columns(await mesh.plan("SHOW STATS FOR lines", "researcher", STUDY))
    assert seen == ["claim_id", "line", "amount", None]


@pytest.mark.parametrize("text", ["SHOW STATS FOR {}", "SHOW STATS FOR (SELECT 1 FROM {})"])
async def test_hidden_and_absent_read_alike(mesh: Mesh, text: str) -> None:
    hidden = await mesh.refusal(text.format("notes"), "stranger")
    absent = await mesh.refusal(text.format("abcde"), "stranger")
    assert hidden.replace("notes", "abcde") == absent
