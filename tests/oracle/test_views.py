"""Views of a real catalog on the embedded engine: the rows of the same views written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from gateway.catalog.load import load_catalog
from gateway.catalog.stores import open_catalog
from gateway.engines.duckdb import EmbeddedEngine
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.world import load_world
from gateway.session import Session
from tests.lab import Lab, laboratory
from tests.unit.catalog.lake import connection
from tests.unit.catalog.viewfiles import create_view

WORLD = load_world(Path(__file__).parents[1] / "worlds" / "views.yaml")
SESSION = Session(catalog="lake", schema="sales")
DOMAIN = """\
schema_version: 1
domain: sales
owners: [group:sales-team]
stewards: [group:sales-stewards]
catalog:
  name: lake
  type: sql
  database: {driver: sqlite, path: lake.db}
  warehouse: warehouse
schemas: [{name: sales}, {name: marts}]
products:
  - guid: "ed457526-0009"
    key: orders
    owner: sales-team
    display_name: Orders
    status: active
    required_security_group: analysts
    visibility: described
    ports: [{role: output, type: trino, table: sales.orders}]
tables:
  - name: sales.orders
    tags: [region_scoped]
    columns: {id: {}, region: {}, total: {}, customer: {tags: [pii.name]}, margin: {tags: [secret]}}
"""
VIEWS = {
    "marts.totals": (
        "SELECT id ID, region, total\nFROM\n  sales.orders",
        (("ID", "long"), ("region", "string"), ("total", "decimal(12, 2)")),
    ),
    "marts.by_region": (
        "SELECT t.region Region, count(*) n, sum(t.total) total FROM\n  totals t GROUP BY t.region",
        (("Region", "string"), ("n", "long"), ("total", "decimal(38, 2)")),
    ),
    "marts.customers": (
        "SELECT o.id, customer, 'seen' mark FROM (totals t JOIN sales.orders o ON (o.id = t.id))",
        (("id", "long"), ("customer", "string"), ("mark", "string")),
    ),
}
BY_HAND = """
CREATE VIEW totals AS SELECT id AS "ID", region, total FROM orders;
CREATE VIEW by_region AS SELECT region AS "Region", count(*) AS n, sum(total) AS total
FROM totals GROUP BY region;
CREATE VIEW customers AS SELECT o.id, o.customer, 'seen' AS mark
FROM orders o JOIN totals t ON o.id = t.id
"""
QUERIES = (
    "SELECT * FROM {}totals ORDER BY 1",
    "SELECT t.id, t.total * 2 FROM {}totals t WHERE t.region IN ('EU', 'US') ORDER BY 1",
    "SELECT * FROM {}by_region ORDER BY 1",
    "SELECT n, customer FROM {}by_region r JOIN {}customers c ON region <> mark ORDER BY 2, 1",
    "SELECT id, (SELECT n FROM {}by_region v WHERE v.region = t.region) FROM {}totals t ORDER BY 1",
    "SELECT count(*) FROM {}totals a JOIN {}totals b ON a.id = b.id + 1",
    "WITH totals AS (SELECT 1 AS id) SELECT sum(b.n), max(t.id) FROM {}by_region b, totals t",
    "SELECT mark, customer FROM {}customers ORDER BY 2 LIMIT 2",
)
ROWS = pa.table(
    {
        "id": pa.array(range(40), pa.int64()),
        "region": ["EU" if i % 3 else "US" for i in range(40)],
        "total": pa.array([Decimal(i).scaleb(-1) for i in range(40)], pa.decimal128(12, 2)),
        "customer": [f"{chr(97 + i % 26)}{i:05d}" for i in range(40)],
        "margin": pa.array([i / 7 for i in range(40)], pa.float64()),
    }
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("mesh")
    with closing(open_catalog(connection(directory), write=True)) as catalog:
        catalog.create_namespace("sales")
        catalog.create_table("sales.orders", ROWS.schema).append(ROWS)
    text = DOMAIN
    for name, (sql, columns) in VIEWS.items():
        create_view(directory, name, sql, columns, properties={"trino.run-as-owner": "owner"})
        text += f"  - {{name: {name}, undeclared_columns: expose}}\n"
    (directory / "sales.yaml").write_text(text)
    snapshot = load_catalog(directory)
    assert snapshot.problems == ()
    engine = EmbeddedEngine(workers=1, threads=1)
    sources = Sources(lambda: snapshot, lambda: GrantBook("none", ()), lambda: WORLD.now)
    service = QueryService(PolicyService.open(WORLD.policies), sources, engine=engine)
    with laboratory(service, engine, SESSION) as made:
        yield made


def _by_hand(who: str) -> duckdb.DuckDBPyConnection:
    """The same views over what this reader may see of the table, made by hand."""
    database = duckdb.connect()
    database.register("raw", ROWS)
    if who == "owner":
        database.execute("CREATE VIEW orders AS FROM raw")
    else:
        database.execute(
            "CREATE VIEW orders AS SELECT id, region, total, "
            "left(customer, 1) || repeat('*', length(customer) - 1) AS customer "
            "FROM raw WHERE region = 'EU'"
        )
    database.execute(BY_HAND)
    return database


@pytest.mark.parametrize("who", ["analyst", "owner"])
@pytest.mark.parametrize("query", QUERIES)
def test_a_view_gives_its_reader_what_the_tables_beneath_would(lab: Lab, who: str, query: str):
    principal = WORLD.directory.principal(who)
    assert principal is not None
    places = query.count("{}")
    with _by_hand(who) as database:
        wanted = database.execute(query.format(*["main."] * places)).fetchall()
    assert lab.rows(query.format(*["marts."] * places), principal) == wanted


def test_definer_s_rights_in_the_file_give_no_rights(lab: Lab):
    analyst, owner = (WORLD.directory.principal(name) for name in ("analyst", "owner"))
    assert analyst is not None
    assert owner is not None
    assert lab.rows("SELECT count(*) FROM marts.totals", owner) == [(40,)]
    assert lab.rows("SELECT count(*) FROM marts.totals", analyst) == [(26,)]


def test_stored_names_head_the_columns(lab: Lab):
    principal = WORLD.directory.principal("analyst")
    assert principal is not None
    plan = lab.plan("SELECT * FROM marts.by_region", principal)
    assert plan.governed is not None
    assert [output.name for output in plan.governed.outputs] == ["Region", "n", "total"]
