"""Checking a folder, and classing what a change does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from policy_lab import DATA, NAME

from gateway.policy.check import check_folder
from gateway.policy.compare import compare, rows, together
from gateway.policy.masks import mask
from gateway.policy.model import (
    ColumnDecision,
    CompoundCondition,
    FieldCondition,
    Mask,
    Obligation,
    TableDecision,
)

POLICIES = DATA.parents[3] / "policies"


def test_the_demos_policies_have_no_finding() -> None:
    assert check_folder(POLICIES) == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("domains/claims/policy.rego", "#   owner: claims-stewards\n", "", "metadata"),
        ("domains/claims/policy.rego", "# title: The domain's own team\n", "", None),
        ("domains/claims/policy.rego", "# title: Identifiers become tokens\n", "", "metadata"),
        ("domains/claims/policy.rego", "{team: [claims-team]", "{team: []", "metadata"),
        ("domains/claims/policy.rego", "import rego.v1", "import data.other", "R02"),
        ("domains/claims/policy_test.rego", "denied", "fine", "tests"),
        ("domains/claims/policy_test.rego", "package domains.claims_test", "package t", "R01"),
        ("domains/claims/config.json", "100", "100.5", "config"),
        ("global/purposes.yaml", "care:", "unspecified:", "reserved"),
    ],
)
def test_findings(tmp_path: Path, file: str, old: str, new: str, code: str | None) -> None:
    shutil.copytree(POLICIES, tmp_path / "p")
    path = tmp_path / "p" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = {problem.code for problem in check_folder(tmp_path / "p") if problem.file == file}
    assert found == ({code} if code else set())


def test_missing_guardrails_and_tests(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "p")
    (tmp_path / "p/global/guardrails.rego").unlink()
    (tmp_path / "p/domains/tpch/policy_test.rego").unlink()
    found = {(p.file, p.code) for p in check_folder(tmp_path / "p")}
    assert found == {
        ("global/guardrails.rego", "missing"),
        ("domains/tpch/policy_test.rego", "tests"),
    }


def column(effect: str = "allow", value: Mask | None = None, name: str = "a") -> ColumnDecision:
    return ColumnDecision(name, effect, value)


def table(*columns: ColumnDecision, **more: object) -> TableDecision:
    return TableDecision(NAME, more.pop("effect", "allow"), columns, **more)  # type: ignore[arg-type]


CLEAR, DENIED = column(), column("deny")
TEN = column("mask", mask("bucket", {"width": 10}))
HUNDRED = column("mask", mask("bucket", {"width": 100}))
FIRST = column("mask", mask("show-first-4", {}))
LAST = column("mask", mask("show-last-4", {}))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (CLEAR, CLEAR, "unchanged"),
        (CLEAR, TEN, "narrowed"),
        (TEN, CLEAR, "widened"),
        (TEN, HUNDRED, "narrowed"),
        (HUNDRED, TEN, "widened"),
        (FIRST, LAST, "changed"),
        (TEN, DENIED, "narrowed"),
        (DENIED, HUNDRED, "widened"),
    ],
)
def test_columns(old: ColumnDecision, new: ColumnDecision, wanted: str) -> None:
    assert compare(table(old), table(new))[0] == wanted


EU = FieldCondition("in", "r", ("EU",))
BOTH = FieldCondition("in", "r", ("EU", "US"))
PAID = FieldCondition("gt", "p", 5)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (None, None, "unchanged"),
        (None, EU, "narrowed"),
        (EU, None, "widened"),
        (BOTH, EU, "narrowed"),
        (EU, BOTH, "widened"),
        (EU, CompoundCondition("and", (EU, PAID)), "narrowed"),
        (CompoundCondition("and", (EU, PAID)), CompoundCondition("and", (PAID, EU)), "unchanged"),
        (EU, PAID, "changed"),
        (FieldCondition("eq", "r", "EU"), BOTH, "widened"),
        (FieldCondition("gt", "p", 5), FieldCondition("gt", "p", 6), "changed"),
        (CompoundCondition("or", (EU, PAID)), EU, "changed"),
    ],
)
def test_rows(old, new, wanted: str) -> None:
    assert rows(old, new) == wanted


def test_tables() -> None:
    denied = table(DENIED, effect="deny")
    assert compare(table(CLEAR), denied)[0] == "narrowed"
    assert compare(denied, table(CLEAR))[0] == "widened"
    assert compare(denied, denied) == ("unchanged", ())
    kind, changes = compare(table(TEN, row_filter=EU), table(HUNDRED))
    assert kind == "changed"
    assert {(c.place, c.kind) for c in changes} == {("a", "narrowed"), ("rows", "widened")}
    files = table(CLEAR, rights=frozenset({"metadata"}))
    assert compare(table(CLEAR), files)[0] == "widened"
    limited = table(CLEAR, obligations=(Obligation("max_rows", (("value", 5),)),))
    assert compare(table(CLEAR), limited)[0] == "narrowed"
    assert compare(limited, table(CLEAR))[0] == "widened"


def test_together() -> None:
    assert together([]) == "unchanged"
    assert together(["narrowed", "unchanged"]) == "narrowed"
    assert together(["narrowed", "widened"]) == "changed"
