"""One page read ahead: fetched from the cluster while the client reads the page before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.engines.relay import RelayEngine
from gateway.relayed import Handle, RelayedPage

_SLOTS = 48  # pages of about a mebibyte held for clients that have not asked yet
_FRESH_SECONDS = 1.0
_SMALL_BYTES = 64 << 10
_END_SECONDS = 0.02


@dataclass(slots=True)
class Slots:
    """How many pages all statements of a gateway may hold ahead."""

    free: int = _SLOTS


class ReadAhead:
    """The next page of one statement.

    Exactly one upstream request is made ahead, never a second: the page a client's address names
    stays the cluster's current one, so another gateway, or this one after a restart, still gets
    it. For the same reason a page that has waited a second is asked for anew: a statement that
    was ended elsewhere gives no more rows here.
    """

    def __init__(
        self, engine: RelayEngine, slots: Slots, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._slots = slots
        self._clock = clock
        self._handle: Handle | None = None
        self._task: asyncio.Task[tuple[RelayedPage, float]] | None = None

    def start(self, handle: Handle) -> None:
        """Begin to fetch the page of a handle, where there is room."""
        if handle == self._handle:
            return
        self.drop()
        if self._slots.free > 0:
            self._slots.free -= 1
            self._handle = handle
            self._task = asyncio.create_task(self._fetch(handle))
            self._task.add_done_callback(_seen)

    async def page(self, handle: Handle, patience: float) -> RelayedPage:
        """The page of a handle; what was read ahead, where it holds rows or is the last one."""
        task = self._task if handle == self._handle else None
        try:
            if task is not None:
                await asyncio.wait({task})
                if not task.cancelled():  # by ``drop``, at the statement's end
                    found, came = task.result()
                    fresh = self._clock() - came < _FRESH_SECONDS
                    if fresh and (found.data is not None or found.next is None):
                        return found
        finally:
            self.drop()
        return await self._engine.page(handle, patience)

    async def with_end(self, page: RelayedPage) -> RelayedPage:
        """A few rows with the empty pages after them, often up to the end: fewer exchanges.

        Rows and errors after them are left for whoever asks for the next page.
        """
        if page.data is None or len(page.data) > _SMALL_BYTES:
            return page
        until = self._clock() + _END_SECONDS
        while page.next is not None:
            self.start(page.next)
            after = await self._soon(until - self._clock())
            if after is None or after.data is not None or after.error is not None:
                break
            self.drop()
            page = page.then(after)
        return page

    async def _soon(self, seconds: float) -> RelayedPage | None:
        """What is being read ahead, if it comes so soon."""
        if self._task is None or seconds <= 0:
            return None
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        if not done or self._task.cancelled() or self._task.exception() is not None:
            return None
        found, _ = self._task.result()
        return found

    def drop(self) -> None:
        """Forget what was read ahead, and stop what still is."""
        if self._task is not None:
            self._task.cancel()
            self._slots.free += 1
        self._task = self._handle = None

    async def _fetch(self, handle: Handle) -> tuple[RelayedPage, float]:
        return await self._engine.page(handle, 0.0), self._clock()


def _seen(task: asyncio.Task[tuple[RelayedPage, float]]) -> None:
    """Take note of an error nobody waits for: whoever asks for the page meets it again."""
    if not task.cancelled():
        task.exception()
