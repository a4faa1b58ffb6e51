"""The self-test's judgement: what a cluster answers, and which domains are refused for it.

That real clusters answer so stands in ``tests/trino/test_tokens.py``; here a cluster is scripted.
"""

from __future__ import annotations

from types import MappingProxyType

import pytest

from gateway.catalog.model import TokenDomain, TokenVersion
from gateway.errors import MeshgateError
from gateway.sql.tokencheck import (
    absent_values,
    fingerprint_check,
    known_answers,
    trino_failures,
)
from gateway.tokens.codec import derive_key
from gateway.tokens.keys import KeyRing
from gateway.tokens.model import TokenFunction, TokenKey
from gateway.tokens.names import SHAPES, key_id, udf_name
from gateway.tokens.selftest import vectors

_RAW = {"member": bytes(range(32)), "ssn": bytes(range(32, 64))}


def _keys(domain: str) -> dict[str, TokenKey]:
    return {
        use: TokenKey(domain, 1, use, derive_key(_RAW[domain], domain, 1, use))
        for use in ("token", "hash")
    }


def _ring(*domains: str) -> KeyRing:
    found, functions = {}, {}
    for domain in domains:
        for use, key in _keys(domain).items():
            found[(domain, 1, use)] = key
        for shape in SHAPES:
            name = udf_name(domain, 1, shape)
            key = _keys(domain)["hash" if shape == "hash" else "token"]
            functions[name] = TokenFunction(name, shape, domain[:3], key)
    return KeyRing(found, functions, {})


def _domain(name: str) -> TokenDomain:
    active = (TokenVersion(1, "active", MappingProxyType({})),)
    return TokenDomain(name, name[:3], "text", "i63", "raw", (), active)


class Cluster:
    """Answers every statement of a sound cluster, but those that a test changes."""

    def __init__(self, ring: KeyRing) -> None:
        checks = [*known_answers(), *absent_values()]
        for name in sorted({key.domain for key in ring.keys}):
            keys = _keys(name)
            ids = [key_id(name, 1, "hash"), key_id(name, 1)]
            prints = [keys["hash"].fingerprint, keys["token"].fingerprint]
            checks.append(fingerprint_check(ids, prints))
        self.answers: dict[str, object] = {check.sql: check.expected for check in checks}

    def change(self, part: str, answer: object) -> None:
        hit = [sql for sql in self.answers if part in sql]
        assert hit, part
        self.answers[hit[0]] = answer

    async def query(self, sql: str) -> list[list[object]]:
        answer = self.answers[sql]
        if isinstance(answer, Exception):
            raise answer
        return [list(row) for row in answer]  # type: ignore[attr-defined]


@pytest.fixture
def ring() -> KeyRing:
    return _ring("member", "ssn")


@pytest.fixture
def cluster(ring: KeyRing) -> Cluster:
    return Cluster(ring)


async def _failures(cluster: Cluster, ring: KeyRing) -> dict[str, str]:
    return dict(await trino_failures(cluster.query, map(_domain, ("member", "ssn")), ring))


def test_every_vector_and_shape_is_asked() -> None:
    said = [row for check in known_answers() for row in check.expected]
    assert len(said) == len(vectors())
    assert all(len(row) == 7 for row in said)
    assert all("kat:" in check.sql for check in known_answers())


def test_no_statement_holds_a_key(ring: KeyRing, cluster: Cluster) -> None:
    secrets = [key.secret.decode() for key in ring.keys]
    assert secrets
    assert not [sql for sql in cluster.answers for secret in secrets if secret in sql]


async def test_a_sound_cluster_serves_all(cluster: Cluster, ring: KeyRing) -> None:
    assert await _failures(cluster, ring) == {}


async def test_one_wrong_answer_to_a_vector_refuses_all(cluster: Cluster, ring: KeyRing) -> None:
    check = next(iter(known_answers()))
    first = list(check.expected[0])
    first[-1] = int(str(first[-1])) + 1
    cluster.answers[check.sql] = (tuple(first), *check.expected[1:])
    assert set(await _failures(cluster, ring)) == {"member", "ssn"}


async def test_a_token_for_nothing_refuses_all(cluster: Cluster, ring: KeyRing) -> None:
    check = next(iter(absent_values()))
    cluster.answers[check.sql] = ((0, "mbr1_AAAA"),)
    assert set(await _failures(cluster, ring)) == {"member", "ssn"}


@pytest.mark.parametrize(
    "answer",
    [
        [("0" * 12, "0" * 12)],
        [],
        [("0" * 12,)],
        MeshgateError("SUBQUERY_MULTIPLE_ROWS", "doubled"),
        MeshgateError("TOKEN_KEY_UNAVAILABLE", "missing"),
        MeshgateError("NO_NODES_AVAILABLE", "down"),
    ],
    ids=["wrong", "none", "short", "doubled", "missing", "down"],
)
async def test_a_bad_key_row_refuses_its_domain(
    cluster: Cluster, ring: KeyRing, answer: object
) -> None:
    cluster.change("'ssn:v1'", answer)
    failures = await _failures(cluster, ring)
    assert set(failures) == {"ssn"}
    assert "ssn:v1" in failures["ssn"]


async def test_a_key_the_gateway_does_not_hold_is_refused(cluster: Cluster) -> None:
    held = _ring("member")
    assert set(await _failures(cluster, held)) == {"ssn"}
    broken = held.without({"member": "the file is gone"})
    assert (await _failures(cluster, broken))["member"] == "the file is gone"
