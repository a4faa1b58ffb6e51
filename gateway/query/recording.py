"""One audit record per statement: ``started`` before the first page, ``finished`` at its end."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.audit import build
from gateway.audit.model import (
    FINISHED,
    STARTED,
    AuditRecord,
    Cost,
    Result,
    StatementText,
    TableUse,
    Who,
    Why,
)
from gateway.audit.store import AuditStore
from gateway.errors import MeshgateError
from gateway.policy.model import Decision
from gateway.query.asked import Asked
from gateway.query.commands import statement_text
from gateway.query.plan import Plan, Purpose
from gateway.sql.model import Statement
from gateway.state.store import Change


@dataclass(slots=True)
class Trail:
    """How far a statement came: what a refusal's record can tell."""

    outer: Statement | None = None
    statement: Statement | None = None
    purpose: Purpose | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A failed login: who was claimed, by which method, from where.

    ``claimed`` is a principal of the directory, or empty: an unknown name may be a password
    typed into the wrong field.
    """

    claimed: str
    method: str
    peer: str


@dataclass(frozen=True, slots=True)
class Told:
    """A recorded statement without its literals, and how it ended: empty while it is open."""

    text: str = ""
    state: str = ""
    error_name: str = ""


class Recorder:
    """Writes the records of one service; without a store (dry runs) it writes nothing."""

    def __init__(self, store: AuditStore | None) -> None:
        self._store = store

    async def refused(self, asked: Asked, trail: Trail, error: MeshgateError) -> None:
        """Record a refusal, durably, before its error is sent."""
        if self._store is None:
            return
        kind = trail.statement.kind if trail.statement else "UNKNOWN"
        names = [ref.name for ref in trail.statement.tables] if trail.statement else []
        record = AuditRecord(
            query_id=asked.query_id,
            phase=FINISHED,
            time=asked.now,
            who=build.who(asked.principal, asked.session.peer_address),
            statement=build.statement(statement_text(trail.outer, asked), kind, strict=True),
            claimed=asked.session.claimed,
            why=_why(asked, trail.purpose or Purpose(), trail.decision),
            tables=build.refused_tables(names, trail.decision, asked.snapshot),
            result=Result("refused", error.name),
        )
        await self._store.finished(record)

    async def started(self, plan: Plan, asked: Asked) -> OpenRecord:
        """Make the ``started`` record durable; raises CONFIGURATION_UNAVAILABLE if it cannot."""
        record = self.opening(plan, asked)
        await record.started()
        return record

    def opening(self, plan: Plan, asked: Asked) -> OpenRecord:
        """The record of a statement that is about to start; nothing is written yet."""
        return OpenRecord(self._store, _admitted(plan, asked))

    async def end_if(
        self, won: Change[bool], query_id: str, result: Result, engine_id: str
    ) -> bool:
        """Record the end of a statement found in the shared state, for the one who takes it."""
        if self._store is None:
            return False
        return await self._store.end_if(won, query_id, result, engine_id)

    async def told(self, query_id: str) -> Told:
        """What the record tells of a statement another process took; raises MeshgateError."""
        body = await self._store.find(query_id) if self._store is not None else None
        if body is None:
            return Told(state="forgotten")
        result = body["result"]
        return Told(body["statement"]["redacted_sql"], result["state"], result["error_name"])

    def found(self, query_id: str) -> FoundRecord:
        """The record of a statement that another process started."""
        return FoundRecord(self._store, query_id)

    async def dropped(self, plan: Plan, asked: Asked, state: str) -> None:
        """Record an admitted statement that ended before it was started."""
        if self._store is not None:
            record = replace(_admitted(plan, asked), phase=FINISHED, result=Result(state))
            await self._store.finished(record)

    async def login_failed(self, attempt: LoginAttempt, now: datetime) -> None:
        """Record a failed login under an id of its own."""
        if self._store is None:
            return
        record = AuditRecord(
            query_id=f"login_{uuid.uuid4().hex}",
            phase=FINISHED,
            time=now,
            who=Who(attempt.claimed, method=attempt.method, peer_address=attempt.peer),
            statement=StatementText("", "", ""),
            kind="login_failure",
            result=Result("refused", "PERMISSION_DENIED"),
        )
        await self._store.finished(record)


def as_refusal(error: BaseException) -> MeshgateError:
    """The error as its record names it: a defect has no name of its own."""
    if isinstance(error, MeshgateError):
        return error
    return MeshgateError("GENERIC_INTERNAL_ERROR", "the gateway failed")


class OpenRecord:
    """The record of a running statement; the first way it ends is the one that stands."""

    def __init__(self, store: AuditStore | None, record: AuditRecord) -> None:
        self._store = store
        self._record = record
        self._began = time.perf_counter_ns()
        self._closed = False
        self.rows = 0
        self.bytes = 0

    async def started(self, *also: Change[Any]) -> None:
        """Make it durable, other changes with it; raises CONFIGURATION_UNAVAILABLE."""
        if self._store is not None:
            await self._store.started(self._record, *also)

    def count(self, rows: int, size: int) -> None:
        """Add delivered rows and their Arrow bytes."""
        self.rows += rows
        self.bytes += size

    async def finished(self) -> None:
        """All rows were delivered."""
        await self._close(Result("finished", rows=self.rows, bytes=self.bytes))

    async def failed(self, error: MeshgateError) -> None:
        """The statement ended with an error."""
        await self._close(Result("failed", error.name, rows=self.rows, bytes=self.bytes))

    async def closed(self, state: str, error_name: str = "") -> None:
        """Stopped from outside: cancelled, abandoned, revoked, or failed by a named error."""
        await self._close(Result(state, error_name, rows=self.rows, bytes=self.bytes))

    async def end(self, result: Result, engine_query_id: str, *also: Change[Any]) -> None:
        """The statement ended on a cluster, where it had that id; other changes with it."""
        self._record = replace(self._record, engine_query_id=engine_query_id)
        await self._close(result, *also)

    async def _close(self, result: Result, *also: Change[Any]) -> None:
        if self._closed or self._store is None:
            return
        self._closed = True
        wall = (time.perf_counter_ns() - self._began) // 1000
        await self._store.finished(
            replace(
                self._record,
                phase=FINISHED,
                result=result,
                cost=replace(self._record.cost, wall_us=wall),
            ),
            *also,
        )


class FoundRecord:
    """The record of a statement that another process started, or this one before a restart."""

    def __init__(self, store: AuditStore | None, query_id: str) -> None:
        self._store = store
        self._query_id = query_id

    async def end(self, result: Result, engine_query_id: str, *also: Change[Any]) -> None:
        """Make ``finished`` of what the store holds as ``started``; the first end stands."""
        if self._store is not None:
            await self._store.end(self._query_id, result, engine_query_id, *also)


Ending = OpenRecord | FoundRecord


def _admitted(plan: Plan, asked: Asked) -> AuditRecord:
    """The record of an admitted statement as it starts; unbound text keeps no quoted name."""
    governed = plan.governed
    return AuditRecord(
        query_id=asked.query_id,
        phase=STARTED,
        time=asked.now,
        who=build.who(asked.principal, asked.session.peer_address),
        statement=build.statement(
            asked.text, plan.statement.kind, governed, strict=governed is None
        ),
        kind="metadata" if plan.sources or governed is None else "query",
        claimed=asked.session.claimed,
        why=_why(asked, plan.purpose, plan.decision),
        tables=_tables(plan),
        cost=Cost(
            parse_us=plan.timings.parse_us,
            decide_us=plan.timings.decide_us,
            rewrite_us=plan.timings.rewrite_us,
        ),
        lineage=build.lineage(governed) if governed and not plan.sources else (),
        usage=build.usage(governed) if governed and not plan.sources else (),
    )


def _tables(plan: Plan) -> tuple[TableUse, ...]:
    if plan.sources:
        return ()
    if plan.governed is not None:
        return build.tables(plan.governed, plan.snapshot)
    if plan.decision is None:
        return ()
    names = [ref.name for ref in plan.statement.tables]
    return build.refused_tables(names, plan.decision, plan.snapshot)


def _why(asked: Asked, purpose: Purpose, decision: Decision | None) -> Why:
    reason = asked.session.properties.get("meshgate.reason", "")
    if decision is None:
        return Why(purpose.name, purpose.origin, reason, catalog_version=asked.snapshot.version)
    return Why(
        purpose.name,
        purpose.origin,
        reason,
        decision.decision_id,
        decision.fingerprint,
        decision.engine,
        decision.effect,
        decision.input_sha256,
        decision.revisions,
        asked.snapshot.version,
    )
