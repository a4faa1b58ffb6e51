"""TPC-H under three policies equals the same queries over views written by hand.

The oracle shares nothing with what enforces: its views are plain SQL over raw tables, and
the text that reads them is the translation for somebody who sees everything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from pyiceberg.table import StaticTable

from gateway.catalog.model import CatalogSnapshot
from gateway.engines.duckdb import EmbeddedEngine
from gateway.sql.duckdb_settings import MACROS, SETTINGS
from tests.bench.setup import SESSION, person, queries, service, tpch_snapshot
from tests.lab import Lab, laboratory

SCALE = 0.05
ROWS = {
    "customer": "c_mktsegment <> 'FURNITURE' AND c_mktsegment <> 'HOUSEHOLD'",
    "orders": "NOT (o_orderpriority = '5-LOW' AND o_orderdate < DATE '1995-06-01')",
    "lineitem": "l_shipmode <> 'REG AIR'",
}
MASKS = {
    "customer": {
        "c_name": "repeat('*', length(c_name) - 4) || right(c_name, 4)",
        "c_phone": "left(c_phone, 4) || regexp_replace(substr(c_phone, 5), '[0-9]', 'n', 'g')",
    },
    "orders": {"o_totalprice": "(floor(o_totalprice / 1000) * 1000)::DECIMAL(15,2)"},
    "lineitem": {"l_shipdate": "make_date(year(l_shipdate), month(l_shipdate), 1)"},
    "supplier": {"s_comment": "NULL::VARCHAR"},
}
POLICIES = {"rows": (ROWS, {}), "masks": ({}, MASKS), "both": (ROWS, MASKS)}


@pytest.fixture(scope="module")
def snapshot() -> CatalogSnapshot:
    return tpch_snapshot(SCALE)


@pytest.fixture(scope="module")
def lab(snapshot: CatalogSnapshot) -> Iterator[Lab]:
    engine = EmbeddedEngine(workers=1)
    with laboratory(service(snapshot, engine), engine, SESSION) as made:
        yield made


@pytest.fixture(scope="module")
def oracles(snapshot: CatalogSnapshot) -> dict[str, duckdb.DuckDBPyConnection]:
    """One database per policy, in which every table's name means the view of that policy."""
    raw = {
        name.table: StaticTable.from_metadata(str(table.metadata_location)).scan().to_arrow()
        for name, table in snapshot.tables.items()
    }
    return {policy: _views(raw, *POLICIES[policy]) for policy in POLICIES}


def _views(
    raw: dict[str, Any], rows: dict[str, str], masks: dict[str, dict[str, str]]
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    for name, value in SETTINGS.items():
        connection.execute(f"SET {name} = '{value}'")
    for macro in MACROS:
        connection.execute(macro)
    for table, data in raw.items():
        connection.register(f"raw_{table}", data)
        masked = masks.get(table, {})
        columns = ", ".join(f"{masked[c]} AS {c}" if c in masked else c for c in data.schema.names)
        view = f"SELECT {columns} FROM raw_{table} WHERE {rows.get(table, 'true')}"
        for scan in range(12):
            connection.execute(f'CREATE TEMP VIEW "lake.tpch.{table}:{scan}" AS {view}')
    return connection


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("number", range(1, 23))
def test_equals_views_written_by_hand(
    lab: Lab, oracles: dict[str, duckdb.DuckDBPyConnection], number: int, policy: str
) -> None:
    sql = queries()[number - 1]
    bare = lab.plan(sql, person("bare")).governed
    assert bare is not None
    wanted = oracles[policy].sql(bare.sql).fetchall()
    groups = ("rows", "masks") if policy == "both" else (policy,)
    found = lab.rows(sql, person(*groups))
    assert _canonical(found) == _canonical(wanted)


def test_the_policies_matter(oracles: dict[str, duckdb.DuckDBPyConnection]) -> None:
    """Every policy changes some answer: the comparison above is not between equal things."""
    count = 'SELECT count(*), min(c_name) FROM "lake.tpch.customer:0"'
    answers = {policy: tuple(oracles[policy].sql(count).fetchall()) for policy in POLICIES}
    assert len(set(answers.values())) == len(POLICIES)


def _canonical(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as comparable values; ties in an ORDER BY may come either way."""
    return sorted((tuple(map(_value, row)) for row in rows), key=repr)


def _value(value: Any) -> Any:
    if isinstance(value, float) and not math.isnan(value):
        return float(f"{value:.10g}")
    return value.normalize() if isinstance(value, Decimal) else value
