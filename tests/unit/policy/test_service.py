"""Loading and reloading: saved files take effect, broken ones do not."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
from policy_lab import LAB, NAME, grant, person, request, table

from gateway.policy.bundle import stage, stage_flat
from gateway.policy.service import PolicyService


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LAB, tmp_path / "policies")
    return tmp_path / "policies"


def save(path: Path, text: str) -> None:
    """Write, with a time stamp that certainly differs."""
    path.write_text(text, encoding="utf-8")
    later = time.time() + 5
    os.utime(path, (later, later))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    save(path, text.replace(old, new))


async def test_a_saved_rule_takes_effect_on_the_next_decision(folder: Path) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    asked = request(table(("secret",)), who=person("lab", level=2))
    assert (await service.decide(asked)).effect == "deny"
    before = service.revisions["domains.lab"]
    edit(folder / "domains/lab/policy.rego", "level < 3", "level < 2")
    assert (await service.decide(asked)).effect == "allow"
    assert service.revisions["domains.lab"] != before
    await service.close()


async def test_configuration_and_guardrails_reload_too(folder: Path) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    asked = request(table(columns={"d": ("m-bucket-10",)}))
    edit(folder / "domains/lab/config.json", '"width": 10', '"width": 20')
    found = (await service.decide(asked)).tables[NAME].column("d")
    assert found is not None
    assert found.mask is not None
    assert found.mask.param("width") == 20
    edit(folder / "global/guardrails.rego", '"closed" in input', '"m-none" in input')
    assert (await service.decide(request(table(("closed",))))).effect == "allow"
    await service.close()


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("package domains.lab\n\nimport rego.v1\n\ndecision := {", 5, "syntax"),
        ("package domains.lab\n\nimport rego.v1\n\nr := upper(1)", 5, "R05"),
        ("package domains.other\n\nr := 1", 1, "R01"),
    ],
)
async def test_a_broken_file_keeps_the_last_good_revision(
    folder: Path, text: str, line: int, code: str
) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    revision = service.revisions["domains.lab"]
    original = (folder / "domains/lab/policy.rego").read_text(encoding="utf-8")
    save(folder / "domains/lab/policy.rego", text)
    assert (await service.decide(request(table()))).effect == "allow"
    assert service.revisions["domains.lab"] == revision
    problem = service.problems[0]
    assert (problem.file, problem.line, problem.code) == ("domains/lab/policy.rego", line, code)
    save(folder / "domains/lab/policy.rego", original + "\n# mended\n")
    assert (await service.decide(request(table()))).effect == "allow"
    assert service.problems == ()
    await service.close()


async def test_what_only_the_interpreter_refuses_names_file_and_line(folder: Path) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    text = (folder / "domains/lab/policy.rego").read_text(encoding="utf-8")
    save(folder / "domains/lab/policy.rego", text + "\nlevel contains 1\n")
    assert (await service.decide(request(table()))).effect == "allow"
    assert [p.code for p in service.problems] == ["compile"]
    assert service.problems[0].file == "domains/lab/policy.rego"
    await service.close()


async def test_a_domain_broken_from_the_start_closes_alone(folder: Path) -> None:
    (folder / "domains/bad").mkdir()
    save(folder / "domains/bad/policy.rego", "package domains.bad\n\nr :=")
    service = PolicyService.open(folder, timeout_seconds=20)
    assert [p.file for p in service.problems] == ["domains/bad/policy.rego"]
    assert (await service.decide(request(table()))).effect == "allow"
    bad = table(domain="bad")
    found = (await service.decide(request(bad, grants=(grant(),), purpose="fraud"))).tables[NAME]
    assert (found.effect, found.unavailable) == ("deny", True)
    await service.close()


async def test_a_removed_domain_is_gone(folder: Path) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    shutil.rmtree(folder / "domains/lab")
    decision = await service.decide(request(table(), grants=(grant(),), purpose="fraud"))
    assert [r.rule for r in decision.tables[NAME].reasons] == ["platform/no_package"]
    await service.close()


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("domains/lab/config.json", '{"a": 1.5}', "domains/lab/config.json"),
        ("domains/lab/config.json", '{"a": null}', "domains/lab/config.json"),
        ("domains/lab/config.json", '{"a": 1, "a": 2}', "domains/lab/config.json"),
        ("domains/lab/config.json", "[]", "domains/lab/config.json"),
        ("domains/lab/config.json", '{"a": "' + "x" * 70_000 + '"}', "domains/lab/config.json"),
        ("domains/lab/config.json", "{\n oops", "domains/lab/config.json"),
        ("global/purposes.yaml", "fraud: {title: no}", "global/purposes.yaml"),
        ("input.schema.json", "{}", "input.schema.json"),
    ],
)
async def test_other_broken_files_are_told_and_not_used(
    folder: Path, file: str, text: str, where: str
) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    save(folder / file, text)
    assert (await service.decide(request(table()))).effect == "allow"
    assert any(where in str(p) for p in service.problems)
    assert "fraud" in service.purposes
    await service.close()


RUNAWAY = """
numbers := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

