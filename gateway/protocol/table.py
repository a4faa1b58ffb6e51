"""The statements this process knows: bounded, reaped, and who may ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from gateway.errors import MeshgateError
from gateway.metadata.facts import OwnQuery
from gateway.protocol.messages import Page
from gateway.protocol.poll import Poll
from gateway.protocol.properties import duration
from gateway.protocol.record import QueryRecord, log_line
from gateway.protocol.served import ServedPages
from gateway.session import Session
from gateway.telemetry import Metrics

_LOG = structlog.get_logger()
_LINGER_SECONDS = 60.0
_REMEMBERED = 1000
_REAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one gateway takes on, and for how long (seconds)."""

    max_open: int = 1000
    max_open_per_principal: int = 100
    idle_seconds: float = 300.0
    run_seconds: float = 3600.0


class OpenQuery(Protocol):
    """A statement whose pages can be asked for, wherever it runs.

    ``touched`` is when its client was last there, by the monotonic clock. One that ``lasts``
    outlives this process: its addresses hold all that another one needs.
    """

    record: QueryRecord
    touched: float
    headers: Mapping[str, str]
    on_end: Callable[[OpenQuery], None]
    pages: ServedPages
    lasts: bool

    def submitted(self, base: str) -> Page:
        """The answer to POST."""
        ...

    async def page(self, poll: Poll, base: str) -> Page:
        """The page of an address; raises GoneError, NotHereError."""
        ...

    def touch(self) -> None:
        """Note that the client is still there."""
        ...

    async def cancel(self) -> None:
        """End the statement for its client."""
        ...

    async def stop(self, outcome: str, error: MeshgateError | None) -> None:
        """End the statement; the next page tells why. Every way to end leaves its record."""
        ...

    async def finish_early(self) -> None:
        """Stop reading; the rows that wait are still delivered."""
        ...


class RunningQueries:
    """All statements of this process; bounded, and cleared of abandoned ones."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.draining = False
        self._metrics = metrics
        self._one_ended = asyncio.Event()
        self._queries: dict[str, OpenQuery] = {}
        self.pages = ServedPages()
        self.elsewhere: Callable[[str], Awaitable[OpenQuery | None]] = _nowhere
        self._records: OrderedDict[str, QueryRecord] = OrderedDict()

    def check_room(self, principal: str) -> None:
        """Refuse a statement where too many are open."""
        unfinished = [q for q in self._queries.values() if not q.record.outcome]
        own = sum(1 for query in unfinished if query.record.principal == principal)
        if len(unfinished) >= self.limits.max_open or own >= self.limits.max_open_per_principal:
            raise MeshgateError(
                "QUERY_QUEUE_FULL", "too many statements are open; finish or cancel one, then retry"
            )

    def remember(self, record: QueryRecord) -> None:
        """Keep a statement's record for its owner; the oldest are forgotten."""
        self._records[record.query_id] = record
        while len(self._records) > _REMEMBERED + len(self._queries):
            self._records.popitem(last=False)

    def add(self, query: OpenQuery) -> None:
        """Take in an admitted statement."""
        self._queries[query.record.query_id] = query
        query.on_end = self._ended
        query.pages = self.pages
        self._metrics.open_queries.inc()

    def get(self, query_id: str) -> OpenQuery | None:
        """The statement whose pages can still be asked for."""
        return self._queries.get(query_id)

    async def find(self, query_id: str) -> OpenQuery | None:
        """A statement to be ended, wherever it runs; raises MeshgateError."""
        if (query := self._queries.get(query_id)) is not None or query_id in self._records:
            return query
        return await self.elsewhere(query_id)

    def record(self, query_id: str) -> QueryRecord | None:
        """What is remembered of a statement, ended ones included."""
        return self._records.get(query_id)

    def own(self, principal: str) -> tuple[OwnQuery, ...]:
        """What is remembered of one principal's statements (``system.runtime.queries``)."""
        return tuple(
            OwnQuery(
                record.query_id,
                record.state,
                record.text,
                record.session.source or None,
                created=record.created,
                ended=record.ended,
                error_type=str(record.error.code.type) if record.error else None,
                error_code=record.error.name if record.error else None,
            )
            for record in self._records.values()
            if record.principal == principal
        )

    @property
    def open_count(self) -> int:
        """How many statements have not ended."""
        return sum(1 for query in self._queries.values() if not query.record.outcome)

    def ended(self, record: QueryRecord) -> None:
        """Log and count a statement that has ended: one line each."""
        error = record.error.name if record.error else ""
        self._metrics.finished(
            record.outcome, error, record.seconds, rows=record.rows, data_bytes=record.data_bytes
        )
        _LOG.info("query.finished", **log_line(record, error))

    def _ended(self, query: OpenQuery) -> None:
        self._one_ended.set()
        self._metrics.open_queries.dec()
        self.ended(query.record)

    def _forget(self, query_id: str) -> None:
        del self._queries[query_id]
        self.pages.drop(query_id)

    async def reap(self) -> None:
        """End abandoned statements and forget ended ones, for ever."""
        while True:
            await asyncio.sleep(min(_REAP_SECONDS, self.limits.idle_seconds / 2))
            await self.reap_once(time.monotonic())

    async def reap_once(self, now: float) -> None:
        """One round of the reaper."""
        for query_id, query in list(self._queries.items()):
            idle = now - query.touched
            if query.record.outcome:
                if idle > _LINGER_SECONDS:
                    self._forget(query_id)
            elif idle > self.limits.idle_seconds and query.lasts:
                # Its client may be at another gateway: the shared state knows when it is idle.
                self._forget(query_id)
                self._metrics.open_queries.dec()
            elif idle > self.limits.idle_seconds:
                await query.stop("abandoned", abandoned(self.limits.idle_seconds))

    async def drain(self, seconds: float) -> None:
        """Take no new statements; let open ones finish for so long, then cancel them.

        Statements of a cluster are left to whoever is asked for their next page.
        """
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.open_count:
                    self._one_ended.clear()
                    await self._one_ended.wait()
        for query in [query for query in self._queries.values() if not query.lasts]:
            await query.stop(
                "cancelled", MeshgateError("USER_CANCELED", "the gateway is shutting down; retry")
            )


async def _nowhere(_query_id: str) -> OpenQuery | None:
    return None


def run_seconds(session: Session, limits: Limits) -> float:
    """The statement's deadline: the smallest of what was asked and what is allowed."""
    asked = [
        duration(session.properties[name])
        for name in ("query_max_run_time", "query_max_execution_time")
        if name in session.properties
    ]
    return min([timedelta(seconds=limits.run_seconds), *asked]).total_seconds()


def abandoned(seconds: float) -> MeshgateError:
    """The error of a statement whose client went away."""
    return MeshgateError(
        "USER_CANCELED", f"the statement was abandoned: nothing asked for it in {seconds:.0f} s"
    )
