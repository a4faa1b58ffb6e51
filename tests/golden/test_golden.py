"""Governed text, refusals and hand-broken text, compared word by word."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter

import pytest

from tests.golden.cases import Case, files, read, rewrite
from tests.golden.outcomes import outcome

CASES = [case for path in files() for case in read(path)]
KINDS = Counter(case.command for case in CASES)
REWRITE = os.environ.get("MESHGATE_REWRITE") == "1"


def _rule(refusal: str) -> str:
    """A refusal without its place and the names it quotes."""
    return re.sub(r"'[^']*'|\d+:\d+", "_", refusal.partition("\nreceipt:")[0])


def _fits(case: Case, found: str) -> bool:
    """Whether the outcome is of the command's kind, whatever its words."""
    refused = found.partition("\n")[0].endswith(("_ERROR", "RESOURCES"))
    if case.command == "verify":
        return found.startswith("GENERIC_INTERNAL_ERROR: ")
    if case.command == "answer":
        return found == "answered"
    return refused is (case.command == "refuse") and found != "answered"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_golden(case: Case):
    found = await outcome(case)
    assert _fits(case, found), f"a {case.command} became:\n{found}"
    if not REWRITE:
        assert found == case.expected


if REWRITE:

    def test_rewrite():
        for path in files():
            results = {case.line: asyncio.run(outcome(case)) for case in read(path)}
            for case in read(path):
                found = results[case.line]
                assert _fits(case, found), f"{case.name}: a {case.command} became:\n{found}"
            rewrite(path, results)


def test_there_are_enough_distinct_cases():
    texts = Counter((case.command, *sorted(case.options.items()), case.text) for case in CASES)
    assert [text for text, count in texts.items() if count > 1] == []
    assert KINDS["govern"] >= 150
    assert KINDS["refuse"] >= 120
    assert KINDS["verify"] >= 40
    rules = {_rule(case.expected) for case in CASES if case.command == "refuse"}
    assert len(rules) >= 120
    engines = Counter(case.options.get("engine") for case in CASES if case.command == "govern")
    assert min(engines["trino"], engines["duckdb"]) >= 50
