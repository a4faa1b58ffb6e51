"""A scripted coordinator: answers each request by the next step of its script, or goes wrong so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.settings import TrinoSettings


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Step:
    """One answer. ``cut`` sends so many bytes of the body and closes; ``reset`` sends nothing."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    cut: int | None = None
    reset: bool = False


Answer = Callable[[Request], Step]


@dataclass
class Upstream:
    """Steps are used up by POST and GET in turn; DELETE is always answered 204."""

    steps: list[Step | Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **changes: object) -> TrinoSettings:
        return TrinoSettings.model_validate(
            {"url": self.url, "connect_seconds": 2.0, "read_seconds": 1.0} | changes
        )

    def asked(self, method: str) -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        number = self.open
        try:
            while await self._one(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body, number)
        self.requests.append(request)
        step = self._step(request)
        await asyncio.sleep(step.delay)
        if step.reset:
            writer.transport.abort()
            return False
        extra = "".join(f"{name}: {value}\r\n" for name, value in step.headers)
        writer.write(
            f"HTTP/1.1 {step.status} X\r\nContent-Length: {len(step.body)}\r\n{extra}\r\n".encode()
        )
        writer.write(step.body if step.cut is None else step.body[: step.cut])
        await writer.drain()
        return step.cut is None

    def _step(self, request: Request) -> Step:
        if request.method == "DELETE":
            return Step(status=204)
        if not self.steps:
            return Step(b"no step is left", 500)
        step = self.steps.pop(0)
        return step if isinstance(step, Step) else step(request)


@asynccontextmanager
async def scripted(*steps: Step | Answer) -> AsyncIterator[Upstream]:
    """Run a scripted coordinator on a free port of this machine."""
    upstream = Upstream(list(steps))
    server = await asyncio.start_server(upstream._serve, "127.0.0.1", 0, limit=1 << 22)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
