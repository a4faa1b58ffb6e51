"""One statement of this process: its pages and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import structlog

from gateway.errors import MeshgateError
from gateway.protocol.messages import Page, Stats, error_json, warnings_json
from gateway.protocol.pages import RowWriter, data_json
from gateway.protocol.poll import Poll, Sealer
from gateway.protocol.producer import Producer, Stream
from gateway.protocol.record import QueryRecord
from gateway.protocol.served import GoneError, NotHereError, ServedPages
from gateway.protocol.table import OpenQuery
from gateway.protocol.types import PARAMETRIC_DATETIME, columns_json, require_encodable
from gateway.query.plan import Plan
from gateway.telemetry import QUERY_UNRECORDED

_LOG = structlog.get_logger()
_POLL_SECONDS = 1.0
_FIRST_GRACE, _LATER_GRACE = 0.01, 0.2


class RunningQuery:
    """One admitted statement of this process and the page its client is on."""

    lasts = False

    def __init__(
        self,
        record: QueryRecord,
        plan: Plan,
        start: Callable[[], Awaitable[Stream]],
        *,
        drop: Callable[[str], Awaitable[None]],
        sealer: Sealer,
        seal: Poll,
        seconds: float,
    ) -> None:
        require_encodable(plan.columns)
        precise = PARAMETRIC_DATETIME in record.session.capabilities
        self.record = record
        self.touched = time.monotonic()
        self.headers: Mapping[str, str] = {}
        self.on_end: Callable[[OpenQuery], None] = lambda _: None
        self.pages = ServedPages()
        self._drop = drop
        self._restricted = plan.restricted
        self._sealer = sealer
        self._seal = seal
        self._columns = columns_json(plan.columns, precise=precise)
        self._warnings = warnings_json(plan.warnings)
        self._producer = Producer(start, RowWriter(plan.columns, precise=precise), seconds)
        self._lock = asyncio.Lock()
        self._served = 0
        self._started = 0.0

    def submitted(self, base: str) -> Page:
        """The answer to POST: no columns, no rows, where to go next."""
        return Page(
            self.record.query_id,
            base,
            self._stats("QUEUED"),
            self._warnings,
            next_path=self._path("queued", 1),
        )

    async def page(self, poll: Poll, base: str) -> Page:
        """The page of an address: the current one again, or the next one.

        Raises:
            GoneError: an older page.
            NotHereError: a page not reached yet.

        """
        token = poll.token
        async with self._lock:
            self.touched = time.monotonic()
            if self._served and token == self._served:
                return self.pages.again(self.record.query_id)
            if token <= self._served:
                raise GoneError
            if token != self._served + 1:
                raise NotHereError
            page = await self._next(token, base)
            self._served = token
            self.pages.keep(self.record.query_id, page)
            self.touched = time.monotonic()
            return page

    def touch(self) -> None:
        """Note that the client is still there."""
        self.touched = time.monotonic()

    async def cancel(self) -> None:
        """End the statement for its client."""
        await self.stop("cancelled", MeshgateError("USER_CANCELED", "Query was canceled"))

    async def stop(self, outcome: str, error: MeshgateError | None) -> None:
        """End the statement; the next page tells why. Every way to end leaves its record."""
        if self.record.outcome:
            return
        state = outcome if outcome in {"cancelled", "abandoned"} else "revoked"
        try:
            await self._producer.stop(state, error)
            if not self._producer.started:
                await self._drop(state)
        except MeshgateError as failure:  # the records are down: the work has ended all the same
            _LOG.error(QUERY_UNRECORDED, query_id=self.record.query_id, error=failure.name)
        self._end(outcome, error)

    async def finish_early(self) -> None:
        """Stop reading; the rows that wait are still delivered."""
        await self._producer.finish_early()

    async def _next(self, token: int, base: str) -> Page:
        if not self._producer.launched and not self._producer.done:
            self._started = time.monotonic()
            self._producer.launch()
            self.record.state = "RUNNING"
        grace = _LATER_GRACE if self.record.rows else _FIRST_GRACE
        chunks = await self._producer.take(_POLL_SECONDS, grace)
        rows = sum(chunk.rows for chunk in chunks)
        self.record.rows += rows
        data = data_json(chunks) if rows else None
        self.record.data_bytes += len(data or b"")
        if self._producer.exhausted:
            return self._last(base, data)
        return Page(
            self.record.query_id,
            base,
            self._stats("RUNNING"),
            self._warnings,
            next_path=self._path("executing", token + 1),
            cancel_path=self._path("partialCancel", token),
            columns=self._columns,
            data=data,
        )

    def _last(self, base: str, data: bytes | None) -> Page:
        error = self._producer.error
        self._end("failed" if error else "finished", error)
        error = self.record.error
        return Page(
            self.record.query_id,
            base,
            self._stats("FAILED" if error else "FINISHED"),
            self._warnings,
            columns=self._columns,
            data=data,
            error=error_json(error, self.record.text) if error else None,
        )

    def _end(self, outcome: str, error: MeshgateError | None) -> None:
        record = self.record
        if record.outcome:
            return
        record.end(outcome, error)
        self.on_end(self)

    def _path(self, phase: str, token: int) -> str:
        return self._sealer.path(replace(self._seal, phase=phase, token=token))

    def _stats(self, state: str) -> Stats:
        elapsed = int(self.record.seconds * 1000)
        waited = int((self._started - self.record.started_at) * 1000) if self._started else elapsed
        ended = state in {"FINISHED", "FAILED"}
        percent = 100 if ended else (50 if self.record.rows else 0)
        if self._restricted:
            return Stats(state, elapsed, waited, percent)
        return Stats(state, elapsed, waited, percent, self.record.rows, self.record.data_bytes)
