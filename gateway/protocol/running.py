"""The statements of this process: their pages, their end, and who may ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from gateway.errors import MeshgateError
from gateway.metadata.facts import OwnQuery
from gateway.protocol.messages import Page, Stats, error_json, warnings_json
from gateway.protocol.pages import RowWriter, data_json
from gateway.protocol.poll import Poll, Sealer
from gateway.protocol.producer import Producer, Stream
from gateway.protocol.properties import duration
from gateway.protocol.types import PARAMETRIC_DATETIME, columns_json, require_encodable
from gateway.query.plan import Plan
from gateway.session import Session
from gateway.telemetry import QUERY_UNRECORDED, Metrics

_LOG = structlog.get_logger()
_POLL_SECONDS = 1.0
_FIRST_GRACE, _LATER_GRACE = 0.01, 0.2
_LINGER_SECONDS = 60.0
_LINGER_BYTES = 64 << 20
_REMEMBERED = 1000
_REAP_SECONDS = 5.0


class GoneError(Exception):
    """An older page, forgotten since: HTTP 410."""


class NotHereError(Exception):
    """No such page: HTTP 404."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one gateway takes on, and for how long (seconds)."""

    max_open: int = 1000
    max_open_per_principal: int = 100
    idle_seconds: float = 300.0
    run_seconds: float = 3600.0


@dataclass(slots=True)
class QueryRecord:
    """What is known of one statement, for its owner's eyes and the log."""

    query_id: str
    text: str
    principal: str
    actor: str
    session: Session
    created: datetime
    plan: Plan | None = None
    state: str = "QUEUED"
    outcome: str = ""
    error: MeshgateError | None = None
    rows: int = 0
    data_bytes: int = 0
    ended: datetime | None = None
    started_at: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """From submission until the end, or until now."""
        if self.ended is not None:
            return (self.ended - self.created).total_seconds()
        return time.monotonic() - self.started_at

    def end(self, outcome: str, error: MeshgateError | None) -> None:
        """Note how it ended, without the frames an exception holds: they hold its statement."""
        self.outcome = outcome
        self.error = error and MeshgateError(
            error.name, error.message, line=error.line, column=error.column, audit=error.audit
        )
        self.state = "FINISHED" if outcome == "finished" else "FAILED"
        self.ended = datetime.now(UTC)


class RunningQuery:
    """One admitted statement and the page its client is on."""

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
        self.on_end: Callable[[RunningQuery], None] = lambda _: None
        self._drop = drop
        self._restricted = plan.restricted
        self._sealer = sealer
        self._seal = seal
        self._columns = columns_json(plan.columns, precise=precise)
        self._warnings = warnings_json(plan.warnings)
        self._producer = Producer(start, RowWriter(plan.columns, precise=precise), seconds)
        self._lock = asyncio.Lock()
        self._served = 0
        self._page: Page | None = None
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

    async def page(self, token: int, base: str) -> Page:
        """The page of a token: the current one again, or the next one.

        Raises:
            GoneError: an older page.
            NotHereError: a page not reached yet.

        """
        async with self._lock:
            self.touched = time.monotonic()
            if token == self._served and self._page is not None:
                return self._page
            if token <= self._served:
                raise GoneError
            if token != self._served + 1:
                raise NotHereError
            page = await self._next(token, base)
            self._served, self._page = token, page
            self.touched = time.monotonic()
            return page

    @property
    def held_bytes(self) -> int:
        """Bytes of rows kept for a client that asks for its page again."""
        return len(self._page.data or b"") if self._page is not None else 0

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
        seal = self._seal
        return self._sealer.path(
            Poll(
                seal.query_id, phase, token, seal.subject, seal.actor, seal.credential,
                seal.decision_id, seal.restricted,
            )
        )  # fmt: skip

    def _stats(self, state: str) -> Stats:
        elapsed = int(self.record.seconds * 1000)
        waited = int((self._started - self.record.started_at) * 1000) if self._started else elapsed
        ended = state in {"FINISHED", "FAILED"}
        percent = 100 if ended else (50 if self.record.rows else 0)
        if self._restricted:
            return Stats(state, elapsed, waited, percent)
        return Stats(state, elapsed, waited, percent, self.record.rows, self.record.data_bytes)


class RunningQueries:
    """All statements of this process; bounded, and cleared of abandoned ones."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.draining = False
        self._metrics = metrics
        self._one_ended = asyncio.Event()
        self._queries: dict[str, RunningQuery] = {}
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

    def add(self, query: RunningQuery) -> None:
        """Take in an admitted statement."""
        self._queries[query.record.query_id] = query
        query.on_end = self._ended
        self._metrics.open_queries.inc()

    def get(self, query_id: str) -> RunningQuery | None:
        """The statement whose pages can still be asked for."""
        return self._queries.get(query_id)

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
        _LOG.info("query.finished", **_line(record, error))

    def _ended(self, query: RunningQuery) -> None:
        self._one_ended.set()
        self._metrics.open_queries.dec()
        self.ended(query.record)
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Keep the last pages of ended statements within bounds; the newest stay."""
        kept = 0
        for query in reversed(list(self._queries.values())):
            if query.record.outcome:
                kept += query.held_bytes
                if kept > _LINGER_BYTES and self._queries.get(query.record.query_id) is query:
                    del self._queries[query.record.query_id]

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
                    del self._queries[query_id]
            elif idle > self.limits.idle_seconds:
                await query.stop("abandoned", _abandoned(self.limits.idle_seconds))

    async def drain(self, seconds: float) -> None:
        """Take no new statements; let open ones finish for so long, then cancel them."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.open_count:
                    self._one_ended.clear()
                    await self._one_ended.wait()
        for query in list(self._queries.values()):
            await query.stop(
                "cancelled", MeshgateError("USER_CANCELED", "the gateway is shutting down; retry")
            )


def run_seconds(session: Session, limits: Limits) -> float:
    """The statement's deadline: the smallest of what was asked and what is allowed."""
    asked = [
        duration(session.properties[name])
        for name in ("query_max_run_time", "query_max_execution_time")
        if name in session.properties
    ]
    return min([timedelta(seconds=limits.run_seconds), *asked]).total_seconds()


def _abandoned(seconds: float) -> MeshgateError:
    return MeshgateError(
        "USER_CANCELED", f"the statement was abandoned: nothing asked for it in {seconds:.0f} s"
    )


def _line(record: QueryRecord, error: str) -> dict[str, object]:
    plan = record.plan
    decision = plan.decision if plan else None
    scans = plan.governed.scans if plan and plan.governed else ()
    return {
        "query_id": record.query_id,
        "principal": record.principal,
        "actor": record.actor,
        "source": record.session.source,
        "cluster": "embedded",
        "domains": sorted({scan.table.domain for scan in scans}),
        "outcome": record.outcome,
        "error": error,
        "parse_us": plan.timings.parse_us if plan else 0,
        "decide_us": plan.timings.decide_us if plan else 0,
        "rewrite_us": plan.timings.rewrite_us if plan else 0,
        "elapsed_ms": int(record.seconds * 1000),
        "rows": record.rows,
        "bytes": record.data_bytes,
        "decision_id": decision.decision_id if decision else "",
        "revisions": dict(decision.revisions) if decision else {},
        "statement": plan.statement.digest if plan else "",
    }
