"""``make barrier``: asks the whole barrier suite of one Trino and says what it came to.

Without an address a Trino of the pinned version is started. A version that shows no leak may join
``gateway/engines/trino/proven.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.engines.trino.proven import PROVEN
from tests.differential.barrier import (
    EXPRESSIONS,
    FILTERS,
    GUARDED,
    POSITIONS,
    SUBQUERY,
    TEXTS,
    Barrier,
    Felt,
    make,
    sampled,
)
from tests.differential.wire import Server
from tests.realparts.lab import laboratory

KINDS = [*FILTERS, *TEXTS]
LEAST_KNOWN = 20
"""So many leaks at least must show without the barrier, in every turn."""


def main() -> int:
    """Prove one Trino; 0 if nothing was felt and the control was."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.prove", description=__doc__)
    parser.add_argument("--url", help="a Trino without access control with a writable catalog lake")
    parser.add_argument(
        "--turns",
        type=int,
        default=len(EXPRESSIONS),
        help="how many expressions at each position under each filter (default: all)",
    )
    given = parser.parse_args()
    with _trino(given.url) as url:
        with urllib.request.urlopen(f"{url}/v1/info", timeout=30) as answer:
            version = json.load(answer)["nodeVersion"]["version"]
        print(
            f"Trino {version}: {len(POSITIONS)} positions, {given.turns} of {len(EXPRESSIONS)} "
            f"expressions, {len(KINDS)} kinds of filters",
            flush=True,
        )
        proven = _proved(url, given.turns)
    listed = "listed" if version in PROVEN else "not listed"
    print(f"Trino {version} is {'proven' if proven else 'NOT PROVEN'}, and {listed} as proven")
    return 0 if proven else 1


@contextmanager
def _trino(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="meshgate-barrier-") as root:
        Path(root).chmod(0o711)  # PostgreSQL's unprivileged user passes through
        with laboratory(Path(root), whole=False) as lab:
            yield lab.bare


def _proved(url: str, turns: int) -> bool:
    server = Server(url, "barrier")
    make(server)
    server.close()
    barrier = Barrier(server)
    felt: list[Felt] = []
    asked, fewest, began = 0, sys.maxsize, time.monotonic()
    for turn in range(turns):
        probes = list(sampled(KINDS, turn))
        felt += barrier.felt(probes)
        asked += len(probes)
        control = [one for one in sampled(KINDS, turn) if one.kind in GUARDED or one.kind in TEXTS]
        known = len(barrier.felt(control, guard=False))
        fewest = min(fewest, known)
        print(
            f"  turn {turn + 1}: {asked} asked, {len(felt)} felt, {known} without the barrier, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    unsound = barrier.unsound()
    beyond = barrier.felt(list(sampled([SUBQUERY], 0)))
    barrier.close()
    for one in felt[:20]:
        print(f"  FELT {one.probe}: {one.found.outcome}, without hidden rows {one.wanted.outcome}")
    for sql, answer in unsound[:20]:
        print(f"  UNSOUND {sql}: {answer.outcome}")
    print(
        f"{asked} statements, {len(felt)} felt {dict(Counter(one.probe.kind for one in felt))}; "
        f"without the barrier at least {fewest} of each turn; under a sub-query filter, which no "
        f"policy can say, {len(beyond)} in spite of it"
    )
    return not felt and not unsound and fewest >= LEAST_KNOWN


if __name__ == "__main__":
    sys.exit(main())
