"""Active decisions: what statements that run now may read, for the second lock to look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from gateway.names import TableName


@dataclass(frozen=True, slots=True)
class ActiveDecision:
    """One admitted statement from before its submission until its end.

    ``reads`` holds, per table, every column its governed text names: those the statement uses
    and the inputs of row filters and masks. ``filters`` holds the row filter of each table that
    has one, as Trino's own row filter: the lock adds it to what the text says, so that a filter
    the text lost still holds. ``keyed`` is true where a mask needs the key table.
    """

    query_id: str
    principal: str
    decision_id: str
    opened: datetime
    expires: datetime
    reads: Mapping[TableName, frozenset[str]]
    keyed: bool = False
    filters: Mapping[TableName, str] = field(default_factory=lambda: MappingProxyType({}))


class ActiveDecisions(Protocol):
    """The active decisions of all gateways of one deployment."""

    async def open(self, decision: ActiveDecision) -> None:
        """Make it known to every gateway; returns once the shared state holds it.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE; submit nothing then.

        """
        ...

    async def close(self, query_id: str) -> None:
        """Forget it; never raises (it expires by itself)."""
        ...

    async def of(self, principal: str, *, fresh: bool = False) -> tuple[ActiveDecision, ...]:
        """All of one principal's, from memory where this process opened them.

        What another gateway opened within the last second may be missing: ask again with
        ``fresh`` before refusing.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE where the shared state must be read and
                cannot be; allow nothing then.

        """
        ...
