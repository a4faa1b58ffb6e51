"""A running embedded query as a result stream: bounded, with a deadline, safe to abandon."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa

from gateway.engines.base import RunOptions
from gateway.engines.failures import SENTENCES, failure
from gateway.engines.frames import Frame, Kind
from gateway.engines.pool import Pool
from gateway.engines.process import WorkerProcess
from gateway.errors import ERRORS, MeshgateError
from gateway.results import ResultColumn

_AHEAD = 2
_GRACE_SECONDS = 2.0

_Item = pa.RecordBatch | None


class EmbeddedStream:
    """Batches of one query. At most two wait unread; the worker computes no further ahead."""

    def __init__(
        self,
        columns: tuple[ResultColumn, ...],
        worker: WorkerProcess,
        pool: Pool,
        number: int,
        options: RunOptions,
    ) -> None:
        self.columns = columns
        self._worker = worker
        self._pool = pool
        self._number = number
        self._options = options
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._schema: pa.Schema | None = None
        self._rows = 0
        self._bytes = 0
        self._error: MeshgateError | None = None
        self._stopping: str | None = None
        self._done = asyncio.Event()
        self._alarms: list[asyncio.TimerHandle] = []
        self._pump_task: asyncio.Task[None] | None = None
        self._stop_task: asyncio.Task[None] | None = None

    async def start(self, job: bytes, seconds: float) -> None:
        """Send the query and the first credit; ``seconds`` are left of its deadline."""
        loop = asyncio.get_running_loop()
        self._alarms.append(loop.call_later(seconds, self._stop, "EXCEEDED_TIME_LIMIT"))
        self._pump_task = loop.create_task(self._pump())
        try:
            await self._worker.send(Kind.QUERY, self._number, job)
            for _ in range(_AHEAD):
                await self._worker.send(Kind.CREDIT, self._number)
        except OSError:
            # The pump notices the end of the worker and reports it.
            return
        except asyncio.CancelledError:
            self._stop("USER_CANCELED")
            raise

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Yield batches in order; raises MeshgateError if the answer is not complete."""
        try:
            while (batch := await self._queue.get()) is not None:
                yield batch
                await self._credit()
            if self._error is not None:
                raise self._error
        finally:
            await self.cancel()

    async def cancel(self) -> None:
        """Stop the work and free the worker. Idempotent; nothing happens after the end."""
        if not self._done.is_set():
            self._stop("USER_CANCELED")
            await self._done.wait()

    async def _credit(self) -> None:
        if not self._done.is_set():
            try:
                await self._worker.send(Kind.CREDIT, self._number)
            except OSError:
                return

    def _stop(self, name: str) -> None:
        """Ask the worker to stop, kill it if it does not within the grace."""
        if self._stopping is not None or self._done.is_set():
            return
        self._stopping = name
        loop = asyncio.get_running_loop()
        self._alarms.append(loop.call_later(_GRACE_SECONDS, self._worker.kill))
        self._stop_task = loop.create_task(self._say_cancel())

    async def _say_cancel(self) -> None:
        try:
            await self._worker.send(Kind.CANCEL, self._number)
        except OSError:
            self._worker.kill()

    async def _pump(self) -> None:
        alive = True
        try:
            while not self._heed(await self._worker.read()):
                pass
        except (OSError, EOFError, ValueError, KeyError, pa.ArrowException):
            alive = False
            self._worker.kill()
            self._error = self._died(await self._worker.status())
        finally:
            for alarm in self._alarms:
                alarm.cancel()
            self._done.set()
            self._queue.put_nowait(None)
            self._pool.release(self._worker, alive=alive)

    def _heed(self, frame: Frame) -> bool:
        """Take one frame; True at the end of the query."""
        match frame.kind:
            case Kind.SCHEMA:
                self._schema = pa.ipc.read_schema(pa.py_buffer(frame.payload))
            case Kind.BATCH:
                self._take(frame.payload)
            case Kind.END:
                if self._stopping is not None:
                    self._error = failure(self._stopping, self._options.query_id)
                return True
            case Kind.FAILED:
                self._error = self._failed(json.loads(frame.payload))
                return True
            case _:
                raise ValueError("a worker sent a frame of the gateway")
        return False

    def _take(self, payload: bytes) -> None:
        if self._stopping is not None:
            return
        batch = pa.ipc.read_record_batch(pa.py_buffer(payload), self._schema)
        self._rows += batch.num_rows
        self._bytes += len(payload)
        most_rows, most_bytes = self._options.max_rows, self._options.max_bytes
        too_many = most_rows is not None and self._rows > most_rows
        if too_many or (most_bytes is not None and self._bytes > most_bytes):
            self._stop("MESHGATE_QUOTA_EXCEEDED")
            return
        self._queue.put_nowait(batch)

    def _failed(self, said: dict[str, Any]) -> MeshgateError:
        if self._stopping is not None:
            return failure(self._stopping, self._options.query_id)
        name, cause = str(said.get("name")), str(said.get("cause"))
        message = said.get("message")
        if isinstance(message, str) and name in ERRORS:
            return MeshgateError(name, message, audit={"engine_error": cause})
        return failure(name if name in SENTENCES else "", self._options.query_id, cause=cause)

    def _died(self, status: int) -> MeshgateError:
        """Say why a worker is gone: our own kill, memory, or unknown."""
        query_id = self._options.query_id
        if self._stopping is not None:
            return failure(self._stopping, query_id)
        if status == -signal.SIGABRT:
            return failure("EXCEEDED_LOCAL_MEMORY_LIMIT", query_id, cause="abort")
        return MeshgateError(
            "GENERIC_INTERNAL_ERROR",
            "the worker process of this query ended unexpectedly; only this query failed: "
            f"run it again, with fewer rows if it fails again (query {query_id})",
            audit={"engine_error": f"worker exit status {status}"},
        )
