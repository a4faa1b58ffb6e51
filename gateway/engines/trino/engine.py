"""The Trino engine: submits governed text, relays pages, cancels."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import structlog

from gateway.engines.trino.address import (
    AddressError,
    check_query_id,
    next_handle,
    page_path,
    partial_stage,
    stage_path,
)
from gateway.engines.trino.headers import HeaderError, upstream_headers
from gateway.engines.trino.outcomes import (
    lost,
    not_whole,
    page_error,
    refused_status,
    relayed,
    unreachable,
)
from gateway.engines.trino.pages import Page, PageError, read_page
from gateway.engines.trino.transport import Answer, Transport, TransportError
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle, RelayedPage
from gateway.settings import TrinoSettings
from gateway.sql.model import GovernedQuery

_LOG = structlog.get_logger()
_OK: Final = 200
_GONE: Final = frozenset({404, 410})
_DONE: Final = frozenset({200, 204})


class TrinoEngine:
    """A ``RelayEngine`` on one Trino cluster.

    Made inside a running event loop or before it; the first request opens connections there.
    """

    def __init__(self, settings: TrinoSettings, transport: Transport | None = None) -> None:
        self._settings = settings
        self._transport = transport or Transport(settings)

    async def close(self) -> None:
        """Close every connection to the cluster."""
        await self._transport.close()

    async def submit(
        self, governed: GovernedQuery, settings: ClientSettings, attempt: int = 1
    ) -> Handle:
        """Send a statement; Trino runs it at the first ``page``. See ``RelayEngine``."""
        if governed.engine != "trino":
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "text for another engine was refused")
        try:
            headers = upstream_headers(settings)
        except HeaderError as error:
            raise MeshgateError(
                "INVALID_SESSION_PROPERTY", f"header {error} holds a character no header may hold"
            ) from None
        try:
            answer = await self._transport.post(governed.sql, headers)
        except TransportError as error:
            raise unreachable(error.cause) from None
        if answer.status != _OK:
            raise refused_status(answer.status)
        return self._submitted(answer, attempt)

    def _submitted(self, answer: Answer, attempt: int) -> Handle:
        try:
            page = read_page(answer.body)
            start = Handle(
                self._settings.cluster, check_query_id(page.id), "queued", "", -1, attempt
            )
            first = None if page.next_uri is None else next_handle(page.next_uri, start)
        except (PageError, AddressError) as error:
            raise not_whole(error, "") from None
        if page.error is not None:
            raise page_error(page.error, start)
        if first is None or page.data is not None:
            raise not_whole(PageError("the answer to a submission is no first page"), page.id)
        return first

    async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
        """Fetch a page, stepping over empty ones. See ``RelayEngine``."""
        until = time.monotonic() + patience
        found = await self._one(handle)
        while found.next is not None and found.data is None and time.monotonic() < until:
            later = await self._one(found.next)
            found = replace(
                later,
                columns=later.columns or found.columns,
                update_type=later.update_type or found.update_type,
                update_count=found.update_count
                if later.update_count is None
                else later.update_count,
            )
        return found

    async def _one(self, handle: Handle) -> RelayedPage:
        try:
            answer = await self._transport.get(page_path(handle))
            if answer.status in _GONE:
                raise lost(handle, str(answer.status))
            if answer.status != _OK:
                raise refused_status(answer.status)
            page = read_page(answer.body)
            return self._relayed(page, handle)
        except TransportError as error:
            raise lost(handle, error.cause) from None
        except (PageError, AddressError) as error:
            await self.cancel(handle)
            raise not_whole(error, handle.upstream_id) from None

    def _relayed(self, page: Page, handle: Handle) -> RelayedPage:
        if page.id != handle.upstream_id:
            raise PageError("a page belongs to another statement")
        after = None if page.next_uri is None else next_handle(page.next_uri, handle)
        if after is not None:
            uri = page.partial_cancel_uri
            stage = -1 if uri is None else partial_stage(uri, handle.upstream_id)
            after = replace(after, stage=stage)
        return relayed(page, handle, after)

    async def cancel(self, handle: Handle, *, partial: bool = False) -> None:
        """End the statement on the cluster, or its leaf stage; idempotent, never raises."""
        try:
            if partial and handle.stage < 0:
                return
            path = stage_path(handle) if partial else page_path(handle)
            answer = await self._transport.delete(path)
            if answer.status not in _DONE and not partial:
                answer = await self._transport.delete(
                    f"/v1/query/{check_query_id(handle.upstream_id)}", authorized=True
                )
            if answer.status not in _DONE | _GONE:
                _LOG.warning("trino.cancel_refused", upstream=handle.upstream_id)
        except (TransportError, AddressError) as error:
            _LOG.warning(
                "trino.cancel_failed", upstream=handle.upstream_id, cause=type(error).__name__
            )
