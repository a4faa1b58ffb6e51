"""Statements of a cluster: its pages passed on as bytes, everything around them our own.

Their addresses hold all that is needed to go on, so any gateway with the same keys gives the
next page. What this process keeps is its last answer, for a client that asks again, and what
the owner may see of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from gateway.audit.model import Result
from gateway.errors import MeshgateError
from gateway.protocol.messages import Page, Stats, error_json
from gateway.protocol.notes import notes_json
from gateway.protocol.poll import Poll, Relay, Sealer
from gateway.protocol.record import QueryRecord
from gateway.protocol.served import GoneError, NotHereError, ServedPages
from gateway.protocol.table import OpenQuery, abandoned
from gateway.query.relaying import Relayed
from gateway.relayed import RelayedPage
from gateway.telemetry import QUERY_DEFECT, QUERY_UNRECORDED, where

_LOG = structlog.get_logger()
_POLL_SECONDS = 1.0
_OWN_STATES = frozenset({"cancelled", "abandoned", "failed"})


class RelayedQuery:
    """One statement of a cluster and the page its client is on.

    Args:
        record: what is remembered of it.
        seal: its first address; ``relay`` is set.
        relayed: the statement on the cluster.
        sealer: makes its further addresses.

    """

    lasts = True

    def __init__(self, record: QueryRecord, seal: Poll, relayed: Relayed, sealer: Sealer) -> None:
        if seal.relay is None:
            raise ValueError("a relayed statement stands somewhere on a cluster")
        self.record = record
        self.touched = time.monotonic()
        self.headers: Mapping[str, str] = {}
        self.on_end: Callable[[OpenQuery], None] = lambda _: None
        self.pages = ServedPages()
        self._relayed = relayed
        self._sealer = sealer
        self._lock = asyncio.Lock()
        self._ending = False
        self._why: MeshgateError | None = None
        self._seal, self._at = seal, seal.relay
        self._served = 0

    def submitted(self, base: str) -> Page:
        """The answer to POST: no columns, no rows, where to go next."""
        return self._shown(base, Stats("QUEUED"), next_path=self._sealer.path(self._seal))

    async def page(self, poll: Poll, base: str) -> Page:
        """The page of an address: the last one again, or what the cluster has next.

        Raises:
            GoneError: an older page.

        """
        async with self._lock:
            self.touch()
            if self._served and poll.token == self._served:
                return self.pages.again(self.record.query_id)
            if poll.token <= self._served:
                raise GoneError
            page = await self._next(poll, base)
            self._served = poll.token
            self.pages.keep(self.record.query_id, page)
            self.touch()
            return page

    def touch(self) -> None:
        """Note that the client is still there."""
        self.touched = time.monotonic()
        if not self._ending:
            self._relayed.touch(self._at.handle)

    async def cancel(self) -> None:
        """End the statement for its client."""
        await self.stop("cancelled", _canceled())

    async def stop(self, outcome: str, error: MeshgateError | None) -> None:
        """End the statement here and on the cluster; the next page tells why."""
        if self._ending:
            return
        await self._end(outcome, error, cancel=True)

    def taken(self, outcome: str, seconds: float) -> None:
        """Note that it was ended, and recorded, for want of a client or of time."""
        if not self._ending:
            self.over(outcome, abandoned(seconds) if outcome == "abandoned" else _late(self._at))
            self.on_end(self)

    def over(self, outcome: str, error: MeshgateError) -> None:
        """Note how it ended by what the record says; there is no further page of it."""
        self._ending = True
        self.record.end(outcome, error)

    async def finish_early(self) -> None:
        """Let the cluster stop reading; what it has found by then is still delivered."""
        await self._relayed.cancel(self._at.handle, partial=True)

    async def _next(self, poll: Poll, base: str) -> Page:
        if poll.relay is None:
            raise NotHereError
        self._at = at = poll.relay
        if time.time() > at.deadline:
            await self.stop("failed", _late(at))
        if self._ending:
            return self._failed(base)
        self.record.state = "RUNNING"
        try:
            page = await self._relayed.page(at.handle, _POLL_SECONDS)
            if not self._ending:
                return await self._delivered(page, poll, at, base)
        except MeshgateError as error:
            await self.stop("failed", error)
        except Exception as error:  # noqa: BLE001 - the edge: every defect becomes a refusal
            _LOG.error(QUERY_DEFECT, query_id=self.record.query_id, **where(error))
            await self.stop("failed", _defect(self.record.query_id))
        return self._failed(base)

    async def _delivered(self, page: RelayedPage, poll: Poll, at: Relay, base: str) -> Page:
        """Our page around what the cluster sent."""
        if 0 < at.most_rows < at.rows + page.rows:
            await self.stop("failed", _too_many(at.most_rows))
            return self._failed(base)
        size = 0 if page.data is None else len(page.data)
        handle = page.next or at.handle
        self._at = replace(
            at, handle=handle, rows=at.rows + page.rows, data_bytes=at.data_bytes + size
        )
        self.record.rows, self.record.data_bytes = self._at.rows, self._at.data_bytes
        if page.next is None or page.error is not None:
            await self._end("failed" if page.error else "finished", page.error)
            if self.record.error is not None:
                return self._failed(base, page)
            return self._shown(base, _stats(page, poll), page=page)
        if page.rows:
            self._relayed.read_ahead(handle)
        token = poll.token + 1
        following = replace(poll, phase="executing", token=token, relay=self._at)
        return self._shown(
            base,
            _stats(page, poll),
            page=page,
            next_path=self._sealer.path(following),
            cancel_path=self._sealer.path(replace(following, phase="partialCancel")),
        )

    def _shown(
        self,
        base: str,
        stats: Stats,
        *,
        page: RelayedPage | None = None,
        next_path: str | None = None,
        cancel_path: str | None = None,
        error: bytes | None = None,
    ) -> Page:
        keeps = page is not None and error is None
        return Page(
            self.record.query_id, base, stats, notes_json(self._at.notes), next_path, cancel_path,
            columns=page.columns if page else None,
            data=page.data if page and keeps else None,
            error=error,
            update_type=page.update_type if page else None,
            update_count=page.update_count if page else None,
        )  # fmt: skip

    def _failed(self, base: str, page: RelayedPage | None = None) -> Page:
        """The last page of a statement that did not finish."""
        error = self.record.error or self._why or _canceled()
        stats = Stats("FAILED", int(self.record.seconds * 1000), percent=100)
        return self._shown(base, stats, page=page, error=error_json(error, self.record.text))

    async def _end(
        self, outcome: str, error: MeshgateError | None, *, cancel: bool = False
    ) -> None:
        """Record how it ended, then tell. Whatever is unrecorded does not finish."""
        self._ending = True
        at = self._at
        self._why = error
        if cancel:
            await self._relayed.cancel(at.handle)
        state = outcome if outcome in {*_OWN_STATES, "finished"} else "revoked"
        result = Result(state, error.name if error else "", rows=at.rows, bytes=at.data_bytes)
        try:
            await self._relayed.ended(result, at.handle.upstream_id)
        except MeshgateError as failure:  # the records are down: the work has ended all the same
            _LOG.error(QUERY_UNRECORDED, query_id=self.record.query_id, error=failure.name)
            if outcome == "finished":
                outcome, error = "failed", failure
        self.record.end(outcome, error)
        self.on_end(self)


def _stats(page: RelayedPage, poll: Poll) -> Stats:
    """Progress; its numbers only where they tell nothing of hidden rows."""
    progress = page.progress
    known = Stats(progress.state, progress.elapsed_ms, progress.queued_ms, progress.percent)
    return known if poll.restricted else replace(known, numbers=progress.numbers)


def _canceled() -> MeshgateError:
    return MeshgateError("USER_CANCELED", "Query was canceled")


def _too_many(most: int) -> MeshgateError:
    return MeshgateError(
        "MESHGATE_QUOTA_EXCEEDED",
        f"the answer has more than the {most} rows a policy allows: add a LIMIT, or aggregate",
    )


def _late(at: Relay) -> MeshgateError:
    return MeshgateError(
        "EXCEEDED_TIME_LIMIT",
        f"Query exceeded the maximum run time limit of {at.deadline - at.opened:.2f}s; "
        "narrow it, or raise query_max_run_time if you may",
    )


def _defect(query_id: str) -> MeshgateError:
    return MeshgateError(
        "GENERIC_INTERNAL_ERROR",
        f"the gateway failed; tell its operator the query id {query_id}",
    )
