"""Heavy statements are parsed and governed apart, in a process with capped CPU and memory.

A statement above ``HEAVY_TOKENS`` may cost seconds of CPU; here it can neither hold up the
event loop nor outgrow its caps. The worker is started on first use and replaced when it dies.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from gateway.errors import MeshgateError

CPU_SECONDS = 2
MEMORY_BYTES = 1 << 30
_RECURSION = 20_000  # trees of long operator chains are pickled recursively
_WALL_SECONDS = 20.0

_SILENT: tuple[str, Any] = ("silent", None)

Result = TypeVar("Result")


class CappedWorker:
    """Runs one call at a time in a child process. Safe for one event loop."""

    def __init__(self, cpu_seconds: int = CPU_SECONDS) -> None:
        self._cpu_seconds = cpu_seconds
        self._lock = asyncio.Lock()
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    async def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Run a picklable top-level function there.

        Raises:
            MeshgateError: what the function raised, or QUERY_REJECTED where a cap was hit.

        """
        async with self._lock:
            return await asyncio.to_thread(self._call, function, arguments)

    def _call(self, function: Callable[..., Any], arguments: tuple[object, ...]) -> Any:  # noqa: ANN401 - whatever came through the pipe
        pipe = self._started()
        try:
            pipe.send((function, arguments))
            outcome, value = pipe.recv() if pipe.poll(_WALL_SECONDS) else _SILENT
        except (EOFError, OSError):
            outcome, value = _SILENT
        if outcome == "silent":
            self.close()
            raise MeshgateError(
                "QUERY_REJECTED",
                f"the statement needs more than {self._cpu_seconds} s to analyse; "
                "split it into smaller statements",
            )
        if outcome == "error":
            name, message, line, column, audit = value
            raise MeshgateError(name, message, line=line, column=column, audit=audit)
        return value

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._pipe is None:
            self.close()
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(
                target=_serve, args=(theirs, self._cpu_seconds), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.join(timeout=5)
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection, cpu_seconds: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(_RECURSION)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        _cap(cpu_seconds)
        pipe.send(_outcome(function, arguments))


def _cap(cpu_seconds: int) -> None:
    """Allow this many more seconds of CPU, and so much memory beyond what is mapped now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + cpu_seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a kernel file
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, resource.RLIM_INFINITY))


def _outcome(function: Callable[..., Any], arguments: tuple[object, ...]) -> tuple[str, Any]:
    try:
        return "value", function(*arguments)
    except MeshgateError as error:
        return "error", (error.name, error.message, error.line, error.column, dict(error.audit))
    except MemoryError:
        return "error", ("QUERY_REJECTED", "the statement is too large to analyse", None, None, {})
