"""The order of the stages, over a fixture mesh: purposes, parameters, caches, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.names import TableName
from gateway.session import Session
from tests.unit.query.mesh import SESSION, Mesh


async def test_one_decision_for_all_tables_of_a_query(mesh: Mesh) -> None:
    await mesh.plan("SELECT c.claim_id FROM claims c JOIN lines l ON c.claim_id = l.claim_id")
    assert mesh.policy.asked == [2]


async def test_a_repeated_query_is_planned_from_the_cache_and_decided_again(mesh: Mesh) -> None:
    first = await mesh.plan("SELECT claim_id FROM claims")
    again = await mesh.plan("SELECT claim_id FROM claims")
    assert again.governed is first.governed
    assert mesh.policy.asked == [1, 1]


async def test_principals_with_other_decisions_share_no_text(mesh: Mesh) -> None:
    nurse = await mesh.plan("SELECT claim_id FROM claims", "nurse")
    doctor = await mesh.plan("SELECT claim_id FROM claims", "doctor")
    assert nurse.governed is not None
    assert doctor.governed is not None
    assert nurse.governed.sql != doctor.governed.sql


async def test_the_clock_is_part_of_what_is_cached(mesh: Mesh) -> None:
    """A statement that reads the session's values is not answered with another one's."""
    paris = replace(SESSION, time_zone="Europe/Paris")
    first = await mesh.plan("SELECT current_timezone() AS z FROM claims")
    second = await mesh.plan("SELECT current_timezone() AS z FROM claims", session=paris)
    assert first.governed is not second.governed


async def test_parameters_are_bound_before_anything_is_decided(mesh: Mesh) -> None:
    session = replace(SESSION, prepared={"p": "SELECT claim_id FROM claims WHERE claim_id = ?"})
    plan = await mesh.plan("EXECUTE p USING BIGINT '7'", session=session)
    assert plan.governed is not None
    assert "7" in plan.governed.sql
    assert plan.text.startswith("SELECT claim_id")
    wrong = await mesh.refusal("EXECUTE p", session=session)
    assert wrong == (
        "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0"
    ) or wrong.startswith("INVALID_PARAMETER_USAGE")


async def test_what_cannot_be_executed_by_name(mesh: Mesh) -> None:
    assert (await mesh.refusal("EXECUTE nothing")).startswith("NOT_FOUND")
    session = replace(SESSION, prepared={"p": "EXECUTE p"})
    assert (await mesh.refusal("EXECUTE p", session=session)).startswith("NOT_SUPPORTED")
    assert (await mesh.refusal("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE ''SELECT 1'''")).startswith(
        "NOT_SUPPORTED"
    )


@pytest.mark.parametrize(
    ("session", "origin"),
    [
        (replace(SESSION, properties={"meshgate.purpose": "study"}), "stated"),
        (replace(SESSION, client_tags=("x", "purpose:study")), "stated"),
    ],
)
async def test_a_stated_purpose_wins(mesh: Mesh, session: Session, origin: str) -> None:
    plan = await mesh.plan("SELECT claim_id FROM claims", "researcher", session)
    assert (plan.purpose.name, plan.purpose.origin) == ("study", origin)
    assert not plan.purpose.assumed


async def test_the_default_and_the_only_purpose_are_assumed(mesh: Mesh) -> None:
    default = await mesh.plan("SELECT claim_id FROM claims", "nurse")
    assert (default.purpose.name, default.purpose.origin) == ("care", "default")
    only = await mesh.plan("SELECT claim_id FROM claims", "researcher")
    assert (only.purpose.name, only.purpose.origin) == ("study", "inferred")
    assert any(w.name == "MESHGATE_PURPOSE_ASSUMED" for w in only.warnings)


async def test_a_purpose_of_others_is_refused(mesh: Mesh) -> None:
    session = replace(SESSION, properties={"meshgate.purpose": "world-domination"})
    assert (await mesh.refusal("SELECT claim_id FROM claims", session=session)).startswith(
        "INVALID_SESSION_PROPERTY"
    )


async def test_metadata_and_data_do_not_mix(mesh: Mesh) -> None:
    text = await mesh.refusal(
        "SELECT 1 FROM claims, information_schema.tables WHERE table_name = 'claims'"
    )
    assert text.startswith("NOT_SUPPORTED: line 1:23")


async def test_hidden_and_absent_read_alike(mesh: Mesh) -> None:
    hidden = await mesh.refusal("SELECT * FROM health.claims.notes", "stranger")
    absent = await mesh.refusal("SELECT * FROM health.claims.nodes", "stranger")
    assert hidden.replace("notes", "nodes") == absent


async def test_a_heavy_statement_is_governed_apart_with_the_same_text(mesh: Mesh) -> None:
    terms = ", ".join(str(number) for number in range(1500))
    plan = await mesh.plan(f"SELECT claim_id FROM claims WHERE claim_id IN ({terms})")
    assert plan.statement.heavy
    assert plan.governed is not None
    assert plan.governed.sql.count(",") >= 1499
    mesh.service.close()


async def test_an_append_is_seen_by_the_next_query(mesh: Mesh) -> None:
    """A table that moved on is read where it stands now, though its catalog version stays."""
    sql = "SELECT claim_id FROM health.claims.lines"
    first = await mesh.plan(sql)
    name = TableName("health", "claims", "lines")
    moved = replace(mesh.world.snapshot.tables[name], metadata_location="file:///moved.json")
    tables = {**mesh.world.snapshot.tables, name: moved}
    mesh.snapshot = replace(mesh.world.snapshot, tables=tables)
    second = await mesh.plan(sql)
    assert first.governed is not None
    assert second.governed is not None
    assert first.governed.scans[0].table.metadata_location is None
    assert second.governed.scans[0].table.metadata_location == "file:///moved.json"
