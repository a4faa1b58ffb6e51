"""The gateway's end of one worker process."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import gateway
from gateway.engines import frames
from gateway.engines.frames import Frame, Kind
from gateway.engines.job import WorkerConfig
from gateway.tokens.model import TokenFunction

_START_SECONDS = 60.0
_BUFFER = 4 << 20
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class WorkerProcess:
    """A started worker. Its environment holds none of the gateway's secrets."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._functions: set[tuple[str, str]] = set()
        self.queries = 0
        self.resident_bytes = 0
        self.room_bytes = 0

    @classmethod
    async def start(cls, config: WorkerConfig) -> WorkerProcess:
        """Spawn, configure and wait until the worker can take a query."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - milliseconds; our own module
                [sys.executable, "-P", "-m", "gateway.engines.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                cwd="/",
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_BUFFER)
        worker = cls(process, reader, writer)
        try:
            await worker.send(Kind.START, 0, pickle.dumps(config))
            await asyncio.wait_for(worker.ready(), _START_SECONDS)
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Process id, for operators and tests."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether the process has ended by itself, or was killed."""
        return self._process.poll() is not None

    async def ready(self) -> None:
        """Wait for the word that the next query may come."""
        while True:
            frame = await self.read()
            if frame.kind is Kind.READY:
                said: dict[str, Any] = json.loads(frame.payload)
                self.resident_bytes = int(said["rss"])
                self.room_bytes = int(said["room"])
                return

    async def send(self, kind: Kind, query: int, payload: bytes = b"") -> None:
        """Send one frame; raises OSError once the worker is gone."""
        if self._writer.is_closing():  # uvloop's answer to writing then is no OSError
            raise BrokenPipeError
        await frames.write(self._writer, Frame(kind, query, payload))

    async def give_keys(self, functions: dict[str, TokenFunction]) -> None:
        """Send the functions this worker does not hold yet, as bytes on a private socket."""
        wanted = {(name, function.key.fingerprint) for name, function in functions.items()}
        missing = {name: functions[name] for name, _ in wanted - self._functions}
        if missing:
            await self.send(Kind.KEYS, 0, pickle.dumps(missing))
            self._functions |= wanted

    async def read(self) -> Frame:
        """Read the next frame; raises OSError, EOFError or ValueError once the worker is gone."""
        return await frames.read(self._reader)

    def kill(self) -> None:
        """End the process at once; its query fails, nothing else does."""
        self._process.kill()

    async def close(self) -> int:
        """Kill and reap. Returns the exit status (negative: signal)."""
        self._process.kill()
        self._writer.close()
        return await asyncio.to_thread(self._process.wait)

    async def status(self) -> int:
        """Reap a worker that ended by itself."""
        return await asyncio.to_thread(self._process.wait)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **passed,
        "HOME": "/",
        "PYTHONPATH": str(Path(gateway.__file__).parent.parent),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",
    }
