"""A new statement: admitted, answered or refused, always with a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

import structlog

from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticated
from gateway.protocol.access import fingerprint
from gateway.protocol.commands import PURPOSE, Caller, Commands, check_bound_purpose
from gateway.protocol.messages import Page, Stats, error_json, warnings_json
from gateway.protocol.poll import Poll, Sealer
from gateway.protocol.producer import Stream
from gateway.protocol.record import QueryRecord
from gateway.protocol.relays import RelayedQueries
from gateway.protocol.running import RunningQuery
from gateway.protocol.service import QueryIds, Service
from gateway.protocol.session import ClientSession, Headers, read_session
from gateway.protocol.table import OpenQuery, RunningQueries, run_seconds
from gateway.query.plan import Plan
from gateway.query.recording import LoginAttempt
from gateway.telemetry import QUERY_DEFECT, Metrics, where

_LOG = structlog.get_logger()
_ACCESS = "X-Meshgate-Access"
_KEPT_TEXT = 10_000  # characters: records outlive their statements, by the thousand


@dataclass(frozen=True, slots=True)
class _Asked:
    """One statement with everything its answer needs."""

    text: str
    record: QueryRecord
    caller: Caller
    base: str
    credential: str


class Submitter:
    """Takes statements from clients and hands them to the query service."""

    def __init__(
        self,
        service: Service,
        queries: RunningQueries,
        commands: Commands,
        sealer: Sealer,
        metrics: Metrics,
        relays: RelayedQueries | None = None,
    ) -> None:
        self._relays = relays
        self._service = service
        self._queries = queries
        self._commands = commands
        self._sealer = sealer
        self._metrics = metrics
        self._ids = QueryIds()

    async def submit(
        self,
        text: str,
        headers: Headers,
        login: Authenticated,
        *,
        base: str,
        peer: str,
        credential: str,
    ) -> tuple[Page, Mapping[str, str]]:
        """Give the page and headers that answer a POST.

        Raises:
            BadRequestError: malformed session headers.

        """
        client = _bound_to_purpose(read_session(headers, peer), login)
        record = QueryRecord(
            self._ids.mint(), _kept(text), login.principal.id, login.actor, client.session,
            datetime.now(UTC),
        )  # fmt: skip
        self._queries.remember(record)
        asked = _Asked(text, record, Caller(login, client), base, credential)
        try:
            with structlog.contextvars.bound_contextvars(query_id=record.query_id):
                return await self._admitted(asked)
        except MeshgateError as error:
            return self._refused(asked, error)
        except Exception as error:  # noqa: BLE001 - the edge: every defect becomes a refusal
            _LOG.error(QUERY_DEFECT, query_id=record.query_id, **where(error))
            return self._refused(asked, _defect(record.query_id))

    async def login_failed(self, attempt: LoginAttempt) -> None:
        """Record a failed login."""
        await self._service.login_failed(attempt)

    def seen(self, query_id: str, login: Authenticated) -> QueryRecord | None:
        """The record of a statement of this caller's, else None."""
        record = self._queries.record(query_id)
        return record if record and self._commands.may_see(record, login) else None

    async def cancel(self, query_id: str, login: Authenticated) -> bool:
        """End a statement wherever it runs; False for one this caller may not cancel."""
        query = await self._queries.find(query_id)
        record = query.record if query is not None else self._queries.record(query_id)
        if record is None or not self._commands.may_cancel(record, login):
            return False
        if query is not None:
            await query.cancel()
        return True

    async def _admitted(self, asked: _Asked) -> tuple[Page, Mapping[str, str]]:
        record, caller = asked.record, asked.caller
        async with self._recorded(asked):
            self._check(caller)
        plan = await self._service.submit(
            asked.text, record.session, caller.login.principal, record.query_id
        )
        record.session = replace(record.session, prepared=MappingProxyType({}))
        record.plan = replace(plan, sources=MappingProxyType({}), answer=None)
        self._observe(plan)
        access = {_ACCESS: self._access(asked, plan)}
        if plan.command is not None:
            return await self._command(asked, plan, access)
        if plan.relayed and self._relays is not None:
            query: OpenQuery = await self._relayed(asked, plan, self._relays)
        else:
            async with self._recorded(asked, plan):
                query = self._running(asked, plan)
        query.headers = access
        page = query.submitted(asked.base)
        self._queries.add(query)
        return page, access

    def _check(self, caller: Caller) -> None:
        """Refuse what needs no look at the statement."""
        if caller.client.problem is not None:
            raise caller.client.problem
        self._commands.check_transaction(caller)
        self._queries.check_room(caller.login.principal.id)

    @asynccontextmanager
    async def _recorded(self, asked: _Asked, plan: Plan | None = None) -> AsyncIterator[None]:
        """Leave the audit record of a refusal made here, before its error is sent."""
        try:
            yield
        except Exception as error:
            record = asked.record
            await self._service.refused(
                asked.text, record.session, asked.caller.login.principal, record.query_id,
                error if isinstance(error, MeshgateError) else _defect(record.query_id), plan,
            )  # fmt: skip
            raise

    async def _relayed(self, asked: _Asked, plan: Plan, relays: RelayedQueries) -> OpenQuery:
        record, caller = asked.record, asked.caller
        seconds = run_seconds(record.session, self._queries.limits)
        submitted = await self._service.relay(
            plan, record.session, caller.login.principal, record.query_id, caller.login.actor,
            seconds,
        )  # fmt: skip
        most = plan.governed.max_rows if plan.governed is not None else None
        seal = self._seal(asked, plan)
        return relays.made(record, seal, submitted, plan.warnings, seconds, most)

    def _seal(self, asked: _Asked, plan: Plan) -> Poll:
        """The statement's first address."""
        login = asked.caller.login
        decision = plan.decision.decision_id if plan.decision else ""
        return Poll(
            asked.record.query_id, "queued", 1, login.principal.id, login.actor,
            asked.credential, decision, plan.restricted,
        )  # fmt: skip

    def _running(self, asked: _Asked, plan: Plan) -> RunningQuery:
        record, caller = asked.record, asked.caller
        seconds = run_seconds(record.session, self._queries.limits)
        principal = caller.login.principal

        async def start() -> Stream:
            return await self._service.start(
                plan, record.session, principal, record.query_id, seconds
            )

        async def drop(state: str) -> None:
            await self._service.dropped(plan, record.session, principal, record.query_id, state)

        return RunningQuery(
            record, plan, start, drop=drop, sealer=self._sealer, seal=self._seal(asked, plan),
            seconds=seconds,
        )  # fmt: skip

    async def _command(
        self, asked: _Asked, plan: Plan, access: Mapping[str, str]
    ) -> tuple[Page, Mapping[str, str]]:
        """Answer a command at once; it has an audit record like everything else.

        Its effect is the client's to keep, so it takes none where the record cannot be written.
        """
        record, principal = asked.record, asked.caller.login.principal
        async with self._recorded(asked, plan):
            answer = await self._commands.answer(plan, asked.caller)
        seconds = run_seconds(record.session, self._queries.limits)
        stream = await self._service.start(
            plan, record.session, principal, record.query_id, seconds
        )
        async for _ in stream.batches():
            pass
        self._close(record, "finished", None)
        page = Page(
            record.query_id, asked.base, self._stats(record), warnings_json(plan.warnings),
            columns=b"[]", update_type=answer.update_type,
        )  # fmt: skip
        return page, {**access, **answer.headers}

    def _refused(self, asked: _Asked, error: MeshgateError) -> tuple[Page, Mapping[str, str]]:
        record = asked.record
        record.session = replace(record.session, prepared=MappingProxyType({}))
        self._close(record, "refused", error)
        page = Page(
            record.query_id, asked.base, self._stats(record), error=error_json(error, asked.text)
        )
        return page, {}

    def _close(self, record: QueryRecord, outcome: str, error: MeshgateError | None) -> None:
        record.end(outcome, error)
        self._queries.ended(record)

    def _stats(self, record: QueryRecord) -> Stats:
        return Stats(record.state, int(record.seconds * 1000), 0, 100)

    def _observe(self, plan: Plan) -> None:
        timings = plan.timings
        self._metrics.stage("parse", timings.parse_us)
        self._metrics.stage("decide", timings.decide_us)
        self._metrics.stage("rewrite", timings.rewrite_us)

    def _access(self, asked: _Asked, plan: Plan) -> str:
        principal = asked.caller.login.principal
        return fingerprint(principal, plan.purpose.name, self._service.revisions)


def _defect(query_id: str) -> MeshgateError:
    return MeshgateError(
        "GENERIC_INTERNAL_ERROR",
        f"the gateway failed; tell its operator the query id {query_id}",
    )


def _kept(text: str) -> str:
    """As much of a statement as its record shows."""
    return text if len(text) <= _KEPT_TEXT else text[:_KEPT_TEXT] + " …"


def _bound_to_purpose(client: ClientSession, login: Authenticated) -> ClientSession:
    """A credential made for one purpose serves no other."""
    if login.purpose is None:
        return client
    try:
        check_bound_purpose(login, client.session.properties.get(PURPOSE, login.purpose))
    except MeshgateError as problem:
        return replace(client, problem=problem)
    properties = MappingProxyType({**client.session.properties, PURPOSE: login.purpose})
    return replace(client, session=replace(client.session, properties=properties))
