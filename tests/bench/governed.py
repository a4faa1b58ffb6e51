"""Governed statements: behind both locks, against Trino with its own OPA plugin alone."""

from __future__ import annotations

from typing import Any

from tests.bench.asking import Asker, Server
from tests.bench.ratios import interleaved

TABLES = {
    "lake.claims.claims": (
        ("claim_id", "bigint"),
        ("member_id", "varchar"),
        ("provider_id", "varchar"),
        ("region", "varchar"),
        ("billed", "decimal(12,2)"),
        ("paid", "decimal(12,2)"),
        ("status", "varchar"),
    ),
    "lake.tpch.nation": (("n_nationkey", "bigint"), ("n_name", "varchar")),
}
"""The tables that the comparison's OPA knows, with the columns that are asked."""

STATEMENTS = {
    "one_row": "SELECT count(*) FROM lake.claims.claims WHERE claim_id = 0",
    "filtered_masked": "SELECT claim_id, region, paid FROM lake.claims.claims LIMIT 100",
    "aggregate": (
        "SELECT region, status, count(*), sum(paid) FROM lake.claims.claims GROUP BY 1, 2"
    ),
    "self_join": (
        "SELECT count(*) FROM lake.claims.claims a JOIN lake.claims.claims b"
        " ON a.claim_id = b.claim_id WHERE a.paid > 100"
    ),
}


def measure(gateway: Server, unlocked: Server, own_opa: Server) -> dict[str, Any]:
    """Governed and locked ÷ own OPA plugin; then what the lock itself adds."""
    ours, bare, theirs = Asker(gateway), Asker(unlocked), Asker(own_opa)
    found: dict[str, Any] = {}
    for name, sql in STATEMENTS.items():
        found[name] = interleaved(
            lambda sql=sql: ours.run(sql).seconds, lambda sql=sql: theirs.run(sql).seconds, each=7
        ) | {"limit": 1.0}
        found[f"{name}_lock_alone"] = interleaved(
            lambda sql=sql: ours.run(sql).seconds, lambda sql=sql: bare.run(sql).seconds, each=5
        )
    return found
