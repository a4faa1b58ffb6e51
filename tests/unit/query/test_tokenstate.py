"""Statements whose tokens a cluster has not proven are refused; others are not touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.catalog.model import CatalogSnapshot
from gateway.errors import MeshgateError
from gateway.query.tokenstate import TrinoKeys, token_domains_of
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.session import Session
from gateway.sql.model import GovernedQuery
from gateway.sql.tokencheck import absent_values, fingerprint_check, known_answers
from gateway.tokens.codec import derive_key
from gateway.tokens.keys import KeyRing
from gateway.tokens.names import key_id

WORLD = Path(__file__).parents[2] / "worlds" / "mesh.yaml"


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return Mesh.of_world(load_world(WORLD))


@pytest.fixture(scope="module")
def governed(mesh: Mesh) -> dict[str, GovernedQuery]:
    """One text with tokens, one without."""
    return asyncio.run(_governed(mesh))


async def _governed(mesh: Mesh) -> dict[str, GovernedQuery]:
    policy = mesh.policy()
    service = mesh.service("trino", policy)
    session = Session(catalog="health", schema="claims")
    nurse = mesh.directory.principal("nurse")
    assert nurse is not None
    found = {}
    texts = {"keyed": "SELECT member_id FROM claims", "plain": "SELECT open FROM claims"}
    for name, sql in texts.items():
        plan = await service.plan(sql, session, nurse)
        assert plan.governed is not None
        found[name] = plan.governed
    service.close()
    await policy.close()
    return found


def _ring(snapshot: CatalogSnapshot) -> KeyRing:
    return KeyRing.load(snapshot, Path(), lambda _ref, _base: bytes(range(32)))


class Cluster:
    """A cluster whose key rows are right, until ``spoiled``."""

    def __init__(self, snapshot: CatalogSnapshot) -> None:
        self.tested = asyncio.Event()
        self.spoiled = False
        version = snapshot.token_domains["member"].active.v
        ids, prints = [], []
        for use in ("hash", "token"):
            secret = derive_key(bytes(range(32)), "member", version, use)
            found = next(key for key in _ring(snapshot).keys if key.secret == secret)
            ids.append(key_id("member", version, use))
            prints.append(found.fingerprint)
        checks = [*known_answers(), *absent_values(), fingerprint_check(ids, prints)]
        self.answers = {check.sql: check.expected for check in checks}

    async def query(self, sql: str) -> list[tuple[object, ...]]:
        if "fingerprint" in sql:
            self.tested.set()
        if self.spoiled and "fingerprint" in sql:
            raise MeshgateError("SUBQUERY_MULTIPLE_ROWS", "doubled")
        return list(self.answers[sql])


async def test_nothing_keyed_is_served_before_the_first_test(mesh, governed) -> None:
    keys = TrinoKeys(Cluster(mesh.snapshot).query, _ring)
    keys.check(governed["plain"], mesh.snapshot)
    assert token_domains_of(governed["plain"]) == frozenset()
    assert token_domains_of(governed["keyed"]) == {"member"}
    with pytest.raises(MeshgateError) as refused:
        keys.check(governed["keyed"], mesh.snapshot)
    assert refused.value.name == "TOKEN_KEY_UNAVAILABLE"


async def test_what_passes_is_served_until_it_fails(mesh, governed) -> None:
    cluster = Cluster(mesh.snapshot)
    keys = TrinoKeys(cluster.query, _ring)
    await keys.refresh(mesh.snapshot)
    keys.check(governed["keyed"], mesh.snapshot)
    cluster.spoiled = True
    await keys.refresh(mesh.snapshot)
    with pytest.raises(MeshgateError, match="token domain 'member'") as refused:
        keys.check(governed["keyed"], mesh.snapshot)
    assert "SUBQUERY_MULTIPLE_ROWS" in refused.value.audit["token"]
    assert "SUBQUERY_MULTIPLE_ROWS" in (keys.refused("member", 2) or "")
    cluster.spoiled = False
    await keys.refresh(mesh.snapshot)
    keys.check(governed["keyed"], mesh.snapshot)


async def test_a_key_version_that_was_not_tested_is_refused(mesh, governed) -> None:
    """A rotation takes effect only after its own test, however early its queries come."""
    keys = TrinoKeys(Cluster(mesh.snapshot).query, _ring)
    await keys.refresh(mesh.snapshot)
    owner = next(d for d in mesh.snapshot.domains.values() if d.token_domains)
    (member,) = owner.token_domains
    rotated = replace(member, versions=(replace(member.active, v=member.active.v + 1),))
    domains = dict(mesh.snapshot.domains) | {owner.name: replace(owner, token_domains=(rotated,))}
    later = CatalogSnapshot("c1:later", domains, mesh.snapshot.tables)
    with pytest.raises(MeshgateError, match="member"):
        keys.check(governed["keyed"], later)


async def test_it_is_tested_again_when_the_catalog_changes(mesh) -> None:
    cluster = Cluster(mesh.snapshot)
    keys = TrinoKeys(cluster.query, _ring)
    current = mesh.snapshot
    watching = asyncio.create_task(keys.watch(lambda: current))
    try:
        async with asyncio.timeout(10):
            await cluster.tested.wait()
            cluster.tested.clear()
            current = CatalogSnapshot("c1:other", mesh.snapshot.domains, mesh.snapshot.tables)
            await cluster.tested.wait()
    finally:
        watching.cancel()
