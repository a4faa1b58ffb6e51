"""Hidden rows cannot be felt on a real Trino: a sample of every position under every filter.

``make barrier`` asks all of it and proves a Trino version. The controls take the barrier away:
the known leaks must show, or this suite is blind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.differential.barrier import (
    EXPRESSIONS,
    FILTERS,
    GUARDED,
    ORACLES,
    POSITIONS,
    SUBQUERY,
    TEXTS,
    Barrier,
    make,
    sampled,
    text,
)
from tests.differential.wire import Server
from tests.realparts.addresses import Addresses

pytestmark = pytest.mark.xdist_group("barrier")

TURN = int(os.environ.get("BARRIER_TURN", "0"))
"""Which expressions the sample takes; every number takes others."""


@pytest.fixture(scope="module")
def barrier(lab: Addresses) -> Iterator[Barrier]:
    server = Server(lab.bare, "barrier")
    make(server)
    server.close()
    made = Barrier(server)
    yield made
    made.close()


def test_the_suite_is_as_wide_as_it_says():
    assert len(POSITIONS) >= 75
    assert len(EXPRESSIONS) >= 28
    assert len(FILTERS) >= 25
    assert len(set(POSITIONS.values())) == len(POSITIONS)


def test_every_expression_fails_on_hidden_rows(barrier):
    assert set(barrier.failing()) == set(EXPRESSIONS)


def _sample(*kinds):
    return [probe for probe in sampled([*FILTERS, *TEXTS, SUBQUERY], TURN) if probe.kind in kinds]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [*FILTERS, *TEXTS])
def test_hidden_rows_cannot_be_felt(barrier, kind):
    probes = _sample(kind)
    assert barrier.felt(probes) == []
    assert barrier.unsound() == []
    assert len(probes) == len(POSITIONS) + len(ORACLES)


@pytest.mark.timeout(600)
def test_without_the_barrier_hidden_rows_are_felt(barrier):
    kinds = ("or", "function", "columns", "double_not_equal")
    felt = barrier.felt(_sample(*kinds), guard=False)
    found = Counter(one.probe.kind for one in felt)
    assert min(found[kind] for kind in kinds) >= 5, found
    assert len({one.probe.position for one in felt}) >= 10


@pytest.mark.timeout(600)
def test_no_barrier_holds_a_sub_query(barrier):
    """Trino turns it into a join that runs last: policies have no sub-queries for this."""
    assert len(barrier.felt(_sample(SUBQUERY))) >= 10


def test_the_barrier_is_what_is_taken_away():
    """The control differs from the suite by the barrier alone."""
    probe = _sample(next(iter(GUARDED)))[0]
    assert "random() < 0" in text(probe)
    assert "random() < 0" not in text(probe, guard=False)
