"""The recorded answers are a real Trino's; ``make golden-trino`` records them anew."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.differential.golden import questions, record, recorded
from tests.differential.sides import Views, same
from tests.differential.wire import AT_ONCE

pytestmark = [pytest.mark.xdist_group("differential"), pytest.mark.timeout(1200)]

REWRITE = os.environ.get("MESHGATE_REWRITE") == "1"


def test_recorded_answers_are_trinos(views: Views) -> None:
    asked = [one for _, one in questions()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(views.answer, asked))
    if REWRITE:
        record(zip(asked, answers, strict=True))
    known = recorded()
    assert len(known) == len(asked)
    wrong = [
        (one, answer, known[one.person, one.sql])
        for one, answer in zip(asked, answers, strict=True)
        if not same(answer, known[one.person, one.sql].answer, ordered=one.ordered, sql=one.sql)
    ]
    assert wrong == []
