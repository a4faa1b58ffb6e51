"""Results as the bytes that came: columns and rows of every page, uninterpreted."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

_SECONDS = 120
_OK = 200
EVERYTHING = "PATH,PARAMETRIC_DATETIME,SESSION_AUTHORIZATION"


class _Page(msgspec.Struct):
    columns: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
    nextUri: str = ""  # noqa: N815 # the protocol's name
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class Result:
    """Text of the columns, of each row, or an error's name; how many pages had rows."""

    columns: bytes = b""
    rows: list[bytes] = field(default_factory=list)
    error: str = ""
    full_pages: int = 0


def run(url: str, user: str, sql: str, capabilities: str = EVERYTHING) -> Result:
    """Send one statement and read all of it over one connection."""
    headers = {"X-Trino-User": user, "X-Trino-Client-Capabilities": capabilities}
    found = Result()
    for page in _pages(url, sql, headers):
        if page.columns:
            columns = bytes(page.columns)
            assert found.columns in {b"", columns}, "columns change between pages"
            found.columns = columns
        if page.data:
            found.rows += map(bytes, msgspec.json.decode(page.data, type=list[msgspec.Raw]))
            found.full_pages += 1
        if page.error:
            found.error = page.error["errorName"]
    return found


def _pages(url: str, sql: str, headers: Mapping[str, str]) -> Iterator[_Page]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)
    try:
        method, path, body = "POST", "/v1/statement", sql.encode()
        while True:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == _OK, (method, path, answer.status, content[:300])
            page = msgspec.json.decode(content, type=_Page)
            yield page
            if not page.nextUri:
                return
            method, path, body = "GET", urlsplit(page.nextUri).path, b""
    finally:
        connection.close()
