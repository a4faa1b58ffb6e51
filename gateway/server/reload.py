"""Files that are read again when they change: people and grants."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

_LOG = structlog.get_logger()
_LOOK_SECONDS = 0.5
_TRUST_SECONDS = 30.0

T = TypeVar("T")


class Reloaded(Generic[T]):
    """A value from a file. A broken file keeps its last good value for 30 s, then ``empty``.

    Args:
        path: the file; a missing one is ``empty`` from the start if ``optional``.
        load: reads it; raises ValueError saying what to mend.
        empty: the value that gives nobody anything.

    """

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], T],
        empty: T,
        *,
        optional: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._load, self._empty, self._clock = path, load, empty, clock
        self._stamp = self._stat()
        self._looked = clock()
        self._broken_since: float | None = None
        self._value = empty if optional and self._stamp is None else load(path)
        self.version = str(self._stamp)

    def current(self) -> T:
        """The value now; the file is looked at twice a second at most."""
        now = self._clock()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._refresh(now)
        if self._broken_since is not None and now - self._broken_since > _TRUST_SECONDS:
            self.version = "unreadable"
            return self._empty
        return self._value

    def _refresh(self, now: float) -> None:
        stamp = self._stat()
        if stamp == self._stamp and self._broken_since is None:
            return
        try:
            self._value = self._load(self._path)
        except (ValueError, OSError) as error:
            if self._broken_since is None:
                self._broken_since = now
                _LOG.error("file.broken", file=str(self._path), error=str(error))
            return
        self._stamp, self._broken_since, self.version = stamp, None, str(stamp)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
