"""Random queries: the gateway's answer equals the same query over views written by hand.

The oracle shares nothing with what enforces: its views are plain SQL over raw rows, and the
text that reads them is the translation for somebody who sees everything. An expression that
is not proven may be refused; anything else must be equal, errors included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.errors import MeshgateError
from tests.oracle.drawn_queries import Drawn, queries
from tests.oracle.drawn_sides import PEOPLE, Gateway, Oracle, Outcome, gateway

REFUSED = "NOT_SUPPORTED"


@pytest.fixture(scope="module")
def meshgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(Path(tmp_path_factory.mktemp("drawn"))) as made:
        yield made


@pytest.fixture(scope="module")
def oracles(meshgate: Gateway) -> dict[str, Oracle]:
    return {person: Oracle(person, meshgate.snapshot) for person in PEOPLE}


def test_drawn_queries_equal_the_views(meshgate: Gateway, oracles: dict[str, Oracle]) -> None:
    seen: Counter[str] = Counter()

    @given(queries(PEOPLE), st.integers(0, 9))
    def check(case: tuple[str, Drawn], turn: int) -> None:
        person, query = case
        note(f"{person}: {query.sql}")
        ours, wanted = meshgate.answer(query.sql, person), oracles[person].answer(query.sql)
        assert ours.error != "GENERIC_INTERNAL_ERROR"
        seen[_verdict(ours)] += 1
        if ours.error == REFUSED and not ours.planned:
            return
        _compare(ours, wanted, query)
        if ours.planned:
            _governed_for_trino(meshgate, query, person)
        if turn == 9:
            seen["by a worker"] += 1
            _compare(meshgate.worker(query.sql, person), ours, query)

    check()
    total = sum(count for verdict, count in seen.items() if verdict != "by a worker")
    print(f"\ndrawn queries: {total} {dict(seen.most_common())}")  # noqa: T201
    assert seen[REFUSED] * 4 < total
    assert seen["answered"] * 2 > total


def _verdict(outcome: Outcome) -> str:
    return outcome.error or "answered"


def _compare(ours: Outcome, wanted: Outcome, query: Drawn) -> None:
    assert ours.same(wanted, ordered=query.ordered), (ours, wanted)


def _governed_for_trino(meshgate: Gateway, query: Drawn, person: str) -> None:
    try:
        made = meshgate.trino(query.sql, person)
    except MeshgateError as error:
        raise AssertionError(f"{error.name}: {error.message} {error.audit}") from None
    assert made.engine == "trino"
