"""``make proof``: mutants of the corpora through the real stages, judged by Trino's parser.

Prints its figures and ends with 1 if anything was breached, the naive control was not caught
early, or too few mutants were read or governed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path

from tests.fuzz.corpus import CAPTURES
from tests.fuzz.work import Figures, fuzz

_CAUGHT_WITHIN = 10_000
_PARSED, _ACCEPTED = 0.5, 0.2


def main() -> int:
    """Fuzz; 0 if nothing is wrong."""
    given = _arguments()
    began = time.monotonic()
    shares = [given.mutants // given.processes] * given.processes
    work = [
        (f"{given.seed}:{at}", share, given.captures, given.seconds)
        for at, share in enumerate(shares)
    ]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        total = Figures.sum(pool.starmap(fuzz, work))
    taken = time.monotonic() - began
    print(json.dumps(vars(total), indent=1, ensure_ascii=False))
    print(
        f"seed {given.seed}: {total.mutants} mutants in {taken:.0f} s "
        f"({total.mutants / taken:.0f}/s), {total.parsed / max(1, total.mutants):.1%} parsed, "
        f"{total.accepted / max(1, total.mutants):.1%} accepted, "
        f"{sum(total.breaches.values())} breaches, {sum(total.defects.values())} defects, "
        f"naive control caught at {total.control}"
    )
    wrong = list(_wrong(total))
    for line in wrong:
        print(f"NOT PROVEN: {line}")
    return 1 if wrong else 0


def _wrong(total: Figures) -> list[str]:
    found = []
    if total.breaches:
        found.append("breaches")
    if total.defects:
        found.append("defects")
    if total.control is None or total.control > _CAUGHT_WITHIN:
        found.append("the naive control was not caught in time")
    if total.parsed < _PARSED * total.mutants:
        found.append("too few mutants are read by Trino's parser")
    if total.accepted < _ACCEPTED * total.mutants:
        found.append("too few mutants are governed")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seed", default="476", help="any text; the same one, the same mutants")
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long")
    parser.add_argument("--captures", type=Path, default=CAPTURES, help="a folder of captures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
