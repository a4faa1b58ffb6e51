"""EXPLAIN ACCESS of refused queries: rows that tell what may be told, and nothing more."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from gateway.errors import MeshgateError
from gateway.session import Session
from tests.unit.query.mesh import SESSION, Mesh

STUDY = replace(SESSION, properties={"meshgate.purpose": "study"})
Rows = list[dict[str, str]]


async def explained(mesh: Mesh, sql: str, who: str, session: Session = SESSION) -> Rows:
    plan = await mesh.plan(f"EXPLAIN ACCESS {sql}", who, session)
    assert plan.answer is not None
    assert plan.governed is None
    found: Rows = plan.answer.rows.to_pylist()
    return found


async def test_a_table_that_may_be_discovered(mesh: Mesh) -> None:
    (row,) = await explained(mesh, "SELECT 1 FROM claims", "stranger")
    assert (row["item"], row["name"], row["effect"]) == ("table", "health.claims.claims", "deny")
    assert row["reason"] == "no access grant for purpose unspecified"
    assert row["rule"] == "platform/no_grant"
    assert row["steward"] == "group:claims-stewards"
    assert row["next_step"] == "ask claims@example.org"
    assert "approved for: care, study" in row["detail"]


async def test_a_column_that_may_be_discovered_beside_its_table(mesh: Mesh) -> None:
    found = await explained(mesh, "SELECT claim_id, diagnosis FROM claims", "researcher", STUDY)
    effects = [(row["item"], row["name"], row["effect"]) for row in found]
    assert effects == [
        ("table", "health.claims.claims", "allow"),
        ("grant", "g-claims", "used"),
        ("filter", "health.claims.claims", "rows limited"),
        ("column", "health.claims.claims.diagnosis", "deny"),
    ]
    denied = found[-1]
    assert denied["reason"] == "diagnoses need purpose care"
    assert denied["rule"] == "domains.claims/health"
    assert denied["next_step"] == "ask claims@example.org"


@pytest.mark.parametrize(
    ("hidden", "absent"),
    [
        ("health.claims.notes", "health.claims.nodes"),
        (
            "health.claims.notes n JOIN claims c ON true",
            "health.claims.nodes n JOIN claims c ON true",
        ),
        ("broken.broken.things", "broken.broken.thongs"),
    ],
)
async def test_hidden_and_absent_tables_make_the_same_rows(
    mesh: Mesh, hidden: str, absent: str
) -> None:
    for who in ("stranger", "nurse"):
        texts = [orjson.dumps(await explained(mesh, f"SELECT 1 FROM {name}", who)).decode()
                 for name in (hidden, absent)]  # fmt: skip
        for one, other in (("notes", "nodes"), ("things", "thongs")):
            texts[0] = texts[0].replace(one, other)
        assert texts[0] == texts[1]
        assert '"not found"' in texts[0]


async def test_an_absent_table_gives_its_name_and_trinos_text_alone(mesh: Mesh) -> None:
    (row,) = await explained(mesh, "SELECT 1 FROM nothing", "nurse")
    assert row == {
        "item": "table", "name": "health.claims.nothing", "effect": "not found",
        "detail": "TABLE_NOT_FOUND",
        "reason": "line 1:30: Table 'health.claims.nothing' does not exist",
        "rule": "", "steward": "", "next_step": "",
    }  # fmt: skip


async def test_an_absent_column(mesh: Mesh) -> None:
    found = await explained(mesh, "SELECT nope FROM claims", "nurse")
    assert found[-1] | {"reason": ""} == {
        "item": "query", "name": "", "effect": "not found", "detail": "COLUMN_NOT_FOUND",
        "reason": "", "rule": "", "steward": "", "next_step": "",
    }  # fmt: skip
    assert "nope" in found[-1]["reason"]


async def test_every_refused_table_has_its_row(mesh: Mesh) -> None:
    found = await explained(mesh, "SELECT 1 FROM nothing, claims, claims c", "stranger")
    assert [(row["name"], row["effect"]) for row in found] == [
        ("health.claims.nothing", "not found"), ("health.claims.claims", "deny"),
    ]  # fmt: skip


async def test_refusals_of_the_query_itself(mesh: Mesh) -> None:
    (mixed,) = await explained(mesh, "SELECT 1 FROM claims, information_schema.tables", "nurse")
    assert (mixed["item"], mixed["detail"]) == ("query", "NOT_SUPPORTED")
    gossip = replace(SESSION, properties={"meshgate.purpose": "gossip"})
    (purpose,) = await explained(mesh, "SELECT 1 FROM claims", "nurse", gossip)
    assert (purpose["effect"], purpose["detail"]) == ("refused", "INVALID_SESSION_PROPERTY")
    grouped = await explained(mesh, "SELECT line FROM lines", "researcher", STUDY)
    assert [row["item"] for row in grouped] == ["table", "grant", "obligation", "query"]


async def test_rows_come_as_json_too(mesh: Mesh) -> None:
    plan = await mesh.plan("EXPLAIN (TYPE ACCESS, FORMAT JSON) SELECT 1 FROM nothing", "nurse")
    assert plan.answer is not None
    ((text,),) = (row.values() for row in plan.answer.rows.to_pylist())
    assert [row["detail"] for row in orjson.loads(text)] == ["TABLE_NOT_FOUND"]


@pytest.mark.parametrize("words", ["EXPLAIN", "EXPLAIN (TYPE IO)", "DESCRIBE OUTPUT p --"])
async def test_other_explanations_of_a_refused_query_are_refused(mesh: Mesh, words: str) -> None:
    session = replace(SESSION, prepared={"p": "SELECT 1 FROM nothing"})
    with pytest.raises(MeshgateError) as caught:
        await mesh.plan(f"{words} SELECT 1 FROM nothing", "nurse", session)
    assert caught.value.name == "TABLE_NOT_FOUND"
