"""Statements relayed to a real Trino that asks the second lock: they outlive their gateway."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.realparts.addresses import Addresses
from tests.realparts.configuration import gateway_settings
from tests.realparts.meshgate import meshgate
from tests.realparts.ports import free_port
from tests.trino.relaying import LONG, Browser, upstream_state, within

pytestmark = pytest.mark.xdist_group("relay")

ROWS = "SELECT l_orderkey, l_linenumber, l_comment FROM lake.tpch.lineitem LIMIT 40000"
CLAIMS = "SELECT region, count(*) FROM lake.claims.claims GROUP BY region ORDER BY region"


class Pair:
    """Two gateways of one deployment; ``first`` can be killed and comes back."""

    def __init__(self, stack: ExitStack, lab: Addresses) -> None:
        self._stack, self._lab = stack, lab
        self._port = free_port()
        self.first = self._start("relay-a", self._port)
        self.second = self._start("relay-b", free_port())

    def _start(self, name: str, port: int) -> Any:
        settings = gateway_settings(self._lab, name, free_port())
        return self._stack.enter_context(meshgate(Path(self._lab.root), name, port, settings))

    def kill_first(self) -> None:
        """Kill it as a crash does, and start it anew on its port."""
        os.killpg(self.first.process.pid, signal.SIGKILL)
        self.first.process.wait(10)
        self.first = self._start("relay-a", self._port)


@pytest.fixture(scope="module")
def pair(governed: Addresses) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack, governed)


@pytest.fixture
def clara(pair: Pair) -> Browser:
    return Browser(pair.first.url, "clara")


def record(database: psycopg.Connection, query_id: str) -> dict[str, Any] | None:
    """The ``finished`` audit record of a statement."""
    found = database.execute(
        "SELECT body FROM audit_record WHERE query_id = %s AND phase = 'finished'", (query_id,)
    ).fetchone()
    return json.loads(found[0]) if found else None


def active(database: psycopg.Connection, query_id: str) -> bool:
    found = database.execute(
        "SELECT count(*) FROM active_decision WHERE query_id = %s", (query_id,)
    ).fetchone()
    return found != (0,)


def test_three_principals_get_their_own_rows(pair, bare) -> None:
    bare.execute("SELECT region, count(*) FROM claims.claims GROUP BY region ORDER BY region")
    every = [list(row) for row in bare.fetchall()]
    assert Browser(pair.first.url, "clara").rows(CLAIMS) == every
    assert Browser(pair.first.url, "ana").rows(CLAIMS) == [r for r in every if r[0] == "EU"]
    refused = Browser(pair.first.url, "sam").post(CLAIMS)
    assert refused["error"]["errorName"] in {"TABLE_NOT_FOUND", "PERMISSION_DENIED"}


def test_a_killed_gateway_comes_back_and_its_client_goes_on(pair, clara, database) -> None:
    page = clara.next(clara.post(ROWS))
    rows = page.get("data", [])
    pair.kill_first()
    for later in clara.pages(page):
        assert "error" not in later, later["error"]
        rows += later.get("data", [])
    assert len(rows) == 40_000
    assert len({(row[0], row[1]) for row in rows}) == 40_000
    ended = record(database, page["id"])
    assert (ended["result"]["state"], ended["result"]["rows"]) == ("finished", 40_000)
    assert ended["engine_query_id"]
    assert ended["tables"][0]["name"] == "lake.tpch.lineitem"


def test_each_page_by_another_gateway(pair, clara, database) -> None:
    browsers = [Browser(pair.second.url, "clara"), clara]
    page, rows, at = clara.post(ROWS), [], 0
    warnings = page["warnings"]
    while "nextUri" in page:
        page = browsers[at % 2].next(page)
        assert page["warnings"] == warnings
        rows += page.get("data", [])
        at += 1
    assert at > 2
    assert len({(row[0], row[1]) for row in rows}) == 40_000
    assert record(database, page["id"])["result"]["rows"] == 40_000


def test_every_token_again_and_every_older_one_gone(clara) -> None:
    page, before = clara.post(ROWS), None
    while "nextUri" in page:
        uri = page["nextUri"]
        answer = clara.ask("GET", uri)
        assert clara.ask("GET", uri).body == answer.body
        if before:
            assert clara.ask("GET", before).status == 410
        page, before = answer.page, uri


def test_others_tampered_and_unknown_addresses(pair, clara) -> None:
    uri = clara.post(CLAIMS)["nextUri"]
    head, slug, token = uri.rsplit("/", 2)
    flipped = f"{head}/{slug[:-2]}{'A' if slug[-2] != 'A' else 'B'}{slug[-1]}/{token}"
    assert clara.ask("GET", flipped).status == 404
    for method in ("GET", "HEAD", "DELETE"):
        assert Browser(pair.second.url, "ana").ask(method, uri).status == 404
    assert "error" not in clara.next({"nextUri": uri})


def test_statistics_of_restricted_statements_tell_nothing(pair) -> None:
    ana = Browser(pair.first.url, "ana")
    for page in ana.pages(ana.post(CLAIMS)):
        stats = page["stats"]
        told = {name: value for name, value in stats.items() if type(value) is int and value}
        assert told.keys() <= {
            "nodes", "totalSplits", "completedSplits", "elapsedTimeMillis", "queuedTimeMillis",
        }  # fmt: skip
        assert (stats["nodes"], stats["totalSplits"]) == (1, 100)
        assert "rootStage" not in stats


def test_cancel_reaches_trino(pair, clara, database) -> None:
    page = clara.running(LONG)
    assert active(database, page["id"])
    assert clara.ask("DELETE", page["nextUri"]).status == 204
    ended = record(database, page["id"])
    assert ended["result"]["state"] == "cancelled"
    assert not active(database, page["id"])
    state = within(10, lambda: _ended(pair, ended))
    assert state == ("FAILED", "USER_CANCELED")
    assert clara.next(page)["error"]["errorName"] == "USER_CANCELED"


def test_cancel_by_id_at_the_other_gateway(pair, clara, database) -> None:
    page = clara.running(LONG)
    target = f"/v1/query/{page['id']}"
    assert Browser(pair.second.url, "ana").ask("DELETE", target).status == 404
    other = Browser(pair.second.url, "clara")
    within(20, lambda: other.ask("DELETE", target).status == 204)
    ended = record(database, page["id"])
    assert within(10, lambda: _ended(pair, ended)) == ("FAILED", "USER_CANCELED")
    assert clara.next(page)["error"]["errorName"] == "USER_CANCELED"


def test_a_deadline_reaches_trino(pair, database) -> None:
    limit = {"X-Trino-Session": "query_max_run_time=1s"}
    clara = Browser(pair.first.url, "clara", limit)
    began = time.monotonic()
    last = list(clara.pages(clara.post(LONG)))[-1]
    assert last["error"]["errorName"] == "EXCEEDED_TIME_LIMIT"
    assert time.monotonic() - began < 20
    ended = record(database, last["id"])
    assert ended["result"]["error_name"] == "EXCEEDED_TIME_LIMIT"
    assert within(10, lambda: _ended(pair, ended))[0] == "FAILED"


def _ended(pair: Pair, ended: dict[str, Any]) -> tuple[str, str] | None:
    """How it ended on Trino, once it has."""
    state, error = upstream_state(pair._lab, ended["engine_query_id"])
    return (state, error) if state in {"FINISHED", "FAILED"} else None
