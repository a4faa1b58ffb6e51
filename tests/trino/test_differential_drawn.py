"""Random statements: rewritten for Trino, over views worked out by hand, and natively.

``HYPOTHESIS=proof`` draws 5,000 and more, else about 150.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
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
    make,
)
from tests.differential.wire import Server
from tests.oracle.drawn_queries import queries
from tests.realparts.addresses import Addresses

pytestmark = [pytest.mark.xdist_group("differential"), pytest.mark.timeout(7200)]

AT_ONCE = 8
EXAMPLES = 640 if os.environ.get("HYPOTHESIS") == "proof" else 19


@pytest.fixture(scope="module")
def server(lab: Addresses) -> Iterator[Server]:
    made = Server(lab.bare, "drawn")
    make(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def rewritten(server: Server) -> Iterator[Rewritten]:
    made = Rewritten(server)
    # The first statement raises the recursion limit, which Hypothesis would mind.
    assert not made.run(made.text(Asked(PEOPLE[0], "SELECT 1 FROM areas"))).error
    yield made
    made.close()


def _draw(ours: Rewritten | Relayed, other: Side, *, native: bool, examples: int) -> None:
    seen: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(st.lists(queries(PEOPLE), min_size=AT_ONCE, max_size=AT_ONCE))
    def check(cases):
        asked = [Asked(person, query.sql, query.ordered) for person, query in cases]
        found = compare(ours, other, asked)
        seen.update(one.verdict for one in found)
        outcomes.update(one.ours.outcome for one in found)
        wrong = [str(one) for one in found if not _accepted(one, native=native)]
        assert wrong == []

    check()
    print(f"\n{seen.total()} drawn: {dict(seen)}, {dict(outcomes)}")  # noqa: T201 - with -s
    assert seen.total() >= examples * AT_ONCE * 0.9
    assert outcomes["rows"] > 0.8 * seen.total()
    assert seen["stricter"] <= 0.02 * seen.total(), seen


def _accepted(one: Compared, *, native: bool) -> bool:
    """Equal; or we refuse an unqualified name that could be a hidden column's.

    Natively a denial has another name, and a hash salted with the query cannot be.
    """
    if one.verdict == "stricter":
        return one.ours.error == "COLUMN_NOT_FOUND"
    if one.verdict == "looser" and native:
        return one.asked.person == "large" and "people" in one.asked.sql.lower()
    return one.verdict == "equal" or (native and one.verdict == "refused")


def test_drawn_statements_equal_the_views(rewritten: Rewritten, server: Server) -> None:
    views = Views(server)
    try:
        _draw(rewritten, views, native=False, examples=EXAMPLES)
    finally:
        views.close()


def test_drawn_statements_equal_native(rewritten: Rewritten, locked: Addresses) -> None:
    if not set(PEOPLE) <= set(locked.passwords):
        pytest.fail("the lab serves no domain drawn")
    native = Native(locked.locked, locked.passwords)
    try:
        _draw(rewritten, native, native=True, examples=max(EXAMPLES // 4, 10))
    finally:
        native.close()


def test_relayed_drawn_statements_equal_native(locked: Addresses, governed: Addresses) -> None:
    native, relayed = Native(locked.locked, locked.passwords), Relayed(governed.gateway)
    assert relayed.answer(Asked(PEOPLE[0], "SELECT 1 FROM areas")).rows
    try:
        _draw(relayed, native, native=True, examples=max(EXAMPLES // 4, 10))
    finally:
        native.close()
        relayed.close()
