"""The audit store: durable before the page, one record per statement and phase.

A writer thread commits records in small groups: everything that waits shares one
``fsync``. If the store fails, the statement fails: no record, no page.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from gateway.audit.database import Database, Row
from gateway.audit.model import FINISHED, STARTED, AuditRecord, Result, instant
from gateway.errors import MeshgateError

_T = TypeVar("_T")

_TIMEOUT_SECONDS = 10.0
_GROUP = 256


@dataclass(frozen=True, slots=True)
class _Work:
    """Something to do inside one commit, and who waits for it."""

    run: Callable[[Database], Any]
    done: Future[Any] = field(default_factory=Future)


class AuditStore:
    """Writes audit records to SQLite at ``path``. One per process; safe from any event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        Database(path).close()  # a store that cannot be opened stops the start, not a query
        self._thread = threading.Thread(target=self._write, name="audit-writer", daemon=True)
        self._thread.start()

    async def started(self, record: AuditRecord) -> None:
        """Make a ``started`` record durable.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written; send no page then.

        """
        await self._record(record, STARTED)

    async def finished(self, record: AuditRecord) -> None:
        """Make a ``finished`` record durable; the first one of a query stands.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written.

        """
        await self._record(record, FINISHED)

    async def end(self, query_id: str, result: Result, engine_query_id: str = "") -> None:
        """Make a ``finished`` record of what another process, or an earlier one, started.

        Nothing happens where the statement has ended, or was never started.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written.

        """
        await self._ask(lambda database: database.end(query_id, result, engine_query_id))

    async def query(
        self,
        *,
        principal: str | None = None,
        table: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Return bodies of the latest records, newest first, one per statement."""
        row = Row(principal, table, outcome)
        return await self._ask(lambda database: database.latest(row, limit))

    async def find(self, query_id: str) -> dict[str, Any] | None:
        """Return the latest record of one query, or None."""
        return await self._ask(lambda database: database.find(query_id))

    async def close_abandoned(self, running: Collection[str], before: datetime) -> int:
        """Finish, as ``abandoned``, queries started before then that nobody runs; how many."""
        alive, moment = frozenset(running), instant(before)
        return await self._ask(lambda database: database.abandon(alive, moment))

    def close(self) -> None:
        """Write what waits, then stop. Idempotent."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join(_TIMEOUT_SECONDS)

    async def _record(self, record: AuditRecord, phase: str) -> None:
        if record.phase != phase:
            raise ValueError(f"a {record.phase} record cannot be written as {phase}")
        body = record.body().decode()
        await self._ask(lambda database: database.insert(record, body))

    async def _ask(self, run: Callable[[Database], _T]) -> _T:
        if self._closed:
            raise _unavailable()
        work = _Work(run)
        self._waiting.put(work)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer: _T = await asyncio.wrap_future(work.done)
                return answer
        except TimeoutError:
            raise _unavailable() from None

    def _write(self) -> None:
        database: Database | None = None
        while (group := self._next_group()) is not None:
            try:
                database = database or Database(self._path)
                database.commit(group)
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody may believe in it
                _fail(group, error)
                if database is not None:
                    database.close()
                database = None  # the next group opens the store anew
        if database is not None:
            database.close()

    def _next_group(self) -> list[_Work] | None:
        """Everything that waits, at most one group; None when closing."""
        first = self._waiting.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _GROUP:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._waiting.put(None)
                break
            group.append(more)
        return group


def _fail(group: list[_Work], error: Exception) -> None:
    for work in group:
        if work.done.set_running_or_notify_cancel():
            work.done.set_exception(_unavailable(type(error).__name__))


def _unavailable(cause: str = "closed") -> MeshgateError:
    return MeshgateError(
        "CONFIGURATION_UNAVAILABLE",
        "access records are unavailable; try again, or tell the platform's operators",
        audit={"cause": cause},
    )
