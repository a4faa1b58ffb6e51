"""Failed logins, counted per address and per user."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cachetools import TTLCache

_WINDOW_SECONDS = 60
_PER_USER, _PER_ADDRESS = 10, 50
_REMEMBERED = 50_000


class TooManyFailuresError(Exception):
    """Try again after ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many failed logins; try again in {retry_after} s")
        self.retry_after = retry_after


class FailedLogins:
    """Counts failures of the last minute; bounded, so a flood forgets old entries first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: TTLCache[tuple[str, str], tuple[int, float]] = TTLCache(
            _REMEMBERED, _WINDOW_SECONDS, timer=clock
        )

    def check(self, address: str, user: str | None) -> None:
        """Raise TooManyFailuresError if this address or user has failed too often."""
        for key, limit in self._keys(address, user):
            count, first = self._seen.get(key, (0, 0.0))
            if count >= limit and self._clock() - first < _WINDOW_SECONDS:
                left = math.ceil(first + _WINDOW_SECONDS - self._clock())
                raise TooManyFailuresError(max(1, left))

    def add(self, address: str, user: str | None) -> None:
        """Count one failure."""
        for key, _ in self._keys(address, user):
            count, first = self._seen.get(key, (0, self._clock()))
            if self._clock() - first >= _WINDOW_SECONDS:
                count, first = 0, self._clock()
            self._seen[key] = (count + 1, first)

    def _keys(self, address: str, user: str | None) -> list[tuple[tuple[str, str], int]]:
        keys = [(("address", address), _PER_ADDRESS)]
        return keys if user is None else [*keys, (("user", user), _PER_USER)]
