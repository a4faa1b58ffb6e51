"""Statements of the gateway's own: probes, key tests, drift checks. Their rows stay in here."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from gateway.engines.failures import failure
from gateway.engines.trino.address import AddressError, check_query_id, next_handle, page_path
from gateway.engines.trino.headers import HeaderError, upstream_headers
from gateway.engines.trino.pages import Page, PageError, UpstreamError, read_page
from gateway.engines.trino.transport import Answer, Transport, TransportError
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle
from gateway.settings import TrinoSettings

SOURCE: Final = "meshgate-service"
_OK: Final = 200
_ROWS: Final = msgspec.json.Decoder(list[list[object]])


class ServiceError(MeshgateError):
    """A statement of the gateway's own that did not end well.

    ``told`` is Trino's error name, ``HTTP <status>`` or the transport's cause; the text of the
    cluster is not kept, since it may hold data.
    """

    def __init__(self, told: str) -> None:
        failed = failure("CONFIGURATION_UNAVAILABLE", "", cause=told)
        super().__init__(failed.name, failed.message, audit=failed.audit)
        self.told = told


class ServiceQueries:
    """Runs such statements on the cluster, as the service or as a user it stands for."""

    def __init__(self, settings: TrinoSettings, transport: Transport | None = None) -> None:
        self._settings = settings
        self._transport = transport or Transport(settings)

    async def close(self) -> None:
        """Close every connection to the cluster."""
        await self._transport.close()

    async def service_query(
        self, sql: str, user: str = "", *, seconds: float = 60.0
    ) -> list[list[object]]:
        """Run a statement and return all its rows, as JSON values.

        ``user`` is who it runs as; the service itself without one.

        Raises:
            ServiceError: whatever kept it from ending well, a missed deadline included.

        """
        try:
            async with asyncio.timeout(seconds):
                return await self._all_rows(sql, user or self._settings.user)
        except TimeoutError:
            raise ServiceError("timeout") from None
        except TransportError as error:
            raise ServiceError(error.cause) from None
        except HeaderError as error:
            raise ServiceError(f"header {error}") from None
        except (PageError, AddressError, msgspec.DecodeError) as error:
            raise ServiceError(type(error).__name__) from None

    async def _all_rows(self, sql: str, user: str) -> list[list[object]]:
        trace = f"service-{time.time_ns():x}"
        headers = upstream_headers(
            ClientSettings(user, trace, SOURCE, capabilities=("PARAMETRIC_DATETIME",))
        )
        page = _read(await self._transport.post(sql, headers))
        handle = Handle(self._settings.cluster, check_query_id(page.id), "queued", "", -1)
        rows: list[list[object]] = []
        try:
            while page.next_uri is not None:
                handle = next_handle(page.next_uri, handle)
                page = _read(await self._transport.get(page_path(handle)))
                if page.data is not None:
                    rows += _ROWS.decode(page.data)
        except asyncio.CancelledError:
            await asyncio.shield(self._end(handle))
            raise
        return rows

    async def _end(self, handle: Handle) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                await self._transport.delete(page_path(handle))
        except (TransportError, TimeoutError):
            return  # it ends there by itself, when nobody asks for its pages


def _read(answer: Answer) -> Page:
    if answer.status != _OK:
        raise ServiceError(f"HTTP {answer.status}")
    page = read_page(answer.body)
    _raise(page.error)
    return page


def _raise(error: UpstreamError | None) -> None:
    if error is not None:
        raise ServiceError(error.error_name)
