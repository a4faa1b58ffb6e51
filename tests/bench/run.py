"""``make bench``: every ratio of one run, as JSON on standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform

from tests.bench import embedded, rewriting


def main() -> None:
    """Measure on a quiet machine; ``--scale`` makes a smaller TPC-H for a first look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=("rewriting", "embedded"))
    options = parser.parse_args()
    found: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
        }
    }
    if options.only != "embedded":
        found["rewriting"] = asyncio.run(rewriting.measure())
    if options.only != "rewriting":
        found["embedded"] = asyncio.run(embedded.measure(options.scale))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
