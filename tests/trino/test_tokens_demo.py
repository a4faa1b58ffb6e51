"""The demo's cross-domain token join: the same on Trino, both ways, as embedded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trino

from gateway.demo.tour import JOIN
from gateway.engines.duckdb import EmbeddedEngine
from gateway.identity.principal import Principal
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.planning import SALT_KEY, Mesh
from gateway.session import Session
from gateway.settings import CatalogSettings, PolicySettings, Settings
from gateway.tokens.keys import KeyRing, KeyRings
from gateway.tokens.keytable import rows_of, sync
from tests.lab import Lab, laboratory

ROOT = Path(__file__).parents[2]
CATALOGS = ROOT / "catalogs"
TOKENS = """\
SELECT c.member_id, count(*) AS claims, max(m.ssn) AS ssn
FROM lake.claims.claims AS c JOIN lake.members.members AS m ON c.member_id = m.member_id
GROUP BY c.member_id ORDER BY c.member_id LIMIT 500"""


@pytest.fixture(scope="module")
def mesh(lab) -> Iterator[Mesh]:
    """The demo as it is configured, over the lab's data; its keys have their rows."""
    before = os.environ.get("MESHGATE_DATA")
    os.environ["MESHGATE_DATA"] = lab.data
    found = Mesh.configured(
        Settings(
            catalog=CatalogSettings(directory=CATALOGS),
            policy=PolicySettings(directory=ROOT / "policies"),
        )
    )
    assert (
        sync(lab.database("keys"), rows_of(KeyRing.load(found.snapshot, CATALOGS))).differing == ()
    )
    yield found
    os.environ.pop("MESHGATE_DATA")
    if before is not None:
        os.environ["MESHGATE_DATA"] = before


@pytest.fixture(scope="module")
def embedded(mesh: Mesh) -> Iterator[Lab]:
    engine = EmbeddedEngine(workers=1, keys=KeyRings(CATALOGS))
    book = GrantBook("demo", mesh.grants)
    sources = Sources(lambda: mesh.snapshot, lambda: book, mesh.now)
    service = QueryService(mesh.policy(), sources, engine=engine, salt_key=SALT_KEY)
    with laboratory(service, engine, Session()) as made:
        yield made


@pytest.fixture(scope="module")
def planner(mesh: Mesh) -> Iterator[Lab]:
    """Plans for Trino; runs nothing."""
    engine = EmbeddedEngine(workers=1)
    with laboratory(mesh.service("trino", mesh.policy()), engine, Session()) as made:
        yield made


def _principal(mesh: Mesh, name: str) -> Principal:
    found = mesh.directory.principal(name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def answers(mesh: Mesh, embedded: Lab) -> dict[str, list[tuple[Any, ...]]]:
    """The embedded engine's answers to the two joins, as ana."""
    ana = _principal(mesh, "ana")
    found = {sql: sorted(embedded.rows(sql, ana)) for sql in (JOIN, TOKENS)}
    assert len(found[TOKENS]) == 500
    assert all(row[0].startswith("mbr1_") for row in found[TOKENS])
    assert any(str(row[2]).startswith("ssn1_") for row in found[TOKENS])
    return found


@pytest.mark.parametrize("sql", [JOIN, TOKENS], ids=["tour", "tokens"])
def test_rewritten_as_on_the_embedded_engine(bare, mesh, planner, answers, sql) -> None:
    governed = planner.plan(sql, _principal(mesh, "ana")).governed
    assert governed is not None
    assert '"gov"."gw"."keys"' in governed.sql
    assert _rows(bare, governed.sql) == answers[sql]


@pytest.mark.parametrize("sql", [JOIN, TOKENS], ids=["tour", "tokens"])
def test_through_the_gateway(governed, answers, sql) -> None:
    with governed.connect("ana") as connection:
        assert _rows(connection.cursor(), sql) == answers[sql]


@pytest.mark.parametrize("sql", [JOIN, TOKENS], ids=["tour", "tokens"])
def test_natively_as_a_direct_login(locked, answers, sql) -> None:
    with locked.connect_direct("ana") as connection:
        assert _rows(connection.cursor(), sql) == answers[sql]


def test_the_key_table_is_out_of_reach(governed, locked) -> None:
    for connection in (governed.connect("ana"), locked.connect_direct("ana")):
        with connection:
            for sql in (
                "SELECT * FROM gov.gw.keys",
                'SELECT "k" FROM "GOV"."gw"."KEYS"',
                "WITH keys AS (SELECT k FROM gov.gw.keys) SELECT * FROM keys",
                "SELECT (SELECT max(k) FROM gov.gw.keys)",
                "SELECT * FROM TABLE(gov.system.query(query => 'SELECT k FROM gw.keys'))",
                "SELECT count(*) FROM gov.gw.keys",
            ):
                with pytest.raises(trino.exceptions.TrinoQueryError):
                    connection.cursor().execute(sql).fetchall()


def _rows(cursor: trino.dbapi.Cursor, sql: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in cursor.execute(sql).fetchall())
