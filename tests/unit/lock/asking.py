"""The second lock over a world in files, asked as Trino's plugin asks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import MeshgateError
from gateway.lock.app import PREFIX, SecondLock
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import Sources
from gateway.server.world import World, load_world
from gateway.state.active import ActiveDecision

DATA = Path(__file__).parent / "data"
PIN_SECONDS = 60.0
RULES = "policies/domains/shop/policy.rego"


class Active:
    """Active decisions a test sets."""

    def __init__(self) -> None:
        self.open_now: list[ActiveDecision] = []
        self.broken = False
        self.stale = False

    async def of(self, principal: str, *, fresh: bool = False) -> tuple[ActiveDecision, ...]:
        if self.broken:
            raise MeshgateError("CONFIGURATION_UNAVAILABLE", "no state")
        if self.stale and not fresh:
            return ()
        return tuple(one for one in self.open_now if one.principal == principal)

    async def open(self, decision: ActiveDecision) -> None:
        self.open_now.append(decision)

    async def close(self, query_id: str) -> None:
        self.open_now = [one for one in self.open_now if one.query_id != query_id]


@dataclass
class Asking:
    """A lock, its world, its clock, and questions to it. Answers are (status, result)."""

    root: Path
    world: World
    policy: PolicyService
    active: Active = field(default_factory=Active)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.lock = SecondLock(
            self.policy,
            Sources(
                lambda: self.world.snapshot,
                lambda: GrantBook("g", self.world.grants),
                lambda: self.world.now,
            ),
            lambda name: self.world.directory.principal(name, "direct"),
            self.active,
            pin_seconds=PIN_SECONDS,
            clock=lambda: self.now,
        )

    @classmethod
    def over(cls, root: Path) -> Asking:
        shutil.copytree(DATA, root, dirs_exist_ok=True)
        world = load_world(root / "world.yaml")
        return cls(root, world, PolicyService.open(world.policies))

    def change(self, old: str, new: str, file: str = RULES) -> None:
        """Edit a policy, as a steward would; it is seen by the next question."""
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.now += 1

    async def post(self, way: str, body: bytes, method: str = "POST") -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(dict(message))

        scope = {"type": "http", "method": method, "path": PREFIX + way}
        await self.lock(scope, receive, send)  # type: ignore[arg-type]
        return sent[0]["status"], sent[1]["body"]

    async def ask(self, way: str, user: str, operation: str, /, **parts: Any) -> tuple[int, Any]:
        status, body = await self.post(way, question(user, operation, **parts))
        return status, json.loads(body)["result"] if body else body

    async def allow(self, user: str, operation: str, /, **resource: Any) -> Any:
        return await self.ask("allow", user, operation, resource=resource)

    async def access(self, user: str, catalog: str = "lake") -> Any:
        return await self.allow(user, "AccessCatalog", catalog={"name": catalog})

    async def select(self, user: str, name: str, *columns: str) -> Any:
        return await self.allow(
            user, "SelectFromColumns", table={**table(name), "columns": list(columns)}
        )

    async def filters(self, user: str, name: str) -> Any:
        return await self.ask("rowFilters", user, "GetRowFilters", resource={"table": table(name)})

    async def masks(self, user: str, name: str, columns: Mapping[str, str] | None = None) -> Any:
        listed = [
            {"column": {**table(name), "columnName": column, "columnType": kind}}
            for column, kind in (self.columns(name) if columns is None else columns).items()
        ]
        return await self.ask("batchColumnMasks", user, "GetColumnMask", filterResources=listed)

    async def listing(self, user: str, operation: str, *resources: Mapping[str, Any]) -> Any:
        return await self.ask("batch", user, operation, filterResources=list(resources))

    async def analyse(self, user: str, name: str, *columns: str) -> list[Any]:
        """Ask, in Trino's order, what it asks of one reference to a table; all answers."""
        answers = [await self.masks(user, name)]
        for entry in answers[0][1] if isinstance(answers[0][1], list) else ():
            masked = list(self.columns(name))[entry["index"]]
            answers += [await self.access(user), await self.select(user, name, masked)]
        answers += [await self.filters(user, name), await self.access(user)]
        return [*answers, await self.select(user, name, *columns)]

    def columns(self, name: str) -> dict[str, str]:
        """A table's columns as Trino lists them: hidden ones of the connector at the end."""
        known = self.world.snapshot.tables
        found = next((t for n, t in known.items() if str(n) == name.lower()), None)
        listed = {c.name: c.type.compact() for c in found.columns} if found else {"id": "bigint"}
        return {**listed, "$path": "varchar"}


def table(name: str) -> dict[str, str]:
    """A table as the plugin names it."""
    return dict(zip(("catalogName", "schemaName", "tableName"), name.split(".", 2), strict=True))


def question(user: str, operation: str, /, **parts: Any) -> bytes:
    """One request of the plugin."""
    context = {"identity": {"user": user, "groups": []}, "softwareStack": {"trinoVersion": "476"}}
    return json.dumps(
        {"input": {"context": context, "action": {"operation": operation, **parts}}}
    ).encode()


Start = Callable[[], Asking]
