"""The audit store: durable before the page, one record per statement and phase.

If the store fails, the statement fails: no record, no page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.audit import records
from gateway.audit.model import FINISHED, STARTED, AuditRecord, Result
from gateway.state.connection import Connection
from gateway.state.store import Change, Store

_LOOK_BACK = timedelta(days=30)
_Look = Callable[[Connection], "tuple[list[str], datetime] | None"]


class AuditStore:
    """Writes audit records to a store, or to SQLite at a path. Safe from any event loop.

    ``writer`` names this gateway: what it left open is closed when it starts anew.
    """

    def __init__(self, where: Path | Store, writer: str = "") -> None:
        self._store = where if isinstance(where, Store) else Store.sqlite(where)
        self._writer = writer

    async def started(self, record: AuditRecord, *also: Change[Any]) -> None:
        """Make a ``started`` record durable, and other changes with it, in one commit.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written; send no page then.

        """
        await self._store.write(self._added(record, STARTED), *also)

    async def finished(self, record: AuditRecord, *also: Change[Any]) -> None:
        """Make a ``finished`` record durable; the first one of a query stands.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written.

        """
        await self._store.write(self._added(record, FINISHED), *also)

    async def end(
        self, query_id: str, result: Result, engine_query_id: str = "", *also: Change[Any]
    ) -> bool:
        """Finish a query from its ``started`` record, whoever wrote that; False if too late.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written.

        """
        return await self._store.write(self._ended(query_id, result, engine_query_id), *also)

    async def end_if(
        self, won: Change[bool], query_id: str, result: Result, engine_query_id: str = ""
    ) -> bool:
        """Finish a query in the same commit as ``won``, where that answers True.

        For who finds a statement abandoned: ``won`` is ``OpenStatements.taking(…)``.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE if it cannot be written.

        """
        ended = self._ended(query_id, result, engine_query_id)

        def run(database: Connection) -> bool:
            if not won.run(database):
                return False
            ended.run(database)
            return True

        return await self._store.write(Change(run, won.committed))

    async def query(
        self,
        *,
        principal: str | None = None,
        table: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Return bodies of the latest records, newest first, one per statement."""
        row = records.Row(principal, table, outcome)
        return await self._store.read(lambda database: records.latest(database, row, limit))

    async def find(self, query_id: str) -> dict[str, Any] | None:
        """Return the latest record of one query, or None."""
        return await self._store.read(lambda database: records.find(database, query_id))

    async def close_abandoned(self, running: Collection[str], before: datetime) -> int:
        """Finish, as ``abandoned``, what this gateway started before then; how many.

        Left out are ``running`` and the open statements of any gateway: those end by
        ``end_if``. What another gateway started is closed when it is a day old.
        """
        alive, since, closed = frozenset(running), before - _LOOK_BACK, 0
        while found := await self._store.read(self._unfinished(since, before)):
            query_ids, since = found
            if lost := [query_id for query_id in query_ids if query_id not in alive]:
                closed += await self._store.write(self._abandoned(lost))
        return closed

    def close(self) -> None:
        """Write what waits, then stop. Idempotent."""
        self._store.close()

    def _added(self, record: AuditRecord, phase: str) -> Change[None]:
        if record.phase != phase:
            raise ValueError(f"a {record.phase} record cannot be written as {phase}")
        body = record.body().decode()
        return Change(lambda database: records.insert(database, record, body, self._writer))

    def _unfinished(self, since: datetime, before: datetime) -> _Look:
        return lambda database: records.unfinished(database, since, before, self._writer)

    def _abandoned(self, query_ids: Collection[str]) -> Change[int]:
        result = Result("abandoned")
        return Change(
            lambda database: sum(
                records.finish(database, query_id, result, self._writer) for query_id in query_ids
            )
        )

    def _ended(self, query_id: str, result: Result, engine_query_id: str) -> Change[bool]:
        return Change(
            lambda database: records.finish(
                database, query_id, result, self._writer, engine_query_id
            )
        )
