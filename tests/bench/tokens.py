"""The rate of tokens on the embedded engine against DuckDB's own SHA-256."""

from __future__ import annotations

import statistics
import time
from typing import Any

from tests.unit.engines.test_tokenfns import database, known_function, vectors

ROWS, ROUNDS = 200_000, 7


def measure() -> dict[str, Any]:
    """Interleaved rounds on one thread; a higher ratio is better."""
    function = known_function(vectors()[0], "text")
    connection = database(function)
    connection.execute("SET threads = 1")
    connection.execute(f"CREATE TABLE t AS SELECT 'M' || range AS x FROM range({ROWS})")

    def seconds(call: str) -> float:
        began = time.perf_counter()
        connection.execute(f"SELECT max({call}) FROM t").fetchall()
        return time.perf_counter() - began

    token = f'"{function.name}"(x)'
    pairs = [(seconds("sha256(x)"), seconds(token)) for _ in range(ROUNDS)]
    ratios = sorted(hashed / tokened for hashed, tokened in pairs)
    return {
        "token_rate_over_sha256_rate": round(statistics.median(ratios), 3),
        "spread": [round(ratio, 3) for ratio in ratios],
        "limits": {"token_rate_over_sha256_rate": 0.10},
    }
