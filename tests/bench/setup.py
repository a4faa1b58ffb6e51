"""What every benchmark needs: TPC-H as Iceberg, and planning under the TPC-H fixture's policies."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.catalog.load import load_catalog
from gateway.catalog.model import CatalogSnapshot
from gateway.demo.load import load_tpch
from gateway.engines.duckdb import EmbeddedEngine
from gateway.identity.principal import Principal
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.world import load_world
from gateway.session import Session

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "tests" / "worlds" / "tpch.yaml"
ANSWERS = ROOT / "tests" / "oracle" / "data" / "tpch_answers.jsonl"
SESSION = Session(catalog="lake", schema="tpch")
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)

TEN_TABLES = """
SELECT r.r_name, n2.n_name AS supplier_nation, p.p_type, year(o.o_orderdate) AS y,
       sum(l.l_extendedprice * (1 - l.l_discount)) AS revenue, count(DISTINCT c.c_custkey) AS n
FROM part p
JOIN lineitem l ON p.p_partkey = l.l_partkey
JOIN supplier s ON s.s_suppkey = l.l_suppkey
JOIN partsupp ps ON ps.ps_partkey = l.l_partkey AND ps.ps_suppkey = l.l_suppkey
JOIN orders o ON l.l_orderkey = o.o_orderkey
JOIN customer c ON o.o_custkey = c.c_custkey
JOIN nation n1 ON c.c_nationkey = n1.n_nationkey
JOIN region r ON n1.n_regionkey = r.r_regionkey
JOIN nation n2 ON s.s_nationkey = n2.n_nationkey
JOIN region r2 ON n2.n_regionkey = r2.r_regionkey
WHERE r.r_name IN ('AMERICA', 'EUROPE')
  AND o.o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
  AND c.c_phone LIKE '2%' AND l.l_shipdate > o.o_orderdate
  AND (s.s_acctbal > 0 OR ps.ps_availqty > 10)
GROUP BY r.r_name, n2.n_name, p.p_type, year(o.o_orderdate)
HAVING count(*) > 3
ORDER BY revenue DESC, y LIMIT 100
"""

MASKED = (
    *("l_shipdate", "p_mfgr", "l_shipdate", "o_orderpriority", "n_name"),
    *("l_shipdate", "l_shipdate", "o_orderdate", "o_orderdate", "c_phone"),
    *("n_name", "l_shipmode", "o_comment", "l_shipdate", "l_shipdate"),
    *("p_brand", "p_brand", "c_name", "l_shipmode", "l_shipdate"),
    *("s_name", "c_phone"),
)
"""For each of the 22 queries a column that it reads."""


def cache() -> Path:
    """A place outside the checkout for what is slow to make."""
    return Path(os.environ.get("MESHGATE_CACHE", Path.home() / ".cache" / "meshgate"))


def tpch_snapshot(scale: float) -> CatalogSnapshot:
    """TPC-H at this scale as Iceberg, made once."""
    data = cache() / f"tpch-{scale:g}"
    load_tpch(data, scale, progress=False)
    whole = load_catalog(ROOT / "catalogs", environment={"MESHGATE_DATA": str(data)})
    tables = {name: table for name, table in whole.tables.items() if table.domain == "tpch"}
    return replace(whole, tables=tables)


def queries() -> list[str]:
    """The 22 queries."""
    lines = ANSWERS.read_text(encoding="utf-8").splitlines()[1:]
    return [json.loads(line)["sql"] for line in lines]


def service(
    snapshot: CatalogSnapshot | None = None, engine: EmbeddedEngine | None = None
) -> QueryService:
    """Planning under the fixture's policies, over real tables and an engine where given."""
    world = load_world(WORLD)
    policy = PolicyService.open(world.policies)
    book = GrantBook("bench", world.grants)
    sources = Sources(lambda: snapshot or world.snapshot, lambda: book, lambda: NOW)
    return QueryService(policy, sources, engine=engine)


def person(*groups: str, mask: str = "") -> Principal:
    """Somebody under some of the fixture's policies."""
    attributes = {"mask": mask} if mask else {}
    return Principal("-".join(groups), groups=frozenset(groups), attributes=attributes)
