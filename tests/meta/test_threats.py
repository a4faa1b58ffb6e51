"""Every threat of ``gateway/README.md`` names modules and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "gateway" / "README.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in re.findall(r"^\|.*\|$", README, re.MULTILINE)
    if "::" in line
]
SHOWN = re.findall(r"`(tests/[^`\n]+?)::([^`\n]+)`", README)


@cache
def shown_by(file: str) -> frozenset[str]:
    """Names of the tests of a module, or of the cases of a golden file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".txt"):
        return frozenset(re.findall(r"^# (.+)$", text, re.MULTILINE))
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


@pytest.mark.parametrize(("file", "name"), sorted(set(SHOWN)))
def test_each_test_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file(), file
    assert name.partition("[")[0] in shown_by(file)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_threat_is_held_by_something_and_shown_by_something(row: tuple[str, ...]) -> None:
    assert len(row) == 3
    threat, held, shown = row
    assert threat
    modules = re.findall(r"`([a-z_.]+)`", held)
    assert modules
    for module in modules:
        place = ROOT / "gateway" / Path(*module.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), module
    assert re.findall(r"`tests/[^`]+::[^`]+`", shown)


def test_the_table_is_as_wide_as_it_says() -> None:
    assert len(ROWS) >= 35
    assert len({row[0] for row in ROWS}) == len(ROWS)


def test_each_decision_says_what_it_costs_and_what_holds_it() -> None:
    sections = README.partition("\n## Decisions\n")[2].partition("\n## ")[0].split("\n### ")[1:]
    assert len(sections) >= 8
    for section in sections:
        for word in ("Decision:", "Consequence:", "Alternative:", "Enforced by:"):
            assert word in section, section.splitlines()[0]
        assert "::" in section, section.splitlines()[0]
