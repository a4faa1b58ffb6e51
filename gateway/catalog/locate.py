"""Where tables are now, asked no oftener than a catalog can bear, and over short outages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalog.connection import Connection, Rest, Sqlite
from gateway.catalog.stores import CatalogUnreachableError, Locations, locations

REST_SECONDS = 10.0
"""A REST catalog is asked table by table, so its answer is used for this long."""
OUTAGE_SECONDS = 30.0
"""How long the last answer of a server stands in while it cannot be asked."""

Names = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Answer:
    at: float
    wanted: Names
    locations: Locations


class Locator:
    """Remembers each catalog's last answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Connection, _Answer] = {}

    def locations(self, connection: Connection, wanted: Names) -> Locations:
        """Give the metadata files of (at least) the wanted tables that exist.

        Raises:
            CatalogUnreachableError: it cannot be asked, and has not been for too long.

        """
        now = self._clock()
        last = self._answers.get(connection)
        if last is not None and not wanted <= last.wanted:
            last = None
        rest = isinstance(connection.database, Rest)
        if rest and last is not None and now - last.at < REST_SECONDS:
            return last.locations
        try:
            found = locations(connection, sorted(wanted))
        except CatalogUnreachableError:
            file = isinstance(connection.database, Sqlite)
            if file or last is None or now - last.at > OUTAGE_SECONDS:
                raise
            return last.locations
        self._answers[connection] = _Answer(now, wanted, found)
        return found
