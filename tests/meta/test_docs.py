"""What the READMEs list is what the code has: errors, metrics, masks, operators, lint rules."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import telemetry
from gateway.errors import ERRORS
from gateway.policy import lint, masks, obligations, output
from gateway.policy.conditions import OPERATORS
from gateway.query.obligations import HONOURED

ROOT = Path(__file__).parents[2]
GATEWAY = (ROOT / "gateway" / "README.md").read_text(encoding="utf-8")
POLICIES = (ROOT / "policies" / "README.md").read_text(encoding="utf-8")
TESTS = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """The text below a heading, up to the next one of its rank."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def cells(text: str, column: int) -> list[set[str]]:
    """Names in back-quotes of one column, row by row of the section's tables."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    found = [set(re.findall(r"`([^`]+)`", row[column])) for row in rows if len(row) > column]
    return [names for names in found if names]


def constants() -> Iterator[str]:
    for path in (ROOT / "gateway").rglob("*.py"):
        if path.name != "errors.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from (
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )


def test_every_error_a_client_can_meet_is_explained() -> None:
    used = {name for name in constants() if name in ERRORS} | {"TABLE_NOT_FOUND"}
    listed = dict(re.findall(r"`([A-Z_]+)` \((\d+)\)", section(GATEWAY, "Errors")))
    assert used - listed.keys() == set()
    assert listed.keys() - ERRORS.keys() == set()
    assert listed == {name: str(ERRORS[name].code) for name in listed}


def test_every_metric_and_its_labels_are_explained() -> None:
    metrics = {
        value
        for name, value in vars(telemetry).items()
        if name.isupper() and isinstance(value, str) and value.startswith("meshgate_")
    }
    text = section(GATEWAY, "Metrics")
    assert set.union(*cells(text, 0)) == metrics
    labels = {*telemetry.OUTCOMES, *telemetry.STAGES, *telemetry.REQUEST_KINDS}
    assert labels | {*telemetry.LOGIN_REASONS} <= set(re.findall(r"`([a-z_]+)`", text))


def test_every_mask_is_explained_with_its_level_and_parameters() -> None:
    table = section(POLICIES, "Masks")
    levels, params = {}, {}
    for line in re.findall(r"^\|(\d)\|(.*?)\|(.*?)\|", table, re.MULTILINE):
        for kind in re.findall(r"`([^`]+)`", line[1]):
            levels[kind] = int(line[0])
            params[kind] = set(re.findall(r"`([^`]+)`", line[2].partition("(")[0]))
            params[kind] |= set(re.findall(r"`(side)`", line[2]))
    assert levels == dict(masks.LEVELS)
    assert params == {kind: set(masks._NAMES.get(kind, ())) for kind in masks.LEVELS}


def test_every_operator_of_a_row_filter_is_explained() -> None:
    assert set.union(*cells(section(POLICIES, "Row filters"), 0)) == OPERATORS


def test_obligations_are_told_as_they_are_honoured() -> None:
    rows = re.findall(r"^\|`(\w+)`\|.*\|([^|]+)\|$", section(POLICIES, "Obligations"), re.MULTILINE)
    assert {kind for kind, _ in rows} == obligations.KINDS
    assert {kind for kind, today in rows if "refused" not in today} == HONOURED


def test_every_key_of_an_answer_is_explained() -> None:
    assert set.union(*cells(section(POLICIES, "What a package answers"), 0)) == output._DOMAIN


def test_every_field_a_rule_sees_is_explained() -> None:
    schema = json.loads((ROOT / "policies" / "input.schema.json").read_text(encoding="utf-8"))
    named = set(re.findall(r"`([a-z_.]+)`", section(POLICIES, "What a rule sees")))

    def fields(part: dict) -> Iterator[str]:
        for name, inner in part.get("properties", {}).items():
            yield name
            yield from () if name == "attributes" else fields(inner.get("items", inner))

    assert set(fields(schema)) <= {step for name in named for step in name.split(".")}


def test_every_lint_rule_and_portable_function_is_explained() -> None:
    text = section(POLICIES, "The portable profile")
    reported = set(re.findall(r'"(R\d\d)"', Path(lint.__file__).read_text(encoding="utf-8")))
    assert set(re.findall(r"^\|(R\d\d)\|", text, re.MULTILINE)) == reported
    (calls,) = re.findall(r"^\|R05\|(.*)\|$", text, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", calls)) == lint.CALLS


@pytest.mark.parametrize(
    "folder",
    sorted(
        p.name
        for p in (ROOT / "tests").iterdir()
        if p.is_dir() and not p.name.startswith((".", "_"))
    ),
)
def test_every_suite_is_explained(folder: str) -> None:
    assert re.search(rf"^\|`{folder}/`\|", TESTS, re.MULTILINE)


def test_every_variable_of_the_tests_is_explained() -> None:
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'environ\.get\(\s*"(\w+)"', text))
    assert found - {"PATH"} <= set(re.findall(r"`(\w+)(?:=[^`]*)?`", TESTS))