spin contains 1 if {
	"spin" in input.table.tags
	some a in numbers
	some b in numbers
	some c in numbers
	some d in numbers
	some e in numbers
	some f in numbers
	0 > (((((a + b) + c) + d) + e) + f)
}

row_filters contains "never" if 1 in spin
"""


async def test_a_runaway_rule_misses_the_deadline_and_stays_closed(folder: Path) -> None:
    path = folder / "domains/lab/policy.rego"
    save(path, path.read_text(encoding="utf-8") + RUNAWAY)
    service = PolicyService.open(folder, timeout_seconds=0.3)
    assert service.problems == ()
    started = time.monotonic()
    spun = (await service.decide(request(table(("spin",))))).tables[NAME]
    assert time.monotonic() - started < 2
    assert [r.rule for r in spun.reasons] == ["platform/policy_timeout"]
    assert spun.unavailable
    started = time.monotonic()
    closed = (await service.decide(request(table()))).tables[NAME]
    assert time.monotonic() - started < 0.2
    assert [r.rule for r in closed.reasons] == ["platform/policy_timeout"]
    for _ in range(600):  # the rule ends by itself, later on a busy machine
        await asyncio.sleep(0.1)
        if (await service.decide(request(table()))).effect == "allow":
            break
    assert (await service.decide(request(table()))).effect == "allow"
    await service.close()


async def test_concurrent_callers_get_their_own_answers_through_reloads(folder: Path) -> None:
    service = PolicyService.open(folder, timeout_seconds=20)
    wrong: list[str] = []

    async def caller(name: str) -> None:
        asked = request(table(("by-region",)), who=person("lab", regions=(name,)))
        for _ in range(25):
            found = (await service.decide(asked)).tables[NAME]
            if getattr(found.row_filter, "value", None) != (name,):
                wrong.append(name)

    async def editor() -> None:
        path = folder / "domains/lab/policy.rego"
        for number in range(5):
            save(path, path.read_text(encoding="utf-8") + f"\n# {number}\n")
            await asyncio.sleep(0.02)

    await asyncio.gather(editor(), *(caller(f"R{n}") for n in range(8)))
    assert wrong == []
    await service.close()


async def test_an_unknown_engine_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="address"):
        PolicyService.open(LAB, engine="opa")
    with pytest.raises(ValueError, match="http"):
        PolicyService.open(LAB, engine="opa", opa_url="ftp://x")


def test_bundles_hold_each_owners_part(folder: Path, tmp_path: Path) -> None:
    found = stage(folder, tmp_path / "bundles")
    assert [path.name for path in found] == ["platform", "global", "lab"]
    lab = tmp_path / "bundles/lab"
    assert sorted(p.relative_to(lab).as_posix() for p in lab.rglob("*") if p.is_file()) == [
        ".manifest",
        "config/lab/data.json",
        "domains/lab/policy.rego",
    ]
    stage_flat(folder, tmp_path / "flat")
    assert (tmp_path / "flat/config/global/data.json").is_file()
