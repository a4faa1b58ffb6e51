"""The current snapshot, rebuilt when files or Iceberg schemas change."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.catalog.domains import read_files
from gateway.catalog.load import Loaded, Loader
from gateway.catalog.model import CatalogSnapshot

POLL_SECONDS = 2.0
CONFIRM_SECONDS = 1.0


class CatalogRegistry:
    """Holds one snapshot at a time; readers take ``current`` once and keep it.

    A file that turns invalid (or disappears) is read again at least a second later before its
    domain closes: an editor may be half-way through writing it. Until then its last good
    content stands in. A table that no longer matches Iceberg leaves at once.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str] | None = None,
        connections_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._loader = Loader(environment, connections_file)
        self._good: dict[Path, bytes] = {}
        self._suspects: dict[Path, float] = {}
        files = read_files(directory)
        self._loaded = self._loader.load(files)
        self._remember(files, self._loaded)

    @property
    def current(self) -> CatalogSnapshot:
        """The snapshot new queries see."""
        return self._loaded.snapshot

    def refresh(self) -> bool:
        """Look again; true when another snapshot is current now. Safe from any thread."""
        with self._lock:
            loaded = self._load()
            changed = loaded.signature != self._loaded.signature
            if changed:
                self._loaded = loaded
            return changed

    async def watch(self, every_seconds: float = POLL_SECONDS) -> None:
        """Refresh again and again until cancelled."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.refresh)

    def _load(self) -> Loaded:
        files = read_files(self._directory)
        loaded = self._loader.load(files)
        standing_in = self._unconfirmed(loaded.closed | (self._good.keys() - files.keys()))
        if standing_in:
            loaded = self._loader.load(dict(sorted((files | standing_in).items())))
        self._remember(files, loaded, except_for=standing_in)
        return loaded

    def _unconfirmed(self, closed: frozenset[Path] | set[Path]) -> dict[Path, bytes | None]:
        """Give the last good content of files not yet seen invalid for long enough."""
        now = self._clock()
        newly = {path for path in closed if path in self._good}
        self._suspects = {path: self._suspects.get(path, now) for path in newly}
        return {
            path: self._good[path]
            for path, since in self._suspects.items()
            if now - since < CONFIRM_SECONDS
        }

    def _remember(
        self,
        files: Mapping[Path, bytes | None],
        loaded: Loaded,
        except_for: Mapping[Path, bytes | None] | None = None,
    ) -> None:
        """Keep the content of every open domain; a closed one has no last good content."""
        kept = {path: self._good[path] for path in except_for or ()}
        good = {
            path: content
            for path, content in files.items()
            if content is not None and path not in loaded.closed and path not in kept
        }
        self._good = good | kept
