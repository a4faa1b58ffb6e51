"""Turns a running statement into row chunks, never far ahead of the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import pyarrow as pa
import structlog

from gateway.errors import MeshgateError
from gateway.protocol.pages import TARGET_BYTES, Chunk, RowWriter
from gateway.results import ResultStream
from gateway.telemetry import QUERY_DEFECT, where

_LOG = structlog.get_logger()
_INLINE_BYTES = 64 << 10
_TIME_LIMIT, _DEFECT = "EXCEEDED_TIME_LIMIT", "GENERIC_INTERNAL_ERROR"


class Stream(ResultStream, Protocol):
    """A result whose end is recorded under the state it is cancelled with."""

    async def cancel(self, state: str = "cancelled", error_name: str = "") -> None:
        """Stop; ``state`` is cancelled, abandoned, revoked, or failed by a named error."""
        ...


class Producer:
    """Reads one stream in a task of its own. About two pages at most wait for the client.

    Args:
        start: starts the statement; called once, at the client's first poll.
        writer: encodes batches.
        seconds: the statement's deadline from its start.

    """

    def __init__(
        self, start: Callable[[], Awaitable[Stream]], writer: RowWriter, seconds: float
    ) -> None:
        self._start = start
        self._writer = writer
        self._seconds = seconds
        self._chunks: deque[Chunk] = deque()
        self._waiting = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._stream: Stream | None = None
        self._end = ("failed", _TIME_LIMIT)  # what a start that is cut short is recorded as
        self.started = False  # whether the statement itself records how it ends
        self.done = False
        self.error: MeshgateError | None = None

    @property
    def launched(self) -> bool:
        """Whether the statement has been started."""
        return self._task is not None

    def launch(self) -> None:
        """Start the statement."""
        self._task = asyncio.create_task(self._run())

    async def take(self, patience: float, grace: float) -> list[Chunk]:
        """Wait up to ``patience`` seconds for rows, then up to ``grace`` for a fuller page."""
        await self._wait(lambda: bool(self._chunks) or self.done, patience)
        if not self.done:
            await self._wait(lambda: self._waiting >= TARGET_BYTES or self.done, grace)
        taken: list[Chunk] = []
        size = 0
        while self._chunks and size < TARGET_BYTES:
            chunk = self._chunks.popleft()
            taken.append(chunk)
            size += len(chunk.json)
        self._waiting -= size
        if taken and not self.done:
            await self._notify()
        return taken

    @property
    def exhausted(self) -> bool:
        """Whether nothing more will come."""
        return self.done and not self._chunks

    async def stop(self, state: str, error: MeshgateError | None) -> None:
        """End the work now and forget waiting rows; idempotent."""
        self._chunks.clear()
        self._waiting = 0
        self.error = self.error or error
        if self.done:
            return
        self.done = True
        self._end = (state, "")
        try:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
            if self._stream is not None:
                await self._stream.cancel(state)
        finally:
            await self._notify()

    async def finish_early(self) -> None:
        """End the work but keep the rows that already wait: a partial cancel."""
        kept = list(self._chunks)
        await self.stop("cancelled", None)
        if self.error is None:
            self._chunks.extend(kept)

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._produce()
        except TimeoutError:
            self.error = MeshgateError(
                _TIME_LIMIT,
                f"Query exceeded the maximum run time limit of {self._seconds:.2f}s; "
                "narrow it, or raise query_max_run_time if you may",
            )
            await self._fail(_TIME_LIMIT)
        except MeshgateError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the edge: every defect becomes a refusal
            _LOG.error(QUERY_DEFECT, **where(error))
            self.error = MeshgateError(
                _DEFECT, "the gateway failed; tell its operator the query id"
            )
            await self._fail(_DEFECT)
        self.done = True
        await self._notify()

    async def _fail(self, error_name: str) -> None:
        """Stop a stream that did not end by itself; without its record no page may follow."""
        if self._stream is None:
            return
        try:
            await self._stream.cancel("failed", error_name)
        except MeshgateError as error:
            self.error = error

    async def _produce(self) -> None:
        self._stream = await self._begin()
        async for batch in self._stream.batches():
            chunks = self._writer.chunks(batch)
            while (chunk := await _next(chunks, batch)) is not None:
                await self._put(chunk)

    async def _begin(self) -> Stream:
        """Start; if cancelled meanwhile, let it start and then cancel it, so it is recorded."""
        self.started = True
        starting = asyncio.ensure_future(self._start())
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if not starting.done() or starting.exception() is None:
                stream = await starting
                await stream.cancel(*self._end)
            raise

    async def _put(self, chunk: Chunk) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting < TARGET_BYTES)
            self._chunks.append(chunk)
            self._waiting += len(chunk.json)
            self._changed.notify_all()

    async def _wait(self, ready: Callable[[], bool], seconds: float) -> None:
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(ready)
            except TimeoutError:
                return

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _next(chunks: Iterator[Chunk], batch: pa.RecordBatch) -> Chunk | None:
    """Encode the next chunk; a large one off the event loop, which Arrow's kernels allow."""
    if batch.nbytes < _INLINE_BYTES:
        return next(chunks, None)
    return await asyncio.to_thread(next, chunks, None)
