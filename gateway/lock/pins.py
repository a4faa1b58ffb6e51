"""The consistency rule: within one window one identity hears one answer about one thing.

Trino asks several times about a table while it analyses a statement, and believes each answer
alone: a policy that changes in between would show a masked column in the clear. So the first
answer is pinned; if the truth differs before the window is over, Trino gets an error. A pin
lasts ``seconds`` beyond the last answer given under it.

A pin also remembers that Trino did ask for masks and filters, because a cluster on which one of
those addresses is not configured never asks, and would show all rows or clear values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from gateway.lock.wire import DoubtError

MAX_PINS = 50_000
WAIT_SECONDS = 1.5
"""How long one analysis waits for another one's row filters; below Trino's own limit of 2 s."""


class Pin:
    """What one identity was told about one table (or catalog), and what Trino proved to ask."""

    __slots__ = ("_credit", "_filters_at", "_followed", "_masks_at", "_unfollowed", "told", "until")

    def __init__(self, told: Hashable) -> None:
        self.told = told
        self.until = 0.0
        self._masks_at = self._filters_at = float("-inf")
        self._unfollowed: float | None = None
        self._followed = asyncio.Event()
        self._credit: set[str] = set()

    async def masks_given(self, masked: frozenset[str], now: float, seconds: float) -> None:
        """Note that masks are handed out, where the question for row filters has to follow.

        Trino checks each masked column before it asks for the filters, so these checks are
        credited, once each. Until filters were asked for, one analysis goes at a time: a
        second one's credit could be spent by the first.

        Raises:
            DoubtError: an earlier analysis never asked for the filters.

        """
        self._masks_at = now
        if now - self._filters_at <= seconds:
            return
        if self._unfollowed is not None and now - self._unfollowed <= seconds:
            await self._wait(now - self._unfollowed)
            return
        self._unfollowed = now
        self._followed = asyncio.Event()
        self._credit = set(masked)

    async def _wait(self, since: float) -> None:
        try:
            await asyncio.wait_for(self._followed.wait(), WAIT_SECONDS - since)
        except TimeoutError:
            raise DoubtError("row filters were not asked for") from None

    def masks_seen(self, now: float) -> None:
        """Note that masks were handed out, where there is no row filter."""
        self._masks_at = now

    def filters_given(self, now: float) -> None:
        """Note that the row filter was handed out."""
        self._filters_at = now
        self._credit = set()
        self._unfollowed = None
        self._followed.set()

    def check_masks(self, now: float, seconds: float) -> None:
        """Raise DoubtError unless masks were asked for within the window."""
        if now - self._masks_at > seconds:
            raise DoubtError("masks were not asked for")

    def check_filters(self, columns: frozenset[str], now: float, seconds: float) -> None:
        """Raise DoubtError unless the filter was asked for, or this is a mask's own check."""
        if now - self._filters_at <= seconds:
            return
        name = next(iter(columns)) if len(columns) == 1 else None
        if name not in self._credit:
            raise DoubtError("row filters were not asked for")
        self._credit.remove(name)


class Pins:
    """All pins of this process."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self.clock = clock
        self._pins: dict[tuple[str, Hashable], Pin] = {}
        self._tidied = clock()

    def hold(self, identity: str, subject: Hashable, truth: Hashable) -> Pin:
        """Pin the truth, or find it pinned.

        Raises:
            DoubtError: another truth is pinned, or there is no room to remember this one.

        """
        now = self.clock()
        pin = self._pins.get((identity, subject))
        if pin is None or pin.until < now:
            self._make_room(now)
            pin = self._pins[identity, subject] = Pin(truth)
        elif pin.told != truth:
            raise DoubtError("the decision changed within the window")
        pin.until = now + self.seconds
        return pin

    def _make_room(self, now: float) -> None:
        """Forget what is over, once a window; as many as may be open at once is a doubt."""
        if now - self._tidied > self.seconds or len(self._pins) >= MAX_PINS:
            self._pins = {key: pin for key, pin in self._pins.items() if pin.until >= now}
            self._tidied = now
        if len(self._pins) >= MAX_PINS:
            raise DoubtError("too many pins")
