"""A TCP proxy on loopback that delays what passes: a network of a given round trip."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 1 << 16


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass everything on, each chunk so many seconds after it came, in order."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            loop.call_later(seconds, _write, writer, chunk)
    loop.call_later(seconds, writer.close)


def _write(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    if not writer.is_closing():
        writer.write(chunk)


async def _serve(port: int, target: int, one_way: float, ready: socket.socket) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, down = await asyncio.open_connection("127.0.0.1", target)
        for end in (writer, down):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(_pipe(reader, down, one_way), _pipe(upstream, writer, one_way))

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    ready.send(b"1")
    async with server:
        await server.serve_forever()


def _main(port: int, target: int, one_way: float, ready: socket.socket) -> None:
    asyncio.run(_serve(port, target, one_way, ready))


@contextmanager
def delayed(target: int, round_trip: float) -> Iterator[int]:
    """Give a port that leads to ``target`` with so many seconds of round trip."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    here, there = socket.socketpair()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_main, args=(port, target, round_trip / 2, there), daemon=True)
    process.start()
    here.settimeout(30)
    here.recv(1)
    try:
        yield port
    finally:
        process.terminate()
        process.join(10)
        here.close()
        there.close()
