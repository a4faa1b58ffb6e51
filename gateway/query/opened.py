"""The open statements of a deployment: who runs what where, until when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from gateway.relayed import Handle


@dataclass(frozen=True, slots=True)
class OpenStatement:
    """One statement on a cluster that has not ended.

    ``handle`` is None until its gateway has first noted where it stands; ``actor`` is who
    logged in for ``principal``.
    """

    query_id: str
    principal: str
    actor: str
    opened: datetime
    deadline: datetime
    handle: Handle | None = None


class OpenStatements(Protocol):
    """The open statements of all gateways of one deployment."""

    async def open(self, statement: OpenStatement) -> None:
        """Keep one, durably; raises CONFIGURATION_UNAVAILABLE."""
        ...

    def touch(self, query_id: str, handle: Handle) -> None:
        """Note that its client is there, and where it stands; written soon, never raises."""
        ...

    async def end(self, query_id: str) -> bool:
        """Forget one; True for the one caller who did."""
        ...

    async def find(self, query_id: str) -> OpenStatement | None:
        """Look one up."""
        ...


class MemoryStatements:
    """Open statements of one process."""

    def __init__(self) -> None:
        self._open: dict[str, OpenStatement] = {}

    async def open(self, statement: OpenStatement) -> None:
        """Keep one."""
        self._open[statement.query_id] = statement

    def touch(self, query_id: str, handle: Handle) -> None:
        """Note where it stands."""
        found = self._open.get(query_id)
        if found is not None:
            self._open[query_id] = replace(found, handle=handle)

    async def end(self, query_id: str) -> bool:
        """Forget one."""
        return self._open.pop(query_id, None) is not None

    async def find(self, query_id: str) -> OpenStatement | None:
        """Look one up."""
        return self._open.get(query_id)
