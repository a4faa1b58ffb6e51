"""The store: changes share durable commits, reads have a connection of their own.

A writer thread commits what waits in small groups: everything in a group shares one ``fsync``.
If the store fails, whoever waits gets an error: nothing is believed that is not on disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from gateway.errors import MeshgateError
from gateway.state.connection import (
    Connection,
    PostgresConnection,
    SqliteConnection,
    is_outage,
)

_LOG = structlog.get_logger()
_T = TypeVar("_T")
_TIMEOUT_SECONDS = 10.0
_STUCK_SECONDS = 9.0
_GROUP = 256


@dataclass(frozen=True, slots=True)
class Change(Generic[_T]):
    """What to change inside a commit, and what to do in memory once it is durable.

    ``run`` may run twice, the first time rolled back or in a commit whose answer was lost: it
    must find the same answer then.
    """

    run: Callable[[Connection], _T]
    committed: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Work:
    run: Callable[[Connection], Any]
    done: Future[Any] = field(default_factory=Future)


class Store:
    """One database: ``connect`` opens a connection. Safe from any event loop."""

    def __init__(self, connect: Callable[[], Connection], name: str = "state") -> None:
        connect().close()  # a store that cannot be opened stops the start, not a query
        self._writer = _Worker(connect, f"{name}-writer", durable=True)
        self._reader = _Worker(connect, f"{name}-reader", durable=False)

    @classmethod
    def sqlite(cls, path: Path) -> Store:
        """Open a file, made where it is missing."""
        return cls(lambda: SqliteConnection(path))

    @classmethod
    def postgres(cls, url: str) -> Store:
        """Open a PostgreSQL database (``postgresql://…``)."""
        return cls(lambda: PostgresConnection(url))

    async def write(self, change: Change[_T], *more: Change[Any]) -> _T:
        """Commit changes as one; return the first one's answer.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE: nothing of it may be relied on.

        """
        changes = (change, *more)
        answers = await self._writer.ask(lambda database: [c.run(database) for c in changes])
        for each in changes:
            each.committed()
        answer: _T = answers[0]
        return answer

    async def read(self, run: Callable[[Connection], _T]) -> _T:
        """Read what is committed; raises MeshgateError CONFIGURATION_UNAVAILABLE."""
        answer: _T = await self._reader.ask(run)
        return answer

    def close(self) -> None:
        """Write what waits, then stop. Idempotent."""
        self._writer.close()
        self._reader.close()


class _Worker:
    """A thread with a connection, working on groups of what waits."""

    def __init__(self, connect: Callable[[], Connection], name: str, *, durable: bool) -> None:
        self._connect = connect
        self._durable = durable
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._began: float | None = None
        self._down = False
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    async def ask(self, run: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - any change's
        work = self.post(run)
        if work is None:
            raise unavailable()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await asyncio.wrap_future(work.done)
        except TimeoutError:
            self._unstick()
            raise unavailable("timeout") from None

    def post(self, run: Callable[[Connection], Any]) -> _Work | None:
        if self._closed:
            return None
        work = _Work(run)
        self._waiting.put(work)
        return work

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join(_TIMEOUT_SECONDS)

    def _unstick(self) -> None:
        """Cut a connection on which nothing comes back; its group fails then, and may retry."""
        connection, began = self._connection, self._began
        if connection and began is not None and time.monotonic() - began > _STUCK_SECONDS:
            connection.cut()

    def _loop(self) -> None:
        while (group := self._next_group()) is not None:
            # who has given up by now was told that nothing of it counts
            if wanted := [work for work in group if not work.done.cancelled()]:
                self._serve(wanted)
        self._disconnect()

    def _serve(self, group: list[_Work]) -> None:
        """Work on a group; one bad change fails alone, a lost connection is tried anew once."""
        was_open = self._connection is not None
        error = self._try(group)
        if was_open and error is not None and is_outage(error):
            error = self._try(group)
        if error is None or is_outage(error) or len(group) == 1:
            self._note(error)
            if error is not None:
                _fail(group, error)
            return
        for work in group:
            if (alone := self._try([work])) is not None:
                _fail([work], alone)

    def _try(self, group: Sequence[_Work]) -> Exception | None:
        self._began = time.monotonic()
        try:
            if self._connection is None:
                self._connection = self._connect()
            answers = self._run(self._connection, group)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may believe in it
            self._disconnect()  # the next try opens the store anew
            return error
        finally:
            self._began = None
        for work, answer in zip(group, answers, strict=True):
            if work.done.set_running_or_notify_cancel():
                work.done.set_result(answer)
        return None

    def _run(self, connection: Connection, group: Sequence[_Work]) -> list[Any]:
        if not self._durable:
            return [work.run(connection) for work in group]
        with connection.transaction():
            return [work.run(connection) for work in group]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _note(self, error: Exception | None) -> None:
        """Say once that the store went away, and once that it is back."""
        if (error is not None) == self._down:
            return
        self._down = error is not None
        if error is not None:
            _LOG.error("state.unavailable", cause=type(error).__name__)
        else:
            _LOG.info("state.available")

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


def _fail(group: Sequence[_Work], error: Exception) -> None:
    for work in group:
        if work.done.set_running_or_notify_cancel():
            work.done.set_exception(unavailable(type(error).__name__))


def unavailable(cause: str = "closed") -> MeshgateError:
    """The one error of a store that cannot be used."""
    return MeshgateError(
        "CONFIGURATION_UNAVAILABLE",
        "access records are unavailable; try again, or tell the platform's operators",
        audit={"cause": cause},
    )
