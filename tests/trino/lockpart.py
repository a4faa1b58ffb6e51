"""A Trino of the lock's tests alone, and between it and the lock a switch that can misbehave.

The lock runs in this process over a copy of the demo's catalogs and policies, so that a test can
change a policy between two questions, open active decisions, and count what was asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.access.grants import load_grants
from gateway.catalog.registry import CatalogRegistry
from gateway.identity.directory import Directory
from gateway.lock.app import PREFIX, SecondLock
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.session import Session
from gateway.sql.model import GovernedQuery
from gateway.state.decisions import StoredDecisions
from gateway.state.store import Change, Store
from tests.realparts import trino
from tests.realparts.addresses import Addresses
from tests.realparts.ports import free_port

ROOT = Path(__file__).parents[2]
_START_SECONDS = 120
_CLOSE_ALL = "DELETE FROM active_decision"
Answer = tuple[int, bytes]
Forward = Callable[[], Awaitable[Answer]]
Fault = Callable[[Forward], Awaitable[Answer]]


@dataclass(frozen=True)
class Asked:
    """One question that went through the switch; ``seconds`` is the lock's own time."""

    way: str
    user: str
    operation: str
    seconds: float


@dataclass
class Switch:
    """Stands for the policy server: passes on, unless a test puts a fault in its way."""

    lock: SecondLock
    faults: dict[str, Fault] = field(default_factory=dict)
    before: Callable[[int], None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        way = scope["path"].removeprefix(PREFIX)
        self.before(len(self.asked))
        action = json.loads(body)["input"]
        began = time.perf_counter()
        status, answer = await self._through(way, scope, body)
        self.asked.append(
            Asked(
                way,
                action["context"]["identity"]["user"],
                action["action"]["operation"],
                time.perf_counter() - began,
            )
        )
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _through(self, way: str, scope: Scope, body: bytes) -> Answer:
        async def forward() -> Answer:
            sent: list[Any] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body}

            async def send(message: Any) -> None:
                sent.append(message)

            await self.lock(scope, receive, send)
            return sent[0]["status"], sent[1]["body"]

        fault = self.faults.get(way)
        return await (fault(forward) if fault else forward())


@dataclass
class Locked:
    """The server, its lock, and people's ways in."""

    root: Path
    lab: Addresses
    url: str = ""
    ahead: float = 0.0

    def __post_init__(self) -> None:
        self.restore()
        data = {**os.environ, "MESHGATE_DATA": self.lab.data}
        self.registry = CatalogRegistry(self.root / "catalogs", environment=data)
        self.grants = load_grants(self.root / "catalogs/grants.yaml")
        self.directory = Directory.load(self.root / "catalogs/principals.yaml")
        self.policy = PolicyService.open(self.root / "policies")
        self.planning = PolicyService.open(self.root / "policies")  # in the tests' own loops
        self.store = Store.sqlite(self.root / "state.db")
        self.active = StoredDecisions(self.store)
        self.sources = Sources(
            lambda: self.registry.current,
            lambda: GrantBook("", self.grants),
            lambda: datetime.now(UTC),
        )
        self.switch = Switch(self.fresh())

    def fresh(self) -> SecondLock:
        """A lock that has told nobody anything yet."""
        return SecondLock(
            self.policy,
            self.sources,
            lambda name: self.directory.principal(name, "direct"),
            self.active,
            clock=lambda: time.monotonic() + self.ahead,
        )

    def reset(self) -> None:
        """Forget decisions, pins, faults and counts; the policies are the demo's again."""
        self.restore()
        asyncio.run(self.store.write(Change(lambda database: database.execute(_CLOSE_ALL))))
        self.active = StoredDecisions(self.store)
        self.ahead += 1  # the lock looks at once
        self.switch.lock = self.fresh()
        self.switch.faults.clear()
        self.switch.before = lambda _: None
        self.switch.asked.clear()

    def restore(self) -> None:
        """Put the demo's catalogs and policies back."""
        for name in ("catalogs", "policies"):
            shutil.copytree(ROOT / name, self.root / name, dirs_exist_ok=True)

    def change(self, file: str, old: str, new: str) -> None:
        """Edit a policy as a steward would, seen by the next question."""
        path = self.root / "policies" / file
        text = path.read_text()
        assert old in text, file
        path.write_text(text.replace(old, new))
        self.ahead += 1

    def direct(self, user: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a person's own login; raises RefusedError."""
        return self.rows(user, sql, f"{user}@direct")

    def through(self, user: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the service acting for a person, as the gateway does; raises RefusedError."""
        return self.rows("meshgate", sql, user)

    def serving(self) -> bool:
        """Whether a direct login reads a row of Iceberg."""
        try:
            return bool(self.direct("ana", "SELECT claim_id FROM lake.claims.claims LIMIT 1"))
        except RefusedError:
            return False

    def rows(self, login: str, sql: str, user: str) -> list[tuple[Any, ...]]:
        """Rows for a login that names a user."""
        headers = {"X-Trino-User": user, "X-Trino-Catalog": "lake", "X-Forwarded-Proto": "https"}
        found: list[tuple[Any, ...]] = []
        with requests.Session() as session:
            session.headers.update(headers)
            session.auth = (login, self.lab.passwords[login])
            page = _page(session.post(f"{self.url}/v1/statement", data=sql.encode(), timeout=60))
            while "nextUri" in page:
                # Trino believes that a proxy ended TLS, and names itself so.
                address = page["nextUri"].replace("https://", "http://", 1)
                page = _page(session.get(address, timeout=60))
                found += map(tuple, page.get("data") or ())
        return found

    def governed(self, user: str, sql: str) -> GovernedQuery:
        """The governed text of a statement, as the gateway would submit it."""

        async def plan() -> GovernedQuery:
            service = QueryService(self.planning, self.sources, target="trino", salt_key=b"tests")
            principal = self.directory.principal(user)
            assert principal is not None
            found = await service.plan(sql, Session(), principal)
            service.close()
            assert found.governed is not None
            return found.governed

        return asyncio.run(plan())


class RefusedError(Exception):
    """What a statement ended with instead of rows: an error of Trino, or of HTTP."""


def _page(answer: requests.Response) -> dict[str, Any]:
    if not answer.ok:
        raise RefusedError(f"HTTP {answer.status_code} {answer.text[:500]}")
    page: dict[str, Any] = answer.json()
    if "error" in page:
        raise RefusedError(f"{page['error']['errorName']}: {page['error']['message']}")
    return page


@contextmanager
def locked_trino(root: Path, lab: Addresses) -> Iterator[Locked]:
    """Start the switch, then the server that asks it."""
    place = Locked(root, lab)
    port = free_port()
    config = uvicorn.Config(
        place.switch, host="127.0.0.1", port=port, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    files = trino.lock_files(root / "own" / "etc", f"http://127.0.0.1:{port}", lab.passwords)
    catalogs = Path(lab.root) / "bare/etc/catalog"
    others = {f"catalog/{path.name}": path.read_text() for path in catalogs.glob("*.properties")}
    files = replace(files, others={**files.others, **others})
    try:
        with trino.trino(root, "own", files, heap="1G") as part:
            place.url = part.url
            trino.wait_until_started(part)
            part.wait(place.serving, _START_SECONDS)
            yield place
    finally:
        server.should_exit = True
        thread.join(10)
        place.store.close()


def without_filter(sql: str) -> str:
    """Remove every row filter of a governed text by hand."""
    changed = re.sub(r' WHERE (?:(?!\) AS ").)*(?=\) AS ")', "", sql)
    assert changed != sql, "the text has no row filter"
    return changed
