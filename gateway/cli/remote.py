"""A small client of the statement protocol, for ``meshgate query --server``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson

_TIMEOUT_SECONDS = 60.0


class RemoteError(Exception):
    """The server refused or failed; ``name`` is the error's, or the HTTP status."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


async def remote_pages(
    server: str, sql: str, headers: Mapping[str, str]
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield every page of a statement; raises RemoteError."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers=dict(headers)) as session:
        page = await _page(session, "POST", f"{server.rstrip('/')}/v1/statement", sql.encode())
        yield page
        while next_uri := page.get("nextUri"):
            page = await _page(session, "GET", next_uri)
            yield page


async def _page(
    session: aiohttp.ClientSession, method: str, uri: str, body: bytes | None = None
) -> Mapping[str, Any]:
    try:
        async with session.request(method, uri, data=body) as response:
            content = await response.read()
            if response.status != 200:  # noqa: PLR2004 - OK
                raise RemoteError(f"HTTP {response.status}", content.decode(errors="replace"))
    except aiohttp.ClientError as error:
        raise RemoteError("NO CONNECTION", f"{uri.split('/v1/', 1)[0]}: {error}") from None
    page: Mapping[str, Any] = orjson.loads(content)
    if failure := page.get("error"):
        raise RemoteError(failure["errorName"], failure["message"])
    return page
