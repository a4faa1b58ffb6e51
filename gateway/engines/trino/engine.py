"""The Trino engine: submits governed text, relays pages, cancels."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

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
    NotReadyError,
    is_not_ready,
    lost,
    no_key,
    not_whole,
    page_error,
    refused_status,
    relayed,
    unreachable,
)
from gateway.engines.trino.pages import Page, PageError, read_page
from gateway.engines.trino.service import ServiceError, ServiceQueries
from gateway.engines.trino.transport import Answer, Transport, TransportError
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle, RelayedPage
from gateway.settings import TrinoSettings
from gateway.sql.model import GovernedQuery
from gateway.tokens.names import KEY_CATALOG, KEY_SCHEMA, KEY_TABLE


class Admission(Protocol):
    """Whether the cluster may take statements; see ``health``."""

    def check(self, *, restricted: bool) -> None:
        """Raise MeshgateError where a statement may not be sent to it now.

        It is a NotReadyError where that may change in a moment.
        """
        ...


_LOG = structlog.get_logger()
_OK: Final = 200
_GONE: Final = frozenset({404, 410})
_DONE: Final = frozenset({200, 204})
_START_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 5.0
_KEPT: Final = 2000
_DOUBLED_SECONDS: Final = 10.0
_DOUBLED: Final = (
    f'SELECT count(*) FROM (SELECT "id" FROM "{KEY_CATALOG}"."{KEY_SCHEMA}"."{KEY_TABLE}" '  # noqa: S608 - constants
    'GROUP BY "id" HAVING count(*) > 1)'
)


class _Passed:
    """Per statement, the last empty page a call stepped over, so that the call can be repeated."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Handle, RelayedPage]] = OrderedDict()

    def get(self, handle: Handle) -> RelayedPage | None:
        start, found = self._kept.get(handle.upstream_id, (None, None))
        return found if start == handle else None

    def put(self, handle: Handle, found: RelayedPage) -> None:
        self._kept[handle.upstream_id] = handle, found
        self._kept.move_to_end(handle.upstream_id)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def drop(self, handle: Handle) -> None:
        self._kept.pop(handle.upstream_id, None)


class TrinoEngine:
    """A ``RelayEngine`` on one Trino cluster.

    Made inside a running event loop or before it; the first request opens connections there.
    """

    def __init__(
        self,
        settings: TrinoSettings,
        transport: Transport | None = None,
        health: Admission | None = None,
    ) -> None:
        self._settings = settings
        self._transport = transport or Transport(settings)
        self._health = health
        self._queries = ServiceQueries(settings, self._transport)
        self._passed = _Passed()
        self._cancelling: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close every connection to the cluster, when what is being cancelled there has ended."""
        if self._cancelling:
            await asyncio.wait(self._cancelling, timeout=_CLOSE_SECONDS)
        await self._transport.close()

    async def submit(
        self, governed: GovernedQuery, settings: ClientSettings, attempt: int = 1
    ) -> Handle:
        """Send a statement; Trino runs it at the first ``page``. See ``RelayEngine``.

        A cluster that is starting gets a few seconds; a later attempt also waits for one that
        does not answer yet, since it follows a coordinator that went away.
        """
        if governed.engine != "trino":
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "text for another engine was refused")
        try:
            trace = f"{settings.trace_token}.{attempt}"
            headers = upstream_headers(replace(settings, trace_token=trace))
        except HeaderError as error:
            raise MeshgateError(
                "INVALID_SESSION_PROPERTY", f"header {error} holds a character no header may hold"
            ) from None
        until = time.monotonic() + (_START_SECONDS if attempt == 1 else _RESTART_SECONDS)
        while True:
            try:
                if self._health is not None:
                    self._health.check(restricted=governed.restricted)
                return await self._try_submit(governed.sql, headers, attempt)
            except NotReadyError as error:
                if time.monotonic() > until or (attempt == 1 and not error.answered):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _try_submit(self, text: str, headers: Mapping[str, str], attempt: int) -> Handle:
        try:
            answer = await self._transport.post(text, headers)
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
            told = page_error(page.error, start)
            raise NotReadyError(told) if is_not_ready(page.error) else told
        if first is None or page.data is not None:
            raise not_whole(PageError("the answer to a submission is no first page"), page.id)
        return first

    async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
        """Fetch a page, stepping over empty ones. See ``RelayEngine``.

        A call that was abandoned on its way may be repeated: where it stood is kept here.
        """
        until = time.monotonic() + patience
        found = self._passed.get(handle)
        if found is None or found.next is None:
            found = await self._one(handle)
        while found.next is not None and found.data is None and time.monotonic() < until:
            self._passed.put(handle, found)
            found = found.then(await self._one(found.next))
        if found.next is None:
            self._passed.drop(handle)
        elif found.data is None:
            self._passed.put(handle, found)
        return found

    async def _one(self, handle: Handle) -> RelayedPage:
        try:
            answer = await self._transport.get(page_path(handle))
            if answer.status == _OK:
                return await self._checked(self._relayed(read_page(answer.body), handle))
        except TransportError as error:
            if error.sent:
                self._orphaned(handle)
            raise lost(handle, error.cause) from None
        except (PageError, AddressError) as error:
            self._orphaned(handle)
            raise not_whole(error, handle.upstream_id) from None
        if answer.status in _GONE:
            raise lost(handle, f"HTTP {answer.status}")
        raise refused_status(answer.status)

    async def _checked(self, page: RelayedPage) -> RelayedPage:
        """Tell a doubled key row, which fails as any scalar sub-query does, by asking for it."""
        if page.error is None or page.error.name != "SUBQUERY_MULTIPLE_ROWS":
            return page
        try:
            doubled = await self._queries.service_query(_DOUBLED, seconds=_DOUBLED_SECONDS)
        except ServiceError:
            return page
        return replace(page, error=no_key("doubled")) if doubled != [[0]] else page

    def _relayed(self, page: Page, handle: Handle) -> RelayedPage:
        if page.id != handle.upstream_id:
            raise PageError("a page belongs to another statement")
        after = None if page.next_uri is None else next_handle(page.next_uri, handle)
        if after is not None:
            uri = page.partial_cancel_uri
            stage = -1 if uri is None else partial_stage(uri, handle.upstream_id)
            after = replace(after, stage=stage)
        found = relayed(page, handle, after)
        if found.error is not None and page.columns is None and is_not_ready(page.error):
            raise NotReadyError(found.error)  # no row was delivered: it may be sent again
        return found

    def _orphaned(self, handle: Handle) -> None:
        """End what may go on there without anybody reading it, and wait for nothing."""
        task = asyncio.get_running_loop().create_task(self.cancel(handle))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

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
