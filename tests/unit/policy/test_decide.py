"""Decisions: grants, scopes, exceptions, failures, listings, one round trip."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from policy_lab import DATA, LAB, NAME, NOW, grant, person, request, table

from gateway.access.model import TableScope
from gateway.names import TableName
from gateway.policy.ask import Answer, Answers, Question
from gateway.policy.decide import Policies, decide, new_decision_id
from gateway.policy.document import to_document
from gateway.policy.golden import golden_of, load_goldens
from gateway.policy.model import Decision, DecisionRequest, FieldCondition, TableDecision
from gateway.policy.service import PolicyService

NOBODY = person()


async def take(asked: DecisionRequest) -> Decision:
    service = PolicyService.open(LAB, timeout_seconds=20)
    try:
        return await service.decide(asked)
    finally:
        await service.close()


async def one(asked: DecisionRequest) -> TableDecision:
    return (await take(asked)).tables[asked.tables[0].name]


def rules(found: TableDecision) -> set[str]:
    return {reason.rule for reason in found.reasons}


async def test_goldens_on_the_embedded_engine() -> None:
    service = PolicyService.open(LAB, timeout_seconds=20)
    raws = json.loads((DATA / "goldens.json").read_text(encoding="utf-8"))
    for raw in raws:
        golden = golden_of(raw, raw["title"])
        assert golden.difference(await service.decide(golden.request)) is None, golden.title
    assert len(raws) >= 60
    await service.close()


async def test_goldens_of_the_demo() -> None:
    folder = DATA.parents[3] / "policies"
    service = PolicyService.open(folder, timeout_seconds=20)
    goldens = load_goldens(folder)
    for golden in goldens:
        difference = golden.difference(await service.decide(golden.request))
        assert difference is None, f"{golden.file}: {difference}"
    assert len(goldens) >= 20
    await service.close()


async def test_dense_in_schema_order() -> None:
    found = await one(request(table(columns={"v": ("m-null",)})))
    assert [column.name for column in found.columns] == [c.name for c in table().columns]


async def test_expired_future_and_foreign_grants_open_nothing() -> None:
    for other in (
        grant(valid_until=NOW),
        grant(valid_from=NOW + timedelta(seconds=1)),
        grant(grantee="user:other"),
        grant(grantee="group:others"),
        grant(purpose="care"),
        grant(product="another"),
        grant(kind="masking_exception", waives=("x",), scope={NAME: TableScope(columns=("v",))}),
        grant(scope={TableName("lake", "lab", "else"): TableScope()}),
    ):
        found = await one(request(table(), who=NOBODY, purpose="fraud", grants=(other,)))
        assert found.effect == "deny", other


async def test_a_grant_for_another_purpose_makes_the_table_discoverable() -> None:
    found = await one(request(table(), who=NOBODY, grants=(grant(),)))
    assert (found.effect, found.discoverable) == ("deny", True)
    assert [r.message for r in found.reasons] == ["granted, but not for purpose unspecified"]


async def test_personal_before_group_then_newest_and_by_choice() -> None:
    who = person("auditors")
    old = grant("ag-old", approved_at=NOW - timedelta(days=9))
    new = grant("ag-new", approved_at=NOW - timedelta(days=1))
    group = grant("ag-group", grantee="group:auditors", approved_at=NOW)
    asked = request(table(), who=who, purpose="fraud", grants=(old, group, new))
    assert (await one(asked)).grant == "ag-new"
    chosen = dataclasses.replace(asked, grant_choice=("nothing", "ag-group"))
    assert (await one(chosen)).grant == "ag-group"


async def test_grants_are_never_added_together() -> None:
    left = grant("ag-1", scope={NAME: TableScope(columns=("v",))})
    right = grant("ag-2", scope={NAME: TableScope(columns=("i",))})
    found = await one(request(table(), who=NOBODY, purpose="fraud", grants=(left, right)))
    assert len(found.readable) == 1


async def test_scope_narrows_rows_columns_and_masks() -> None:
    scope = TableScope(
        columns=("v", "i"),
        rows={"type": "field", "operator": "gt", "field": "i", "value": 5},
        masks={"v": {"kind": "replace-with-null", "params": {}}},
    )
    asked = request(
        table(columns={"v": ("m-token",)}),
        who=NOBODY,
        purpose="fraud",
        grants=(grant(scope={NAME: scope}),),
    )
    found = await one(asked)
    assert found.row_filter == FieldCondition("gt", "i", 5)
    assert [c.name for c in found.readable] == ["v", "i"]
    value = found.column("v")
    assert value is not None
    assert value.mask is not None
    assert value.mask.kind == "replace-with-null"
    assert value.rules == ("domains.lab/m-token", "grants/ag-1")


@pytest.mark.parametrize(
    "scope",
    [
        TableScope(columns=("nope",)),
        TableScope(rows={"type": "field", "operator": "eq", "field": "i", "value": "5"}),
        TableScope(masks={"v": {"kind": "blur"}}),
        TableScope(masks={"nope": {"kind": "token"}}),
    ],
)
async def test_a_scope_that_does_not_fit_closes_the_table(scope: TableScope) -> None:
    given = (grant(scope={NAME: scope}),)
    found = await one(request(table(), who=NOBODY, purpose="fraud", grants=given))
    assert (found.effect, found.unavailable) == ("deny", True)
    assert rules(found) == {"platform/invalid_output"}


async def test_masking_exception_lifts_its_rule_on_its_columns_only() -> None:
    columns = {"v": ("m-waivable",), "v80": ("m-waivable",), "i": ("m-null",)}
    lift = grant(
        "ag-x",
        kind="masking_exception",
        waives=("domains.lab/m-waivable", "domains.lab/m-null"),
        scope={NAME: TableScope(columns=("v", "i"))},
    )
    found = await one(request(table(columns=columns), purpose="fraud", grants=(lift,)))
    effects = {c.name: c.effect for c in found.columns if c.name in columns}
    assert effects == {"v": "allow", "v80": "mask", "i": "mask"}
    without = await one(request(table(columns=columns), grants=(lift,)))
    assert {c.effect for c in without.columns if c.name in columns} == {"mask"}


async def test_failures_are_told_to_holders_only() -> None:
    broken = table(("boom",))
    holder = await one(request(broken))
    assert (holder.unavailable, holder.discoverable) == (True, False)
    other_purpose = grant(purpose="care")
    dated = await one(request(broken, who=person("lab"), grants=(other_purpose,)))
    assert dated.unavailable
    stranger = await one(request(broken, who=NOBODY, visibility="described"))
    assert not stranger.unavailable


async def test_a_failing_package_fails_all_its_tables_and_others_stay() -> None:
    whole = table(name=TableName("lake", "lab", "a"))
    broken = table(("boom",), name=TableName("lake", "lab", "b"))
    decision = await take(request(whole, broken))
    assert decision.effect == "deny"
    assert {t.effect for t in decision.tables.values()} == {"deny"}


async def test_expiry_is_the_next_hour_or_the_end_of_a_used_grant() -> None:
    assert (await take(request(table()))).expires_at == NOW.replace(hour=11, minute=0)
    soon = grant(valid_until=NOW + timedelta(minutes=5))
    decision = await take(request(table(), purpose="fraud", grants=(soon,)))
    assert decision.expires_at == NOW + timedelta(minutes=5)


async def test_fingerprint_is_of_effects_not_of_ids_or_messages() -> None:
    first, second = await take(request(table())), await take(request(table()))
    assert first.decision_id != second.decision_id
    assert first.fingerprint == second.fingerprint
    masked = await take(request(table(columns={"v": ("m-null",)})))
    assert masked.fingerprint != first.fingerprint
    json.dumps(to_document(masked))


async def test_missing_guardrails_close_everything(tmp_path) -> None:
    service = PolicyService.open(tmp_path)
    decision = await service.decide(request(table(), grants=(grant(),), purpose="fraud"))
    assert rules(decision.tables[NAME]) == {"platform/no_package"}
    assert decision.effect == "deny"


def test_ids_sort_by_time() -> None:
    early = new_decision_id(NOW, lambda n: b"\xff" * n)
    late = new_decision_id(NOW + timedelta(milliseconds=1), lambda n: b"\0" * n)
    assert len(early) == 26
    assert early < late


class Recorder:
    """An engine that answers from a table and counts."""

    name = "fake/1"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[int] = []

    def revision(self, package: str) -> str | None:
        return None if package else ""

    async def ask(self, question: Question) -> Answers:
        self.calls.append(len(question.items))
        return {(i.position, p): self.answer for i in question.items for p in i.packages}

    async def close(self) -> None:
        """Nothing to release."""


def _policies() -> Policies:
    return PolicyService.open(LAB)._policies


async def test_one_round_trip_for_all_tables_and_chunks_for_listings() -> None:
    engine = Recorder(Answer(failure="policy_timeout"))
    tables = tuple(table(name=TableName("lake", "lab", f"t{n}")) for n in range(250))
    await decide(request(*tables[:20]), _policies(), engine)
    assert engine.calls == [20]
    await decide(request(*tables), _policies(), engine)
    assert engine.calls == [20, 200, 50]


async def test_nobody_without_any_grant_is_asked_about() -> None:
    engine = Recorder(Answer(failure="policy_error"))
    decision = await decide(request(table(), who=NOBODY), _policies(), engine)
    assert engine.calls == []
    assert rules(decision.tables[NAME]) == {"platform/no_grant"}


GOOD = {
    "grants": ["standing:lab"],
    "rights": [],
    "deny": [],
    "row_filters": [],
    "masks": {},
    "deny_columns": {},
    "obligations": [],
}
REASON = {"message": "m"}
ABOVE = {key: value for key, value in GOOD.items() if key not in {"grants", "rights"}}


class Sound(Recorder):
    """The guardrails and the query's package answer well; the domain as given."""

    async def ask(self, question: Question) -> Answers:
        answers = await super().ask(question)
        sound = {
            at: Answer(value=ABOVE) if at[1] == "global.guardrails" else value
            for at, value in answers.items()
        }
        return {**sound, (-1, "global.query"): Answer(value={"deny": [], "obligations": []})}


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"grants": "standing:lab"},
        {"grants": [1]},
        {"rights": ["everything"]},
        {"deny": [{"id": "a"}]},
        {"deny": [{"id": "a", "reason": REASON}, {"id": "a", "reason": {"message": "n"}}]},
        {"deny": [{"id": "", "reason": REASON}]},
        {"deny": [{"id": "a/b", "reason": REASON}]},
        {"deny": [{"id": "a", "reason": {"message": "x" * 201}}]},
        {"deny": [{"id": "a", "reason": {"message": "m", "disclose": "yes"}}]},
        {"deny": [{"id": "a", "reason": REASON, "more": 1}]},
        {"row_filters": [{"id": "a", "reason": REASON}]},
        {"row_filters": {}},
        {"masks": {"nope": []}},
        {"masks": {"v": [{"id": "a", "kind": "token", "reason": REASON}]}},
        {
            "masks": {
                "v": [
                    {
                        "id": "a",
                        "kind": "token",
                        "params": {},
                        "reason": REASON,
                        "waivable_by": "anyone",
                    }
                ]
            }
        },
        {"masks": []},
        {"deny_columns": {"nope": []}},
        {"deny_columns": {"v": [{"id": "a", "reason": REASON, "kind": "x"}]}},
        {
            "obligations": [
                {"id": "a", "kind": "audit", "params": {"level": "no"}, "reason": REASON}
            ]
        },
        {"obligations": [{"id": "a", "kind": "audit", "params": [], "reason": REASON}]},
    ],
)
async def test_output_outside_the_shape_closes_the_table(change: dict) -> None:
    plain = (await decide(request(table()), _policies(), Sound(Answer(value=GOOD)))).tables[NAME]
    assert plain.effect == "allow"
    engine = Sound(Answer(value=GOOD | change))
    found = (await decide(request(table()), _policies(), engine)).tables[NAME]
    assert found.effect == "deny"
    assert rules(found) == {"platform/invalid_output"}


async def test_a_missing_key_closes_the_table() -> None:
    for key in GOOD:
        broken = {k: v for k, v in GOOD.items() if k != key}
        engine = Sound(Answer(value=broken))
        found = (await decide(request(table()), _policies(), engine)).tables[NAME]
        assert rules(found) == {"platform/invalid_output"}


async def test_standing_needs_metadata_and_group() -> None:
    """A package that grants what METADATA does not allow opens nothing."""
    forged = Sound(Answer(value=GOOD | {"grants": ["standing:forged", "ag-99"]}))
    found = (await decide(request(table()), _policies(), forged)).tables[NAME]
    assert found.effect == "deny"
    assert rules(found) == {"platform/no_grant"}
