"""Statements their clients left: ended on Trino by a living gateway, each by one."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.realparts.addresses import Addresses
from tests.realparts.configuration import gateway_settings, relaying_settings
from tests.realparts.meshgate import meshgate
from tests.realparts.ports import free_port
from tests.realparts.process import Part
from tests.trino.relaying import LONG, Browser, within

pytestmark = pytest.mark.xdist_group("relay")
IDLE_SECONDS = "2"
STATE = "relay_abandoned"
_LOCKED_ALONE = {"MESHGATE_TRINO__FORWARDED_HTTPS", "MESHGATE_TRINO__PASSWORD_FILE"}


@pytest.fixture(scope="module")
def state(lab: Addresses) -> Iterator[str]:
    """A state of their own: these gateways take statements for abandoned much too soon."""
    with psycopg.connect(lab.database("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {STATE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {STATE}")
        yield lab.database(STATE)
        connection.execute(f"DROP DATABASE IF EXISTS {STATE} WITH (FORCE)")


@pytest.fixture(scope="module")
def gateways(governed: Addresses, state: str) -> Iterator[list[Part]]:
    """Two of them before the bare Trino."""
    with ExitStack() as stack:
        found = []
        for name in ("idle-a", "idle-b"):
            locked = gateway_settings(governed, name)
            settings = {
                **{key: value for key, value in locked.items() if key not in _LOCKED_ALONE},
                **relaying_settings(governed, Path(governed.root)),
                "MESHGATE_STATE__DATABASE_URL": state,
                "MESHGATE_QUERY__IDLE_SECONDS": IDLE_SECONDS,
            }
            part = meshgate(Path(governed.root), name, free_port(), settings)
            found.append(stack.enter_context(part))
        yield found


def ended(lab: Addresses, state: str, query_id: str) -> tuple[str, str, str]:
    """How a statement ended by its record, and by Trino; waits for both."""
    with psycopg.connect(state, autocommit=True) as connection:

        def record() -> dict[str, Any] | None:
            found = connection.execute(
                "SELECT body FROM audit_record WHERE query_id = %s AND phase = 'finished'",
                (query_id,),
            ).fetchone()
            return json.loads(found[0]) if found else None

        body = within(60, record)
    url = f"{lab.bare}/v1/query/{body['engine_query_id']}"
    request = urllib.request.Request(url, headers={"X-Trino-User": "tester"})

    def upstream() -> dict[str, Any] | None:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found if found["state"] in {"FINISHED", "FAILED"} else None

    there = within(20, upstream)
    return body["result"]["state"], there["state"], there["errorCode"]["name"]


def test_a_statement_nobody_asks_for_ends(governed, state, gateways) -> None:
    clara = Browser(gateways[1].url, "clara")  # the other test kills the first
    page = clara.running(LONG)
    assert ended(governed, state, page["id"]) == ("abandoned", "FAILED", "USER_CANCELED")
    told = clara.next(page)["error"]
    assert told["errorName"] == "USER_CANCELED"
    assert "abandoned" in told["message"]


def test_a_killed_gateways_statement_is_ended_by_the_other(governed, state, gateways) -> None:
    first, second = gateways
    page = Browser(first.url, "clara").running(LONG)
    with psycopg.connect(state, autocommit=True) as connection:
        within(20, lambda: _placed(connection, page["id"]))
    os.killpg(first.process.pid, signal.SIGKILL)
    assert ended(governed, state, page["id"]) == ("abandoned", "FAILED", "USER_CANCELED")
    told = Browser(second.url, "clara").next(page)["error"]
    assert told["errorName"] == "USER_CANCELED"


def _placed(connection: psycopg.Connection, query_id: str) -> bool:
    """Whether the shared state knows where it stands, or that it has ended."""
    found = connection.execute(
        "SELECT handle <> '' OR ended IS NOT NULL FROM open_statement WHERE query_id = %s",
        (query_id,),
    ).fetchone()
    return found == (True,)
