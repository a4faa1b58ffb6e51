"""The little of HTTP the statement endpoint needs: requests, answers, addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.identity.authenticate import Presented, is_loopback
from gateway.protocol.session import BadRequestError, Headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Body = Sequence[bytes | memoryview]
Gzip = Literal["auto", "always", "never"]

MAX_BODY = 8 << 20
_MAX_HEADERS = 256 << 10
_GZIP_FROM = 8 << 10
_LARGE = 256 << 10
_TOGETHER = 64 << 10
_GZIP_LEVEL, _GZIP_FORM = 1, 31
_JSON = "application/json"
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class TooLargeError(Exception):
    """The body exceeds 8 MiB: HTTP 413."""


class HangUpError(Exception):
    """The client left before its request was read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; its body comes in pieces that need not be copied together."""

    status: int
    body: Body = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = _JSON


@dataclass(frozen=True, slots=True)
class Edge:
    """How clients reach this gateway.

    Args:
        public_url: the address clients use; empty to believe an allowed ``Host``.
        hosts: host names (without port) believed besides this machine's own.
        proxies: addresses whose ``X-Forwarded-*`` are believed.

    """

    public_url: str = ""
    hosts: frozenset[str] = frozenset()
    proxies: frozenset[str] = frozenset()

    def peer(self, scope: Scope, headers: Headers) -> str:
        """The client's address, past a trusted proxy."""
        client = scope.get("client")
        direct = str(client[0]) if client else "unix"
        if not self._trusted(direct):
            return direct
        forwarded = headers.lines.get("x-forwarded-for", ())
        hops = [hop.strip() for line in forwarded for hop in line.split(",") if hop.strip()]
        return next((hop for hop in reversed(hops) if not self._trusted(hop)), direct)

    def secure(self, scope: Scope, headers: Headers) -> bool:
        """Whether the client's connection is encrypted."""
        client = scope.get("client")
        if client and self._trusted(str(client[0])):
            return (headers.one("x-forwarded-proto") or "").lower() == "https"
        return scope.get("scheme") == "https"

    def base(self, scope: Scope, headers: Headers) -> str:
        """The beginning of every address sent to this client.

        Raises:
            BadRequestError: a ``Host`` that is not this gateway's.

        """
        if self.public_url:
            return self.public_url.rstrip("/")
        host = headers.single("host") or ""
        found = _HOST.fullmatch(host)
        if not found or found["name"].lower() not in {*self.hosts, *_LOCAL}:
            raise BadRequestError(
                "this gateway is not known under that Host; set MESHGATE_SERVER__PUBLIC_URL"
            )
        return f"{'https' if self.secure(scope, headers) else 'http'}://{host}"

    def presented(self, scope: Scope, headers: Headers) -> Presented:
        """What the request says about its sender.

        Raises:
            BadRequestError: it says two things; a proxy might have believed the other one.

        """
        return Presented(
            authorization=headers.single("authorization"),
            user=headers.single("x-trino-user"),
            original_user=headers.single("x-trino-original-user"),
            peer=self.peer(scope, headers),
            secure=self.secure(scope, headers),
        )

    def _trusted(self, address: str) -> bool:
        return address in self.proxies


def address_of(text: str) -> str:
    """A proxy's address as connections show it; raises ValueError."""
    return str(ipaddress.ip_address(text))


def read_headers(scope: Scope) -> Headers:
    """The request's headers; raises BadRequestError where they are huge."""
    raw = scope["headers"]
    if sum(len(name) + len(value) for name, value in raw) > _MAX_HEADERS:
        raise BadRequestError("the headers exceed 256 KiB")
    return Headers.of(raw)


async def read_text(receive: Receive) -> str:
    """The request's body as text.

    Raises:
        TooLargeError, HangUpError, BadRequestError: too long, cut off, or not UTF-8.

    """
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise HangUpError
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise TooLargeError
        parts.append(part)
        more = message.get("more_body", False)
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError:
        raise BadRequestError("the statement is not UTF-8 text") from None


async def respond(send: Send, answer: Answer, *, packable: bool = False) -> None:
    """Send an answer; ``packable`` if the client takes gzip and it pays."""
    body, size = answer.body, sum(map(len, answer.body))
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **answer.headers}
    if size:
        headers["Content-Type"] = answer.type
    if packable and size >= _GZIP_FROM:
        body = await _packed(body, size)
        size = sum(map(len, body))
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    headers["Content-Length"] = str(size)
    pairs = [(name.encode("latin-1"), _one_line(value)) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    if size <= _TOGETHER:
        body = (b"".join(body),)
    for piece in body[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": body[-1]})


def takes_gzip(headers: Headers, peer: str, when: Gzip = "auto") -> bool:
    """Whether to pack: the client accepts it and, by itself, a network lies between."""
    if when == "never" or (when == "auto" and is_loopback(peer)):
        return False
    accepted = (headers.one("accept-encoding") or "").lower()
    return "gzip" in accepted and "gzip;q=0" not in accepted


async def _packed(body: Body, size: int) -> Body:
    if size < _LARGE:
        return _gzip(body)
    return await asyncio.to_thread(_gzip, body)


def _gzip(body: Body) -> Body:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_FORM)
    return [*(packer.compress(piece) for piece in body), packer.flush()]


def _one_line(value: str) -> bytes:
    """A header value that cannot start another header."""
    return value.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")
