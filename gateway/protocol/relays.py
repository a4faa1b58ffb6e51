"""Statements of a cluster as they come in: submitted here, begun elsewhere, or abandoned.

What another gateway took is known by its sealed address and by the shared state.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from gateway.errors import ERRORS, MeshgateError
from gateway.protocol.notes import pack
from gateway.protocol.poll import Poll, Relay, Sealer, room
from gateway.protocol.record import QueryRecord
from gateway.protocol.relay import RelayedQuery
from gateway.protocol.table import OpenQuery, RunningQueries
from gateway.query.recording import Told
from gateway.query.relaying import Relayed, Relays
from gateway.relayed import Handle
from gateway.results import Warning_
from gateway.session import Session


class RelayedQueries:
    """Makes statements of the cluster: those submitted here, and those begun elsewhere."""

    def __init__(self, relays: Relays, queries: RunningQueries, sealer: Sealer) -> None:
        self._relays = relays
        self._queries = queries
        self._sealer = sealer
        queries.elsewhere = self._elsewhere

    def made(
        self,
        record: QueryRecord,
        seal: Poll,
        submitted: tuple[Handle, Relayed],
        notes: tuple[Warning_, ...],
        seconds: float,
        most_rows: int | None = None,
    ) -> RelayedQuery:
        """A statement that was just submitted and may take so many seconds, give so many rows."""
        handle, relayed = submitted
        opened = record.created.timestamp()
        bare = Relay(handle, opened, opened + seconds, most_rows=most_rows or 0)
        relay = replace(bare, notes=pack(notes, room(replace(seal, relay=bare))))
        record.cluster = handle.cluster
        return RelayedQuery(record, replace(seal, relay=relay), relayed, self._sealer)

    async def adopt(self, poll: Poll) -> RelayedQuery | None:
        """Go on with a statement another gateway took, or this one before a restart.

        One that has ended meanwhile is not taken in, and tells how it did.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE: whether it goes on is not known.

        """
        if poll.relay is None:
            return None
        told = await self._relays.told(poll.query_id)
        if isinstance(known := self._queries.get(poll.query_id), RelayedQuery):
            return known  # somebody else asked meanwhile
        query = self._known(poll, poll.relay, told.text)
        if told.state:
            query.over("failed", _ended(told))
            return query
        self._queries.remember(query.record)
        self._queries.add(query)
        return query

    def _known(self, poll: Poll, at: Relay, text: str) -> RelayedQuery:
        record = QueryRecord(
            poll.query_id, text, poll.subject, poll.actor, Session(),
            datetime.fromtimestamp(at.opened, UTC), at.handle.cluster,
            state="RUNNING", rows=at.rows, data_bytes=at.data_bytes,
        )  # fmt: skip
        record.started_at -= max(0.0, time.time() - at.opened)
        return RelayedQuery(record, poll, self._relays.continued(poll.query_id), self._sealer)

    async def _elsewhere(self, query_id: str) -> OpenQuery | None:
        """An open statement of another gateway, for who may end it; not taken in."""
        found = await self._relays.statements.find(query_id)
        if found is None or found.handle is None:
            return None
        at = Relay(found.handle, found.opened.timestamp(), found.deadline.timestamp())
        poll = Poll(query_id, "executing", 0, found.principal, found.actor, relay=at)
        return self._known(poll, at, "")

    async def reap(self) -> None:
        """End, for ever, what has no client or no time any more; others' statements, too."""
        seconds = self._queries.limits.idle_seconds

        def told(query_id: str, outcome: str) -> None:
            query = self._queries.get(query_id)
            if isinstance(query, RelayedQuery):
                query.taken(outcome, seconds)

        await self._relays.reap(seconds, told)


def _ended(told: Told) -> MeshgateError:
    """Why there is no further page of a statement whose end is recorded."""
    if told.state == "failed" and told.error_name in ERRORS:
        return MeshgateError(told.error_name, "the statement failed; run it again to learn why")
    if told.state == "finished":
        return MeshgateError(
            "REMOTE_HOST_GONE", "a gateway went away with the statement's last page; run it again"
        )
    return MeshgateError("USER_CANCELED", f"the statement was {told.state} before")
