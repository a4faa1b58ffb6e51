"""TPC-DS's 99 queries become text for Trino under a filter and masks."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.corpora.govern import Refusal, governed
from tests.parts import CACHE, missing

_FOLDER = CACHE / "tpcds"
_QUERIES = 99


@pytest.fixture(scope="module")
def queries() -> dict[str, str]:
    """The texts by name; nothing fetches them, their licence is the TPC's."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("q*.sql"))}
    if not found:
        missing("tpcds", f"TPC-DS is not here: put its queries for Trino into {_FOLDER}/q01.sql …")
    return found


def test_all_queries_are_governed(queries: dict[str, str]) -> None:
    assert len({re.sub(r"\D", "", name) for name in queries}) == _QUERIES
    outcomes = {name: governed(text, "tpcds") for name, text in queries.items()}
    refused = {name: found for name, found in outcomes.items() if isinstance(found, Refusal)}
    assert refused == {}


def test_every_scan_of_a_filtered_table_holds_its_filter(queries: dict[str, str]) -> None:
    for name, text in queries.items():
        plan = governed(text, "tpcds")
        assert not isinstance(plan, Refusal), name
        assert plan.governed is not None
        scans = Counter(scan.table.name.table for scan in plan.governed.scans)
        assert plan.governed.sql.count('"ca_country" = ') >= scans["customer_address"], name
        assert plan.governed.sql.count('"ss_store_sk" >= ') >= scans["store_sales"], name
