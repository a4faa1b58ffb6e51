"""Every recorded answer of a real Trino 476: right or refused, never wrong."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from tests.oracle.answers import judge, lines, make_k
from tests.oracle.embedded import Embedded

FLOOR = 2_492
"""Answers given right; it may only rise.

Four of ``to_date`` and ``to_timestamp``, which the recording cluster did not have, were
FUNCTION_NOT_FOUND like Trino's; they are refused now with what to write instead.
"""


@pytest.mark.timeout(600)
def test_no_answer_differs_from_trinos():
    setup, *answers = lines("trino_answers.jsonl")
    engine = Embedded({"k": make_k(setup["setup"])})
    verdicts = [judge(engine, answer) for answer in answers]
    counts = Counter(verdict.outcome for verdict in verdicts)
    wrong = [verdict for verdict in verdicts if verdict.outcome == "wrong"]
    sys.stdout.write(f"right {counts['right']}, refused {counts['refused']}, wrong {len(wrong)}\n")
    assert len(verdicts) == 3_026
    assert not wrong, "\n".join(f"{v.sql}\n   {v.note}" for v in wrong)
    assert counts["right"] >= FLOOR
