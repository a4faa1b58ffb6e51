"""HTTP to one cluster: headers built from nothing, whole answers, no redirects, no cookies."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from gateway.engines.trino.address import base_url
from gateway.secrets import SecretError, read_secret
from gateway.settings import TrinoSettings

MAX_BODY: Final = 256 << 20
"""No page is larger: Trino aims at 1 MB, and one row may exceed that."""
_READ_AHEAD: Final = 4 << 20
_IDLE_SECONDS: Final = 30.0
_STATEMENT: Final = "/v1/statement"
_AGAIN_SECONDS: Final = 0.25
_TIMEOUT: Final = "timeout"
_UNAUTHORIZED: Final = 401
_DROPPED = (
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientOSError,
    aiohttp.ClientPayloadError,
    ConnectionResetError,
)


class TransportError(Exception):
    """No whole answer came. ``sent`` tells whether the cluster may have seen the request."""

    def __init__(self, cause: str, *, sent: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer."""

    status: int
    body: bytes


class Transport:
    """One pool of connections to the cluster of the settings. Made inside a running loop.

    Raises:
        AddressError: the cluster's address is not of the form http(s)://host:port.
        ValueError: a password would travel over plain HTTP.
        SecretError: the password file cannot be read.

    """

    def __init__(self, settings: TrinoSettings) -> None:
        self._origin, scheme = base_url(settings.url)
        self._settings = settings
        if settings.password_file and scheme == "http" and not settings.forwarded_https:
            raise ValueError(
                "MESHGATE_TRINO__PASSWORD_FILE needs https in MESHGATE_TRINO__URL: "
                "a password never travels in the clear"
            )
        self._tls = _tls(settings.ca_file) if scheme == "https" else None
        self._authorization = self._read_authorization()
        self._session: aiohttp.ClientSession | None = None

    @property
    def origin(self) -> str:
        """Where the cluster is: ``scheme://host:port``."""
        return self._origin

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Answer:
        """GET one page; a broken connection is tried once more, since a page can be read twice.

        No answer in time is final: whoever waits for the page would wait twice as long.
        """
        try:
            return await self._request("GET", path, {})
        except TransportError as error:
            if error.cause == _TIMEOUT:
                raise
            if not error.sent:
                await asyncio.sleep(_AGAIN_SECONDS)
            return await self._request("GET", path, {})

    async def delete(self, path: str, *, authorized: bool = False) -> Answer:
        """DELETE, which ends a statement and may be repeated."""
        user = {"X-Trino-User": self._settings.user}
        return await self._request("DELETE", path, self.authorized(user) if authorized else {})

    async def post(self, text: str, headers: Mapping[str, str]) -> Answer:
        """POST a statement as the service; nothing runs before its first page is asked for.

        Where the password is refused and the file holds a new one, that is tried.
        """
        body = text.encode()
        answer = await self._request("POST", _STATEMENT, self.authorized(headers), body)
        if answer.status == _UNAUTHORIZED and self._reload_password():
            answer = await self._request("POST", _STATEMENT, self.authorized(headers), body)
        return answer

    def authorized(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Add the service's credential to headers."""
        if self._authorization is None:
            return dict(headers)
        return {"Authorization": self._authorization, **headers}

    def _reload_password(self) -> bool:
        """Read the password file again; True if it now holds another password."""
        before = self._authorization
        try:
            self._authorization = self._read_authorization()
        except SecretError:
            return False
        return before != self._authorization

    def _read_authorization(self) -> str | None:
        path = self._settings.password_file
        if path is None:
            return None
        password = read_secret({"file": str(path)}, Path())
        pair = self._settings.user.encode() + b":" + password
        return "Basic " + b64encode(pair).decode("ascii")

    async def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        url = URL(self._origin + path, encoded=True)
        session = self._session or self._connected()
        try:
            async with session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                return Answer(response.status, await whole_body(response))
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise TransportError(type(error).__name__, sent=False) from None
        except TimeoutError:
            raise TransportError(_TIMEOUT, sent=True) from None
        except (*_DROPPED, aiohttp.ClientError) as error:
            raise TransportError(type(error).__name__, sent=True) from None

    def _connected(self) -> aiohttp.ClientSession:
        settings = self._settings
        standing = {"User-Agent": "meshgate", "Accept-Encoding": "identity"}
        if settings.forwarded_https:
            standing["X-Forwarded-Proto"] = "https"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=self._tls or True
            ),
            loop=asyncio.get_running_loop(),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=standing,
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=settings.connect_seconds,
                sock_read=settings.read_seconds,
            ),
        )
        return self._session


async def whole_body(response: aiohttp.ClientResponse) -> bytes:
    """Read a body to its end, in the encoding that was asked for and no more than is sane.

    Raises:
        TransportError: encoded, or larger than ``MAX_BODY``.

    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TransportError("encoded answer", sent=True)
    if (response.content_length or 0) > MAX_BODY:
        raise TransportError("answer too large", sent=True)
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BODY:
            raise TransportError("answer too large", sent=True)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
