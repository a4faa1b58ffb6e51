"""Frames between gateway and worker: one kind byte, query number, length, payload.

The gateway sends pickles of its own values; a worker answers only with JSON and Arrow
IPC, so that nothing a worker says is ever executed.
"""

from __future__ import annotations

import socket
import struct
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from enum import IntEnum

_HEAD = struct.Struct("!BIQ")
_MAX_PAYLOAD = 1 << 31


class Kind(IntEnum):
    """What a frame carries. The first five go to workers, the others come from them."""

    START = 1
    KEYS = 2
    QUERY = 3
    CREDIT = 4
    CANCEL = 5
    READY = 16
    SCHEMA = 17
    BATCH = 18
    END = 19
    FAILED = 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One message about query ``query`` (0: about the worker)."""

    kind: Kind
    query: int
    payload: bytes

    def encode_head(self) -> bytes:
        """Return the fixed-size head."""
        return _HEAD.pack(self.kind, self.query, len(self.payload))


class Closed(Exception):  # noqa: N818 - an end, not an error
    """The other side is gone."""


def send(sock: socket.socket, frame: Frame) -> None:
    """Send a frame; blocks while the other side is behind."""
    sock.sendall(frame.encode_head())
    if frame.payload:
        sock.sendall(frame.payload)


def receive(sock: socket.socket) -> Frame:
    """Read the next frame; raises Closed at the end."""
    kind, query, size = _HEAD.unpack(_exactly(sock, _HEAD.size))
    return Frame(Kind(kind), query, _exactly(sock, size))


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise Closed
        parts += part
    return bytes(parts)


async def write(writer: StreamWriter, frame: Frame) -> None:
    """Send a frame from the gateway."""
    writer.write(frame.encode_head())
    writer.write(frame.payload)
    await writer.drain()


async def read(reader: StreamReader) -> Frame:
    """Read a worker's next frame; raises IncompleteReadError or ValueError when it is gone."""
    kind, query, size = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if size > _MAX_PAYLOAD:
        raise ValueError("a frame of a worker is too large")
    return Frame(Kind(kind), query, await reader.readexactly(size))
