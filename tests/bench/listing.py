"""Listings of a thousand tables: the gateway against Trino with its own batched OPA plugin."""

from __future__ import annotations

from typing import Any

from tests.bench.asking import Asker, Server
from tests.bench.many import SCHEMA
from tests.bench.ratios import interleaved

_COLUMNS = f"FROM lake.information_schema.columns WHERE table_schema = '{SCHEMA}'"
COUNT = f"SELECT count(*) {_COLUMNS}"
ALL = f"SELECT * {_COLUMNS}"
TABLES = f"SHOW TABLES FROM lake.{SCHEMA}"


def measure(gateway: Server, own_opa: Server) -> dict[str, Any]:
    """How many times faster the gateway lists than Trino asking OPA."""
    ours, theirs = Asker(gateway), Asker(own_opa)
    found: dict[str, Any] = {}
    for name, sql, least in (("count", COUNT, 20), ("all_rows", ALL, 5), ("tables", TABLES, 1)):
        times = interleaved(
            lambda sql=sql: theirs.run(sql).seconds,
            lambda sql=sql: ours.run(sql).seconds,
            rounds=7,
        )
        found[name] = times | {"at_least": least}
    return found
