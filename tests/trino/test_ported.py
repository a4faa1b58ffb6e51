"""Trino's own tests of row filters, masks and inaccessible columns, as questions of our own.

``tests/differential/ported.txt`` is the table of names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.differential.sides import PEOPLE, Asked, Native, Rewritten, Views, same
from tests.differential.wire import Answer, settled

pytestmark = pytest.mark.xdist_group("differential")

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "differential" / "ported.txt"
_UNREAD = re.compile(r"(?i)(delete|merge|update|insert|show stats)\b|.*\bgov\.")


@dataclass(frozen=True)
class Line:
    """One line of the table; ``person`` may be ``shown by`` or ``not ported``."""

    name: str
    person: str
    text: str
    wanted: str = ""


def _lines() -> list[Line]:
    texts = TABLE.read_text("utf-8").splitlines()
    return [Line(*text.split(" | ")) for text in texts if text and not text.startswith("#")]


QUESTIONS = [line for line in _lines() if line.person in PEOPLE]


def _as_wanted(line: Line, found: Answer) -> bool:
    if not line.wanted.startswith("["):
        return found.error == line.wanted
    rows = [tuple(row) for row in json.loads(line.wanted)]
    return not found.error and settled(found.rows, ordered=False) == settled(rows, ordered=False)


@pytest.mark.parametrize("line", QUESTIONS, ids=lambda line: line.name)
def test_rewritten(rewritten: Rewritten, views: Views, line: Line) -> None:
    asked = Asked(line.person, line.text)
    found = rewritten.run(rewritten.text(asked))
    assert _as_wanted(line, found), found
    if not _UNREAD.match(line.text):  # the views' server would do it
        assert same(found, views.answer(asked), ordered=False)


@pytest.mark.parametrize("line", QUESTIONS, ids=lambda line: line.name)
def test_natively(native: Native, line: Line) -> None:
    found = native.answer(Asked(line.person, line.text))
    if line.wanted.startswith("["):
        assert _as_wanted(line, found), found
    else:
        assert found.error


def test_the_table_is_whole() -> None:
    lines = _lines()
    names = {line.name for line in lines}
    apart = {line.name for line in lines if line.person == "not ported"}
    assert len(names - apart) >= 60
    assert all(len(line.text) > 20 for line in lines if line.person == "not ported")
    for line in lines:
        assert line.person in {*PEOPLE, "shown by", "not ported"}, line
        if line.person == "shown by":
            path, _, test = line.text.partition("::")
            assert f"def {test}(" in (ROOT / path).read_text("utf-8"), line
