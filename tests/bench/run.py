"""``make bench``: every ratio of one run, as JSON on standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform

from tests.bench import cluster, embedded, rewriting, tokens

CLUSTER = ("relay", "governed", "listing", "open_queries")


def main() -> None:
    """Measure on a quiet machine; ``--scale`` makes a smaller TPC-H for a first look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=("rewriting", "embedded", "tokens", *CLUSTER))
    options = parser.parse_args()
    found: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
        }
    }
    wanted = {options.only} if options.only else {"rewriting", "tokens", "embedded", "clusters"}
    if "rewriting" in wanted:
        found["rewriting"] = asyncio.run(rewriting.measure())
    if "tokens" in wanted:
        found["tokens"] = tokens.measure()
    if "embedded" in wanted:
        found["embedded"] = asyncio.run(embedded.measure(options.scale))
    if wanted & {"clusters", *CLUSTER}:
        found["clusters"] = cluster.measure(options.only or "")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
