"""Statements that run on a cluster: opened, submitted, recorded, continued and ended.

Nothing is submitted but verified text. Before a page can be asked for, three things stand:
the ``started`` record, the active decision the second lock looks up, and the open statement
by which any gateway of the deployment can end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import structlog

from gateway.audit.model import Result
from gateway.engines.relay import RelayEngine
from gateway.errors import MeshgateError
from gateway.query.ahead import ReadAhead, Slots
from gateway.query.asked import Asked
from gateway.query.plan import Plan
from gateway.query.reads import filters_of, keyed, reads_of
from gateway.query.recording import Ending, Recorder, Told, as_refusal
from gateway.relayed import ClientSettings, Handle, RelayedPage
from gateway.sql.model import GovernedQuery, Kind
from gateway.state.active import ActiveDecision
from gateway.state.decisions import StoredDecisions
from gateway.state.statements import OpenStatement, OpenStatements
from gateway.state.store import Change

_LOG = structlog.get_logger()
_FORWARDED = ("join_distribution_type", "join_reordering_strategy")
_TIMES = frozenset({"query_max_execution_time", "query_max_run_time"})
_LOST = frozenset({"NO_NODES_AVAILABLE", "REMOTE_HOST_GONE"})
_ATTEMPTS = 2
_REAP_SECONDS = 5.0
_LAG_SECONDS = 20.0
_ABANDONED, _LATE = Result("abandoned"), Result("failed", "EXCEEDED_TIME_LIMIT")
_GRACE_SECONDS = 60.0  # a decision outlives its statement's deadline: the end is seen late


@dataclass(frozen=True, slots=True)
class Again:
    """What a second attempt needs; known to the gateway that took the statement alone."""

    governed: GovernedQuery
    settings: ClientSettings


class Relayed:
    """One statement on a cluster, as its gateway or another one continues it."""

    def __init__(
        self, relays: Relays, query_id: str, record: Ending, again: Again | None = None
    ) -> None:
        self._relays = relays
        self._query_id = query_id
        self._record = record
        self._again = again
        self._ahead = ReadAhead(relays.engine, relays.slots)

    async def page(self, handle: Handle, patience: float) -> RelayedPage:
        """The next page; where the cluster lost the statement before its first row, once more.

        Raises:
            MeshgateError: REMOTE_HOST_GONE, GENERIC_INTERNAL_ERROR.

        """
        try:
            page = await self._ahead.page(handle, patience)
        except MeshgateError as error:
            page = await self._once_more(handle, error, patience)
        if page.rows:
            self._again = None
            page = await self._ahead.with_end(page)
        return page

    async def _once_more(
        self, handle: Handle, error: MeshgateError, patience: float
    ) -> RelayedPage:
        again, attempt = self._again, handle.attempt + 1
        if again is None or error.name not in _LOST or attempt > _ATTEMPTS:
            raise error
        engine = self._relays.engine
        fresh = await engine.submit(again.governed, again.settings, attempt)
        return await engine.page(fresh, patience)

    def read_ahead(self, handle: Handle) -> None:
        """Fetch the next page while the client reads this one."""
        self._ahead.start(handle)

    async def cancel(self, handle: Handle, *, partial: bool = False) -> None:
        """End the work on the cluster, or its reading; never raises."""
        if not partial:
            self._ahead.drop()
        await self._relays.engine.cancel(handle, partial=partial)

    def touch(self, handle: Handle) -> None:
        """Note that its client is there, and where the statement stands."""
        self._relays.statements.touch(self._query_id, handle)

    async def ended(self, result: Result, engine_query_id: str) -> None:
        """Record the end, durably; its decision is no longer active.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE; send no rows then.

        """
        self._ahead.drop()
        await self._record.end(result, engine_query_id, *self._relays.closing(self._query_id))


class Relays:
    """The way to the cluster, with what must be known and recorded on it.

    Args:
        engine: the cluster.
        active: what the second lock looks up.
        statements: the open statements of all gateways of the deployment.
        recorder: audit records.

    """

    def __init__(
        self,
        engine: RelayEngine,
        active: StoredDecisions,
        statements: OpenStatements,
        recorder: Recorder,
    ) -> None:
        self.engine = engine
        self.slots = Slots()
        self.statements = statements
        self._active = active
        self._recorder = recorder

    async def submit(
        self, plan: Plan, asked: Asked, actor: str, seconds: float
    ) -> tuple[Handle, Relayed]:
        """Submit an admitted statement that may take so many seconds.

        Raises:
            MeshgateError: the records, the state or the cluster are unavailable; recorded.

        """
        governed = plan.governed
        if governed is None:
            raise ValueError("only governed text is submitted")
        settings = client_settings(governed, asked, seconds)
        record = self._recorder.opening(plan, asked)
        opening = self._active.opening(active_decision(governed, asked, seconds))
        statement = self.statements.opening(_statement(asked, actor, seconds))
        handle, noted = await asyncio.gather(
            self.engine.submit(governed, settings),
            record.started(opening, statement),
            return_exceptions=True,
        )
        if isinstance(handle, Handle) and noted is None:
            self.statements.touch(asked.query_id, handle)
            relayed = Relayed(self, asked.query_id, record, Again(governed, settings))
            if governed.kind is Kind.QUERY:  # what only reads need not wait for its client
                relayed.read_ahead(handle)
            return handle, relayed
        if isinstance(handle, Handle):
            await self.engine.cancel(handle)
        error = noted or handle
        if not isinstance(error, BaseException):
            raise TypeError("a submission gives a handle or an error")
        result = Result("failed", as_refusal(error).name)
        await record.end(result, "", *self.closing(asked.query_id))
        raise error

    def continued(self, query_id: str) -> Relayed:
        """A statement that another gateway took, or this one before it was restarted."""
        return Relayed(self, query_id, self._recorder.found(query_id))

    async def told(self, query_id: str) -> Told:
        """What the record tells of it: a sealed address holds no text, and outlives the end.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE; whether it goes on is unknown then.

        """
        return await self._recorder.told(query_id)

    async def reap(self, idle_seconds: float, told: Callable[[str, str], None]) -> None:
        """End, for ever, what nobody asks for any more and what is past its deadline.

        ``told`` hears the id and the outcome of each statement this gateway ended.
        """
        while True:
            await asyncio.sleep(min(_REAP_SECONDS, idle_seconds / 2))
            try:
                await self.reap_once(idle_seconds, told)
            except MeshgateError as error:
                _LOG.warning("query.unreaped", error=error.name)

    async def reap_once(self, idle_seconds: float, told: Callable[[str, str], None]) -> None:
        """One round: each statement is ended by the one gateway that takes it."""
        lag = min(_LAG_SECONDS, idle_seconds)  # others write down later that a client was there
        for found in await self.statements.idle(idle_seconds + lag):
            result = _LATE if found.deadline < datetime.now(UTC) else _ABANDONED
            upstream = found.handle.upstream_id if found.handle else ""
            taking = self.statements.taking(found)
            if not await self._recorder.end_if(taking, found.query_id, result, upstream):
                continue
            told(found.query_id, result.state)
            if found.handle is not None:
                await self.engine.cancel(found.handle)
            await self._active.close(found.query_id)

    def closing(self, query_id: str) -> tuple[Change[None], Change[bool]]:
        """The changes that forget an ended statement."""
        return self._active.closing(query_id), self.statements.ending(query_id)


def client_settings(governed: GovernedQuery, asked: Asked, seconds: float) -> ClientSettings:
    """What of a session reaches the cluster; a time limit the client set is capped to ours."""
    session = asked.session
    known = {name: session.properties[name] for name in _FORWARDED if name in session.properties}
    if not _TIMES.isdisjoint(session.properties):
        known["query_max_run_time"] = f"{seconds:.3f}s"
    return ClientSettings(
        asked.principal.id,
        governed.decision_id,
        session.source,
        session.client_tags,
        session.time_zone,
        session.language,
        tuple(sorted(session.capabilities)),
        MappingProxyType(known),
    )


def active_decision(governed: GovernedQuery, asked: Asked, seconds: float) -> ActiveDecision:
    """What the second lock may allow this principal while the statement runs."""
    lasts = timedelta(seconds=seconds + _GRACE_SECONDS)
    return ActiveDecision(
        asked.query_id,
        asked.principal.id,
        governed.decision_id,
        asked.now,
        asked.now + lasts,
        reads_of(governed),
        keyed(governed),
        filters_of(governed),
    )


def _statement(asked: Asked, actor: str, seconds: float) -> OpenStatement:
    deadline = asked.now + timedelta(seconds=seconds)
    return OpenStatement(asked.query_id, asked.principal.id, actor, None, asked.now, deadline)
