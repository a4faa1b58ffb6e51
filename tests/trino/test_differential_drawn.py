"""Random statements: rewritten for Trino, over views worked out by hand, and natively.

``HYPOTHESIS=proof`` draws 5,000 and more, most of them through the gateway; else some 400.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.differential.sides import (
    PEOPLE,
    Asked,
    Compared,
    Native,
    Relayed,
    Rewritten,
    Side,
    Views,
    compare,
)
from tests.oracle.drawn_queries import queries

pytestmark = [pytest.mark.xdist_group("differential"), pytest.mark.timeout(7200)]

AT_ONCE = 16
_UNSHRUNK = tuple(set(Phase) - {Phase.shrink, Phase.explain})  # a try takes a second
PROOF = os.environ.get("HYPOTHESIS") == "proof"
VIEWED, ALONE, GOVERNED = (80, 80, 160) if PROOF else (10, 5, 10)


def _draw(ours: Rewritten | Relayed, other: Side, views: Views, examples: int) -> None:
    seen: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()

    @settings(max_examples=examples, phases=_UNSHRUNK)
    @given(st.lists(queries(PEOPLE), min_size=AT_ONCE, max_size=AT_ONCE))
    def check(cases):
        asked = [Asked(person, query.sql, query.ordered) for person, query in cases]
        found = compare(ours, other, asked)
        seen.update(one.verdict for one in found)
        outcomes.update(one.ours.outcome for one in found)
        wrong = [str(one) for one in found if not _accepted(one, other, views)]
        assert wrong == []

    check()
    print(f"\n{seen.total()} drawn: {dict(seen)}, {dict(outcomes)}")  # noqa: T201 - with -s
    assert seen.total() >= examples * AT_ONCE * 0.9
    assert outcomes["rows"] > 0.8 * seen.total()
    assert seen["stricter"] <= 0.02 * seen.total(), seen


def _accepted(one: Compared, other: Side, views: Views) -> bool:
    """Equal; or we refuse an unqualified name that could be a hidden column's.

    Natively a denial has another name, a hash salted with the query cannot be, and a hidden
    column makes a visible one of its name ambiguous: then the answer is that of the views.
    """
    native = other is not views
    match one.verdict:
        case "equal":
            return True
        case "stricter":
            return one.ours.error == "COLUMN_NOT_FOUND"
        case "refused" | "narrower":
            return native
        case "looser" if native and one.wanted.error == "AMBIGUOUS_NAME":
            return Compared(one.asked, one.ours, views.answer(one.asked)).verdict == "equal"
        case "looser":
            return native and one.asked.unhashed
    return False


def test_drawn_statements_equal_the_views(rewritten: Rewritten, views: Views) -> None:
    _draw(rewritten, views, views, VIEWED)


def test_drawn_statements_equal_native(rewritten: Rewritten, native: Native, views: Views) -> None:
    _draw(rewritten, native, views, ALONE)


def test_relayed_drawn_statements_equal_native(
    relayed: Relayed, native: Native, views: Views
) -> None:
    _draw(relayed, native, views, GOVERNED)
