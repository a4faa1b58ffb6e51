"""Ratios of interleaved rounds: the median, and an interval around it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

ROUNDS = 9
_WARM = 3


def interleaved(
    ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int = ROUNDS, each: int = 1
) -> dict[str, Any]:
    """Compare two measures, ``each`` runs a round, in turns, after warming both.

    Both give a number per run (seconds, say); the ratio is ours ÷ theirs. The interval is that of
    the middle half of the rounds.
    """
    for _ in range(_WARM):
        ours()
        theirs()
    found: list[float] = []
    mine: list[float] = []
    other: list[float] = []
    for number in range(rounds):
        pairs = []
        for turn in range(each):
            order = (ours, theirs) if (number + turn) % 2 == 0 else (theirs, ours)
            values = {id(measure): measure() for measure in order}
            pairs.append((values[id(ours)], values[id(theirs)]))
        middle = tuple(statistics.median(side) for side in zip(*pairs, strict=True))
        mine.append(middle[0])
        other.append(middle[1])
        found.append(middle[0] / middle[1])
    low, _, high = statistics.quantiles(found, n=4)
    return {
        "ratio": round(statistics.median(found), 3),
        "interval": [round(low, 3), round(high, 3)],
        "all": [round(ratio, 3) for ratio in sorted(found)],
        "ours": round(statistics.median(mine), 5),
        "theirs": round(statistics.median(other), 5),
    }
