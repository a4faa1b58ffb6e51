"""The demo's questions and TPC-H on a real Trino: rewritten, natively, and as recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.access.grants import load_grants
from gateway.catalog.load import load_catalog
from gateway.errors import MeshgateError
from gateway.identity.directory import Directory
from gateway.server.planning import Mesh
from gateway.session import Session
from gateway.settings import PolicySettings
from tests.differential.sides import same
from tests.differential.wire import Answer, Server, settled
from tests.oracle.answers import lines
from tests.realparts.addresses import Addresses

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
PEOPLE = ("ana", "olga", "bo", "clara", "cora")
CORPUS = Path(__file__).parents[1] / "differential" / "demo.txt"
QUERIES = [x for x in CORPUS.read_text("utf-8").splitlines() if x and not x.startswith("#")]


class Demo:
    """The demo's mesh, planned for Trino; its texts run on the Trino without access control."""

    def __init__(self, lab: Addresses) -> None:
        catalogs = ROOT / "catalogs"
        self._mesh = Mesh(
            load_catalog(catalogs, environment={"MESHGATE_DATA": lab.data}),
            Directory.load(catalogs / "principals.yaml"),
            load_grants(catalogs / "grants.yaml"),
            PolicySettings(directory=ROOT / "policies"),
            lambda: datetime.now(UTC),
        )
        self._service = self._mesh.service("trino", self._mesh.policy())
        self._runner = asyncio.Runner()
        self._server = Server(lab.bare, "demo", "lake")

    def close(self) -> None:
        self._server.close()
        self._service.close()
        self._runner.close()

    def answer(self, sql: str, person: str, schema: str | None = None) -> Answer:
        """The governed text's answer, or the refusal."""
        principal = self._mesh.directory.principal(person)
        assert principal is not None
        session = Session(catalog="lake", schema=schema)
        try:
            plan = self._runner.run(self._service.plan(sql, session, principal, "demo"))
        except MeshgateError as error:
            return Answer(error=error.name, text=error.message)
        assert plan.governed is not None, sql
        return self._server.run(plan.governed.sql)


@pytest.fixture(scope="module")
def demo(lab: Addresses) -> Iterator[Demo]:
    made = Demo(lab)
    yield made
    made.close()


@pytest.fixture(scope="module")
def direct(locked: Addresses) -> Iterator[dict[str, Server]]:
    made = {p: Server(locked.locked, p, "lake", password=locked.passwords[p]) for p in PEOPLE}
    yield made
    for server in made.values():
        server.close()


@pytest.mark.parametrize("sql", QUERIES)
def test_rewritten_equals_native(demo: Demo, direct: dict[str, Server], sql: str) -> None:
    ordered = "ORDER BY" in sql
    answered = 0
    for person in PEOPLE:
        ours, native = demo.answer(sql, person), direct[person].run(sql)
        answered += not ours.error
        refused = bool(ours.error and native.error)  # by other names where something is hidden
        assert refused or same(ours, native, ordered=ordered), (person, ours, native)
    assert answered


@pytest.mark.parametrize("answer", lines("tpch_answers.jsonl")[1:], ids=lambda a: f"q{a['q']}")
def test_tpch_is_as_recorded(demo: Demo, answer: dict) -> None:
    found = demo.answer(answer["sql"], "ana", "tpch")
    assert not found.error, found.text
    assert found.heads == tuple(map(tuple, answer["columns"]))
    assert len(found.rows) == answer["rows_total"]
    shown = found.rows[: len(answer["rows"])]
    assert settled(shown, ordered=True) == settled([tuple(r) for r in answer["rows"]], ordered=True)
