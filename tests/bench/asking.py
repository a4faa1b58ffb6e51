"""A lean client of the statement protocol, the same for every server that is compared."""

from __future__ import annotations

import base64
import http.client
import re
import time
import zlib
from dataclasses import dataclass
from urllib.parse import urlsplit

_NEXT = re.compile(rb'"nextUri":"([^"]+)"')
_ERROR = re.compile(rb'"error":\{"message":"((?:[^"\\]|\\.)*)"')
_HEAD = 8192


class AskError(RuntimeError):
    """The server answered with an error."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one statement took: seconds, exchanges, and bytes of all bodies once unpacked."""

    seconds: float
    exchanges: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """Where and as whom to ask. ``forwarded``: the server takes passwords behind a TLS proxy."""

    url: str
    user: str
    password: str = ""
    catalog: str = "lake"
    schema: str = ""
    forwarded: bool = False

    def headers(self, encoding: str) -> dict[str, str]:
        """The headers of every request."""
        found = {
            "X-Trino-User": self.user,
            "X-Trino-Catalog": self.catalog,
            "X-Trino-Source": "bench",
            "X-Trino-Client-Capabilities": "PATH,PARAMETRIC_DATETIME,SESSION_AUTHORIZATION",
            "Accept-Encoding": encoding,
        }
        if self.schema:
            found["X-Trino-Schema"] = self.schema
        if self.password:
            pair = f"{self.user.removesuffix('@direct')}:{self.password}".encode()
            found["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        if self.forwarded:
            found["X-Forwarded-Proto"] = "https"
        return found


class Asker:
    """One connection that is kept open between statements."""

    def __init__(self, server: Server, encoding: str = "identity") -> None:
        parts = urlsplit(server.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._headers = server.headers(encoding)

    def run(self, sql: str) -> Cost:
        """Ask and read everything; raises AskError."""
        began = time.perf_counter()
        exchanges = size = 0
        path: str | None = "/v1/statement"
        body: bytes | None = sql.encode()
        while path is not None:
            page = self._exchange("POST" if body else "GET", path, body)
            exchanges, size, body = exchanges + 1, size + len(page), None
            path = next_path(page)
        return Cost(time.perf_counter() - began, exchanges, size)

    def first_page(self, sql: str) -> str | None:
        """Ask and read up to the first page with rows; where the next one is."""
        path: str | None = "/v1/statement"
        body: bytes | None = sql.encode()
        while path is not None:
            page = self._exchange("POST" if body else "GET", path, body)
            body, path = None, next_path(page)
            if b'"data":' in page[:_HEAD]:
                break
        return path

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        page = answer.read()
        if answer.status != http.client.OK:
            raise AskError(f"{method}: HTTP {answer.status} {page[:200]!r}")
        if answer.headers.get("Content-Encoding") == "gzip":
            page = zlib.decompress(page, 31)
        if found := _ERROR.search(page[-_HEAD:]):
            raise AskError(found[1].decode())
        return page


def next_path(page: bytes) -> str | None:
    """The path of the next page; Trino writes its address before the rows."""
    found = _NEXT.search(page[:_HEAD])
    return urlsplit(found[1].decode()).path if found else None
