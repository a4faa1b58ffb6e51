"""A connection to Trino that a test can cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

WHOLE = 1 << 40
"""More bytes than any answer has."""


@dataclass
class Wire:
    """What stands between: ``allow`` says how many bytes of answers pass on a connection.

    It is asked once for each connection, with its number; where fewer pass than come, and where
    none do, the connection ends by a reset.
    """

    target: str
    allow: Callable[[int], int] = lambda _: WHOLE
    port: int = 0
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The address that leads to the target."""
        return f"http://127.0.0.1:{self.port}"

    def cut_all(self) -> None:
        """Reset every connection that is open."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection as far as it may go."""
        self.connections += 1
        left = self.allow(self.connections)
        place = urlsplit(self.target)
        theirs_in, theirs_out = await asyncio.open_connection(place.hostname, place.port)
        self._open.add(writer)
        asking = asyncio.create_task(self._ask(reader, theirs_out))
        try:
            while left > 0 and (data := await theirs_in.read(min(left, 1 << 16))):
                left -= len(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._open.discard(writer)
            asking.cancel()
            theirs_out.close()
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except ConnectionError:
            return


@asynccontextmanager
async def wired(target: str) -> AsyncIterator[Wire]:
    """A wire to ``target`` on a free port, in this event loop."""
    wire = Wire(target)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut_all()


class ThreadedWire:
    """A wire in a thread of its own, for tests that wait for other processes."""

    def __init__(self, wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        self.wire = wire
        self._loop = loop

    def allow(self, passes: int) -> None:
        """From now on so many bytes pass on each connection; open ones are reset."""
        self.wire.allow = lambda _: passes
        self._loop.call_soon_threadsafe(self.wire.cut_all)


@contextmanager
def wire_in_thread(target: str) -> Iterator[ThreadedWire]:
    """A wire to ``target`` that carries while this thread does something else."""
    ready, found = threading.Event(), []
    ended: list[Callable[[], object]] = []

    async def carry() -> None:
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with wired(target) as wire:
            found.append(ThreadedWire(wire, loop))
            ended.append(lambda: loop.call_soon_threadsafe(end.set))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(carry()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        ended[0]()
        thread.join(10)
