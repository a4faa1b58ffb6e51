"""What is asked of a cluster before it may serve: is it there, is it ours, is it shut elsewhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from gateway.engines.trino.pages import PageError, read_page
from gateway.engines.trino.service import ServiceError, ServiceQueries
from gateway.engines.trino.transport import Transport, TransportError, whole_body
from gateway.settings import TrinoSettings
from gateway.state.active import ActiveDecision, ActiveDecisions

_OK: Final = 200
_PLAIN_PORT: Final = 8080
"""Where Trino listens for plain HTTP unless it is told otherwise."""
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}", re.ASCII)
_DENIED: Final = "PERMISSION_DENIED"
_NO_FILTER: Final = "GENERIC_INTERNAL_ERROR"
"""How Trino reads the lock's answer about the filters of a table that may not be read at all."""
_CANARY_SECONDS: Final = 20.0
_UNCOVERED: Final = 'SELECT count(*) FROM "system"."runtime"."nodes"'
_CREDENTIALS: Final = frozenset({"HTTP 401", "HTTP 403"})


class ProbeError(Exception):
    """A probe that failed. ``down`` is True where the cluster must not serve, whatever else."""

    def __init__(self, reason: str, *, down: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.down = down


class _NodeVersion(msgspec.Struct):
    version: str


class _Info(msgspec.Struct, rename="camel"):
    node_version: _NodeVersion
    starting: bool
    coordinator: bool
    environment: str = ""


_INFO: Final = msgspec.json.Decoder(_Info)


async def read_version(transport: Transport) -> str:
    """Ask ``/v1/info`` for the version of a coordinator that has started; raises ProbeError."""
    try:
        answer = await transport.get("/v1/info")
        if answer.status != _OK:
            raise ProbeError(f"/v1/info answers HTTP {answer.status}")
        info = _INFO.decode(answer.body)
    except TransportError as error:
        raise ProbeError(f"/v1/info: {error.cause}") from None
    except msgspec.DecodeError:
        raise ProbeError("/v1/info is not Trino's") from None
    if info.starting or not info.coordinator:
        raise ProbeError("the coordinator is starting")
    if _VERSION.fullmatch(info.node_version.version) is None:
        raise ProbeError("/v1/info tells no version")
    return info.node_version.version


async def runs_statements(queries: ServiceQueries) -> None:
    """Run ``SELECT 1`` as the service: alone this shows that the cluster works.

    Raises:
        ProbeError: ``down`` where the service's password is wrong.

    """
    try:
        rows = await queries.service_query("SELECT 1", seconds=20.0)
    except ServiceError as error:
        if error.told in _CREDENTIALS:
            raise ProbeError("the cluster refuses the service's password", down=True) from None
        raise ProbeError(f"SELECT 1: {error.told}") from None
    if rows != [[1]]:
        raise ProbeError("SELECT 1 answers something else", down=True)


async def asks_the_lock(queries: ServiceQueries, active: ActiveDecisions | None) -> None:
    """Run statements that the second lock must refuse: of a person without any decision.

    Then, with ``active``, one that only a lock of this deployment can allow, since a decision
    for it has just been opened, and one that this decision does not cover. The person's name is
    new each time, so that nothing can have remembered an answer for it.

    Raises:
        ProbeError: ``down`` where one of them ended otherwise.

    """
    nobody = f"canary-{secrets.token_hex(8)}"
    await _refused(queries, "SELECT 1", nobody, {_DENIED})
    if active is None:
        return
    now = datetime.now(UTC)
    until = now + timedelta(seconds=2 * _CANARY_SECONDS)
    await active.open(ActiveDecision(nobody, nobody, nobody, now, until, MappingProxyType({})))
    try:
        await queries.service_query("SELECT 1", nobody, seconds=_CANARY_SECONDS)
        await _refused(queries, _UNCOVERED, nobody, {_DENIED, _NO_FILTER})
    except ServiceError as error:
        denied = error.told == _DENIED
        raise ProbeError(
            "the cluster asks another gateway's second lock, of another state"
            if denied
            else f"the second lock: {error.told}",
            down=denied,
        ) from None
    finally:
        await active.close(nobody)


async def _refused(queries: ServiceQueries, sql: str, user: str, told: Container[str]) -> None:
    try:
        await queries.service_query(sql, user, seconds=_CANARY_SECONDS)
    except ServiceError as error:
        if error.told in told:
            return
        raise ProbeError(f"the second lock: {error.told}") from None
    raise ProbeError("the second lock let a statement pass that no decision covers", down=True)


async def refuses_plain_http(settings: TrinoSettings, transport: Transport) -> None:
    """Post as the service without TLS and without a password, which must be refused.

    Over plain HTTP an insecure authenticator believes any user header, so anybody would be the
    service. A cluster behind TLS is tried at its own and at Trino's usual plain port.

    Raises:
        ProbeError: ``down`` where such a request is accepted.

    """
    parts = urlsplit(transport.origin)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    ports = [parts.port] if parts.scheme == "http" else [parts.port or 443, _PLAIN_PORT]
    for port in ports:
        place = f"http://{host}:{port or 80}/v1/statement"
        if await _accepts(place, settings):
            raise ProbeError(
                f"port {port or 80} accepts the service's name without a password; set "
                "http-server.authentication.allow-insecure-over-http=false",
                down=True,
            )


async def _accepts(url: str, settings: TrinoSettings) -> bool:
    """Whether a Trino takes a statement there; no answer, or none of Trino's, is a refusal."""
    timeout = aiohttp.ClientTimeout(total=settings.connect_seconds)
    headers = {"X-Trino-User": settings.user, "Accept-Encoding": "identity"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=b"SELECT 1", headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != _OK:
                return False
            read_page(await whole_body(answer))
    except (aiohttp.ClientError, TimeoutError, OSError, PageError, TransportError):
        return False
    return True
