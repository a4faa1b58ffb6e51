"""Active decisions in memory and in the shared table."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson
from cachetools import LRUCache

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.state.active import ActiveDecision
from gateway.state.connection import Connection
from gateway.state.schema import micros, moment
from gateway.state.store import Change, Store

_SEEN_SECONDS = 1.0
_SEEN = 10_000
_PURGE_EVERY = timedelta(seconds=60)
_OPEN = """
INSERT INTO active_decision (query_id, principal, expires, body)
VALUES (:query_id, :principal, :expires, :body) ON CONFLICT (query_id) DO NOTHING
"""
_CLOSE = "DELETE FROM active_decision WHERE query_id = :query_id"
_PURGE = "DELETE FROM active_decision WHERE expires < :now"
_OF = "SELECT body FROM active_decision WHERE principal = :principal AND expires > :now"


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    decisions: tuple[ActiveDecision, ...]


class StoredDecisions:
    """``ActiveDecisions``: this process's own from memory, every gateway's from the table.

    A decision that another gateway closed may be answered for one more second.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._now = now
        self._own: dict[str, dict[str, ActiveDecision]] = {}
        self._owners: dict[str, str] = {}
        self._seen: LRUCache[str, _Seen] = LRUCache(_SEEN)
        self._closed: LRUCache[str, None] = LRUCache(_SEEN)  # rows that may still be there
        self._purged = now()

    async def open(self, decision: ActiveDecision) -> None:
        """Make it known to every gateway; durable when it returns."""
        await self._store.write(self.opening(decision))

    async def close(self, query_id: str) -> None:
        """Forget it, durably where the store answers; never raises."""
        with contextlib.suppress(MeshgateError):
            await self._store.write(self.closing(query_id))

    def opening(self, decision: ActiveDecision) -> Change[None]:
        """Return the change ``open`` makes, to be committed with others."""
        values = {
            "query_id": decision.query_id,
            "principal": decision.principal,
            "expires": micros(decision.expires),
            "body": _body(decision),
        }
        now = self._now()
        purge = now - self._purged > _PURGE_EVERY
        if purge:
            self._purged = now
            self._forget_expired(now)

        def run(database: Connection) -> None:
            database.execute(_OPEN, values)
            if purge:
                database.execute(_PURGE, {"now": micros(now)})

        return Change(run, lambda: self._remember(decision))

    def closing(self, query_id: str) -> Change[Any]:
        """Return the change ``close`` makes; this process forgets at once."""
        self._forget(query_id)
        self._closed[query_id] = None
        return Change(lambda database: database.execute(_CLOSE, {"query_id": query_id}))

    async def of(self, principal: str, *, fresh: bool = False) -> tuple[ActiveDecision, ...]:
        """All of one principal's; ``fresh`` reads the table whatever is remembered."""
        now = self._now()
        own = self._own.get(principal, {})
        seen = self._seen.get(principal)
        stale = seen is None or time.monotonic() - seen.at > _SEEN_SECONDS
        if fresh or (stale and not own):
            seen = await self._look(principal, now)
        others = () if seen is None or (stale and not fresh and own) else seen.decisions
        mine = tuple(own.values())
        known = {decision.query_id for decision in mine}
        found = (
            *mine,
            *(d for d in others if d.query_id not in known and d.query_id not in self._closed),
        )
        return tuple(decision for decision in found if decision.expires > now)

    async def _look(self, principal: str, now: datetime) -> _Seen:
        at = time.monotonic()
        values = {"principal": principal, "now": micros(now)}
        rows = await self._store.read(lambda database: database.rows(_OF, values))
        seen = _Seen(at, tuple(_decision(body) for (body,) in rows))
        self._seen[principal] = seen
        return seen

    def _remember(self, decision: ActiveDecision) -> None:
        self._own.setdefault(decision.principal, {})[decision.query_id] = decision
        self._owners[decision.query_id] = decision.principal

    def _forget(self, query_id: str) -> None:
        principal = self._owners.pop(query_id, None)
        if principal is None:
            return
        own = self._own[principal]
        del own[query_id]
        if not own:
            del self._own[principal]
        self._seen.pop(principal, None)

    def _forget_expired(self, now: datetime) -> None:
        expired = [
            query_id
            for own in self._own.values()
            for query_id, decision in own.items()
            if decision.expires <= now
        ]
        for query_id in expired:
            self._forget(query_id)


def _body(decision: ActiveDecision) -> str:
    reads = [
        [name.catalog, name.schema, name.table, sorted(columns)]
        for name, columns in decision.reads.items()
    ]
    return orjson.dumps(
        {
            "query_id": decision.query_id,
            "principal": decision.principal,
            "decision_id": decision.decision_id,
            "opened": micros(decision.opened),
            "expires": micros(decision.expires),
            "reads": reads,
            "keyed": decision.keyed,
            "filters": [
                [name.catalog, name.schema, name.table, text]
                for name, text in decision.filters.items()
            ],
        }
    ).decode()


def _decision(body: str) -> ActiveDecision:
    try:
        found: dict[str, Any] = orjson.loads(body)
        reads = {
            TableName(catalog, schema, table): frozenset(columns)
            for catalog, schema, table, columns in found["reads"]
        }
        filters = {
            TableName(catalog, schema, table): str(text)
            for catalog, schema, table, text in found["filters"]
        }
        return ActiveDecision(
            found["query_id"],
            found["principal"],
            found["decision_id"],
            moment(found["opened"]),
            moment(found["expires"]),
            MappingProxyType(reads),
            found["keyed"],
            MappingProxyType(filters),
        )
    except (ValueError, KeyError, TypeError):
        raise MeshgateError(
            "CONFIGURATION_UNAVAILABLE", "an active decision cannot be read; run the query again"
        ) from None
