"""A fixed number of warm workers: one query each, replaced when they die or grow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway.engines.failures import failure
from gateway.engines.job import WorkerConfig
from gateway.engines.process import WorkerProcess

_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers, how many queries may wait, when a worker is replaced."""

    workers: int = 2
    waiting: int = 32
    queries_per_worker: int = 500
    resident_bytes: int = 1 << 30


class Pool:
    """Hands out idle workers. Use it from one event loop."""

    def __init__(self, config: WorkerConfig, limits: PoolLimits) -> None:
        self._config = config
        self._limits = limits
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._all: set[WorkerProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    async def start(self) -> None:
        """Start all workers; raises if one cannot start."""
        started = await asyncio.gather(*(self._spawn() for _ in range(self._limits.workers)))
        for worker in started:
            self._idle.put_nowait(worker)

    async def acquire(self, seconds: float, query_id: str) -> WorkerProcess:
        """Wait for an idle worker; raises QUERY_QUEUE_FULL or EXCEEDED_TIME_LIMIT."""
        if self._closed or (self._idle.empty() and self._waiting >= self._limits.waiting):
            raise failure("QUERY_QUEUE_FULL", query_id)
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._living()
        except TimeoutError:
            raise failure("EXCEEDED_TIME_LIMIT", query_id) from None
        finally:
            self._waiting -= 1

    async def _living(self) -> WorkerProcess:
        """Wait for an idle worker; those that died while idle are replaced, not handed out."""
        while (worker := await self._idle.get()).gone:
            self.release(worker, alive=False)
        return worker

    def release(self, worker: WorkerProcess, *, alive: bool) -> None:
        """Take a worker back after its query; a new one replaces it where needed."""
        task = asyncio.get_running_loop().create_task(self._recover(worker, alive=alive))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Kill every worker and wait for them."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in tuple(self._all)))
        self._all.clear()

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the living workers."""
        return frozenset(worker.pid for worker in self._all)

    async def _recover(self, worker: WorkerProcess, *, alive: bool) -> None:
        worker.queries += 1
        if alive and await _settled(worker) and not self._worn(worker):
            self._idle.put_nowait(worker)
            return
        self._all.discard(worker)
        await worker.close()
        while not self._closed:
            try:
                fresh = await self._spawn()
            except (OSError, EOFError, ValueError, TimeoutError):
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._idle.put_nowait(fresh)
            return

    async def _spawn(self) -> WorkerProcess:
        worker = await WorkerProcess.start(self._config)
        self._all.add(worker)
        return worker

    def _worn(self, worker: WorkerProcess) -> bool:
        """Whether a worker has served its time, or a past query left too little for the next."""
        old = worker.queries >= self._limits.queries_per_worker
        cramped = worker.room_bytes < self._config.memory // 2
        return old or cramped or worker.resident_bytes > self._limits.resident_bytes


async def _settled(worker: WorkerProcess) -> bool:
    """Wait until a worker has thrown its last database away; False if it died meanwhile."""
    try:
        await asyncio.wait_for(worker.ready(), _RETRY_SECONDS * 10)
    except (OSError, EOFError, ValueError, TimeoutError):
        return False
    return True
