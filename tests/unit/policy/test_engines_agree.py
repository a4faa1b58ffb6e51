"""The embedded engine and a real OPA take the same decisions."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter

import pytest
from policy_lab import CONFIG, DATA, LAB, SHARED, random_request

from gateway.policy.conditions import OPERATORS
from gateway.policy.document import to_document
from gateway.policy.golden import golden_of, load_goldens
from gateway.policy.masks import LEVELS
from gateway.policy.service import PolicyService

pytestmark = pytest.mark.opa

REQUESTS = int(os.environ.get("POLICY_REQUESTS", "1000"))
FACTS = ("fingerprint", "input_sha256")


async def test_random_requests_get_equal_decisions(lab_opa: str) -> None:
    chance = random.Random(20261120)
    rego = PolicyService.open(LAB, timeout_seconds=20)
    opa = PolicyService.open(LAB, engine="opa", opa_url=lab_opa, timeout_seconds=20)
    seen: Counter[str] = Counter()
    for number in range(REQUESTS):
        asked = random_request(chance)
        one, two = await rego.decide(asked), await opa.decide(asked)
        left, right = to_document(one, identified=False), to_document(two, identified=False)
        assert _comparable(left) == _comparable(right), f"request {number}"
        assert [getattr(one, f) for f in FACTS] == [getattr(two, f) for f in FACTS]
        seen["requests"] += 1
        seen["allowed"] += one.effect == "allow"
        for found in one.tables.values():
            if found.effect == "allow":
                seen.update(_exercised(asked, found.table))
    await rego.close()
    await opa.close()
    lines = [f"{name:28} {count}" for name, count in sorted(seen.items())]
    sys.stdout.write("\n".join(lines) + "\n")
    assert seen["allowed"] >= 0.3 * REQUESTS
    wanted = [f"mask {kind}" for kind in LEVELS] + [f"operator {name}" for name in OPERATORS]
    assert {name for name in wanted if seen[name] < REQUESTS // 50} == set()


def _comparable(document: dict) -> dict:
    """Failures keep their code; what an engine says of its own failure is its own."""
    for found in document["tables"]:
        for reason in found["reasons"]:
            if reason["rule"] == "platform/policy_error":
                reason["message"] = ""
    return document


def _exercised(asked, name) -> set[str]:
    table = asked.snapshot.tables[name]
    column_tags = {tag for column in table.columns for tag in column.tags}
    masks = CONFIG["masks"] | SHARED["masks"]
    filters = CONFIG["filters"] | SHARED["filters"]
    found = {f"mask {masks[tag]['kind']}" for tag in column_tags if tag in masks}
    for tag in table.tags:
        if tag in filters:
            found |= {f"operator {op}" for op in _operators(filters[tag]["condition"])}
    return found


def _operators(condition: dict) -> set[str]:
    if condition["type"] == "field":
        return {condition["operator"]}
    return {op for part in condition["value"] for op in _operators(part)}


@pytest.mark.parametrize("engine", ["rego", "opa"])
async def test_golden_decisions_of_the_laboratory(lab_opa: str, engine: str) -> None:
    goldens = [
        golden_of(raw, raw["title"])
        for raw in json.loads((DATA / "goldens.json").read_text(encoding="utf-8"))
    ]
    url = lab_opa if engine == "opa" else None
    service = PolicyService.open(LAB, engine=engine, opa_url=url, timeout_seconds=20)
    for golden in goldens:
        decision = await service.decide(golden.request)
        document = _comparable(to_document(decision, identified=False))
        assert document == _comparable(dict(golden.expected)), golden.title
    await service.close()


async def test_golden_decisions_of_the_demo(opa_tool) -> None:
    folder = DATA.parents[3] / "policies"
    with opa_tool.serve(folder) as url:
        service = PolicyService.open(folder, engine="opa", opa_url=url, timeout_seconds=20)
        for golden in load_goldens(folder):
            difference = golden.difference(await service.decide(golden.request))
            assert difference is None, f"{golden.file}: {difference}"
        await service.close()


def test_policies_pass_opas_own_checks(opa_tool) -> None:
    folder = DATA.parents[3] / "policies"
    assert opa_tool.check(folder) == []
    assert opa_tool.test(folder) == 0
