"""Statements against a Trino or a gateway, many at a time over connections that stay open."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

AT_ONCE = 8
_SECONDS = 120.0
_BUSY = {502, 503, 504}
_OK = 200


class WireError(AssertionError):
    """A server did not speak the protocol: no answer of a statement can be judged."""


@dataclass(frozen=True)
class Answer:
    """Headings with types and the rows as JSON, or the name and text of an error."""

    heads: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str = ""
    text: str = ""

    @property
    def outcome(self) -> str:
        """``rows``, or the error's name."""
        return self.error or "rows"


@dataclass
class Server:
    """One address with one login; safe to share between threads.

    ``password`` is sent as Basic with ``X-Forwarded-Proto: https``, as test clusters take it.
    """

    url: str
    user: str
    catalog: str = ""
    schema: str = ""
    password: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    _idle: list[http.client.HTTPConnection] = field(default_factory=list, init=False, repr=False)

    def close(self) -> None:
        """Close the connections that wait."""
        while self._idle:
            self._idle.pop().close()

    def run(self, sql: str) -> Answer:
        """Send one statement and read all its pages."""
        page = self._exchange("POST", "/v1/statement", sql.encode())
        heads: tuple[tuple[str, str], ...] = ()
        rows: list[tuple[Any, ...]] = []
        while True:
            if page.get("columns"):
                heads = tuple((c["name"], c["type"]) for c in page["columns"])
            rows += map(tuple, page.get("data") or ())
            if "nextUri" not in page:
                break
            page = self._exchange("GET", urlsplit(page["nextUri"]).path, None)
        error = page.get("error")
        if error:
            return Answer(error=error["errorName"], text=error["message"])
        return Answer(heads, tuple(rows))

    def all(self, texts: Iterable[str]) -> list[Answer]:
        """Run statements side by side; answers in order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self.run, texts))

    def _exchange(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            status, content = self._once(method, path, body)
            if status == _OK:
                page: dict[str, Any] = json.loads(content)
                return page
            if status not in _BUSY:
                raise WireError(f"{method} {path}: HTTP {status} {content[:300]!r}")
            time.sleep(0.05)
        raise WireError(f"{method} {path}: no answer within {_SECONDS} s")

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """One exchange; a connection that the server closed meanwhile is opened anew, once."""
        try:
            kept = self._idle.pop()  # of all threads: one instruction
        except IndexError:
            kept = self._connected()
        try:
            answer = self._over(kept, method, path, body)
        except (http.client.HTTPException, ConnectionError):
            kept.close()
            kept = self._connected()
            answer = self._over(kept, method, path, body)
        self._idle.append(kept)
        return answer

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_SECONDS)

    def _over(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
    ) -> tuple[int, bytes]:
        connection.request(method, path, body, self._headers())
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _headers(self) -> dict[str, str]:
        found = {
            "X-Trino-Client-Capabilities": "PATH,PARAMETRIC_DATETIME,SESSION_AUTHORIZATION",
            **self.headers,
        }
        if self.password:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            found["Authorization"] = f"Basic {login}"
            found["X-Forwarded-Proto"] = "https"
        else:
            found["X-Trino-User"] = self.user
        if self.catalog:
            found["X-Trino-Catalog"] = self.catalog
        if self.schema:
            found["X-Trino-Schema"] = self.schema
        return found


def settled(rows: Sequence[tuple[Any, ...]], *, ordered: bool) -> list[Any]:
    """Rows as comparable values: doubles to 12 digits, unordered ones sorted."""
    found = [tuple(map(_plain, row)) for row in rows]
    return found if ordered else sorted(found, key=repr)


_WORDS = re.compile(r"(?i)\s+(ASC|DESC|NULLS\s+(FIRST|LAST))\b")
_NAME = re.compile(r'(?:\w+\.)?"?(\w+)"?')
_ORDER = re.compile(r"(?i)\bORDER\s+BY\s+([^()]*)$")


def order_keys(sql: str, heads: Sequence[tuple[str, str]]) -> list[int] | None:
    """Which output columns the statement's last ORDER BY names, in order; None if unsure.

    Rows that agree in all of them may come in any order.
    """
    found = _ORDER.search(sql)
    if found is None:
        return None
    names = [name.lower() for name, _ in heads]
    keys: list[int] = []
    for item in _WORDS.sub("", found[1]).split(","):
        word = item.strip()
        named = _NAME.fullmatch(word)
        if word.isdigit() and 1 <= int(word) <= len(names):
            keys.append(int(word) - 1)
        elif named and names.count(named[1].lower()) == 1:
            keys.append(names.index(named[1].lower()))
        else:
            return None
    return keys


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return tuple(sorted((key, _plain(item)) for key, item in value.items()))
    return float(f"{value:.12g}") if isinstance(value, float) else value
