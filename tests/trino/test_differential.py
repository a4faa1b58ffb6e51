"""The same statement through Meshgate and natively: names, types, rows and refusals are equal.

Natively means twice: over tables that hold what a person should see, worked out by hand, and on
the locked Trino with a login of the person's own, where row filters and masks are Trino's.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.differential.corpus import Shape, shapes
from tests.differential.sides import (
    PEOPLE,
    Asked,
    Compared,
    Native,
    Relayed,
    Rewritten,
    Views,
    compare,
)

pytestmark = [pytest.mark.xdist_group("differential"), pytest.mark.timeout(1800)]

EVERYBODY = os.environ.get("HYPOTHESIS") == "proof"
"""The closing run asks every shape as everybody; else each is asked as one person, in turn."""


def _asked() -> list[tuple[Shape, Asked]]:
    found = []
    for at, shape in enumerate(shapes()):
        people = PEOPLE if EVERYBODY else (PEOPLE[at % len(PEOPLE)],)
        found += [(shape, Asked(person, shape.sql, shape.ordered)) for person in people]
    return found


def _judged(ours: Rewritten | Relayed, other: Views | Native) -> list[tuple[Shape, Compared]]:
    asked = _asked()
    found = compare(ours, other, [one for _, one in asked])
    pairs = [(shape, one) for (shape, _), one in zip(asked, found, strict=True)]
    verdicts = Counter(one.verdict for _, one in pairs)
    print(f"\n{len(pairs)} statements: {dict(verdicts)}")  # noqa: T201 - shown with -s
    strict = {shape.sql for shape, one in pairs if one.verdict == "stricter"}
    assert len(strict) <= 0.02 * len(shapes()), strict
    assert verdicts["equal"] >= 0.9 * len(pairs)
    return pairs


def _wrong(pairs: list[tuple[Shape, Compared]], *, native: bool) -> list[str]:
    return [f"{shape.name} {one}" for shape, one in pairs if not _accepted(shape, one, native)]


def _accepted(shape: Shape, one: Compared, native: bool) -> bool:  # noqa: FBT001
    match one.verdict:
        case "equal":
            return True
        case "stricter":
            return bool(shape.stricter)
        case "refused":  # a denial has other names natively
            return native or bool(shape.stricter)
        case "looser":
            return native and (bool(shape.looser) or one.asked.unhashed)
        case "narrower":
            return native
    return False


def test_there_are_enough_shapes():
    found = shapes()
    assert len(found) >= 400
    assert len({shape.topic for shape in found}) >= 12


def test_rewritten_equals_the_views(rewritten, views):
    pairs = _judged(rewritten, views)
    assert _wrong(pairs, native=False) == []
    if EVERYBODY:
        stale = {s.name for s in shapes() if s.stricter} - {
            shape.name for shape, one in pairs if one.verdict in {"stricter", "refused"}
        }
        assert stale == set(), "declared stricter, but equal for everybody"


def test_rewritten_equals_native(rewritten, native):
    assert _wrong(_judged(rewritten, native), native=True) == []


def test_relayed_equals_native(relayed, native):
    assert _wrong(_judged(relayed, native), native=True) == []


def test_people_see_different_things(views):
    """The comparisons above are not between equal things."""
    for table in ("orders", "items", "areas"):
        answers = {views.answer(Asked(person, f"SELECT * FROM {table}")).rows for person in PEOPLE}
        assert len(answers) >= len(PEOPLE) - 1
