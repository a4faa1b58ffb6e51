"""Statements that change the client's session: answered in one page, by headers."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from cachetools import TTLCache

from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticated
from gateway.identity.directory import Directory
from gateway.metadata.reasons import unavailable
from gateway.protocol.properties import checked, known
from gateway.protocol.record import QueryRecord
from gateway.protocol.service import Service
from gateway.protocol.session import ClientSession, encode_prepared
from gateway.protocol.table import RunningQueries
from gateway.query.plan import Plan
from gateway.sql.model import Kind, Statement

_TRANSACTIONS, _TRANSACTIONS_EACH, _TRANSACTION_SECONDS = 10_000, 100, 24 * 3600
_MAX_MESSAGE = 500
_ZONE = "time_zone_id"
PURPOSE = "meshgate.purpose"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a statement, with its session."""

    login: Authenticated
    client: ClientSession


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """The name of what was done and the headers that make the client remember it."""

    update_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


_Handler = Callable[[Plan, Statement, Caller], Awaitable[CommandAnswer]]


class Commands:
    """Answers session commands. Only transactions leave something here; the rest lives in clients.

    Args:
        service: for what a caller may see.
        queries: for kill_query.
        directory: for operators.

    """

    def __init__(
        self, service: Service, queries: RunningQueries, directory: Callable[[], Directory]
    ) -> None:
        self._service = service
        self._queries = queries
        self._directory = directory
        self._open: TTLCache[str, str] = TTLCache(_TRANSACTIONS, _TRANSACTION_SECONDS)
        self._handlers: Mapping[Kind, _Handler] = {
            Kind.USE: self._use,
            Kind.SET_SESSION: self._set_session,
            Kind.RESET_SESSION: self._reset_session,
            Kind.SET_TIME_ZONE: self._set_time_zone,
            Kind.SET_ROLE: self._set_role,
            Kind.PREPARE: self._prepare,
            Kind.DEALLOCATE: self._deallocate,
            Kind.START_TRANSACTION: self._start_transaction,
            Kind.COMMIT: self._end_transaction,
            Kind.ROLLBACK: self._end_transaction,
            Kind.KILL_QUERY: self._kill,
        }

    async def answer(self, plan: Plan, caller: Caller) -> CommandAnswer:
        """Carry out a plan's command; raises MeshgateError."""
        statement = plan.statement
        handler = self._handlers.get(statement.kind)
        if handler is None:
            raise MeshgateError(
                "NOT_SUPPORTED", f"{_words(statement.kind)} is not supported by this gateway"
            )
        return await handler(plan, statement, caller)

    def check_transaction(self, caller: Caller) -> None:
        """Refuse a statement inside a transaction that is not open, or not the caller's."""
        transaction = caller.client.session.transaction_id
        if transaction and self._open.get(transaction) != caller.login.principal.id:
            raise MeshgateError(
                "UNKNOWN_TRANSACTION",
                f"Unknown transaction ID: {transaction}. Possibly expired? Start another one",
            )

    def may_see(self, record: QueryRecord, login: Authenticated) -> bool:
        """Whether a statement is the caller's own: run as them, or by them."""
        return login.principal.id in {record.principal, record.actor}

    def may_cancel(self, record: QueryRecord, login: Authenticated) -> bool:
        """Whether the caller may end a statement: its owner, or an operator."""
        return self.may_see(record, login) or self._directory().is_operator(login.principal.id)

    async def _use(self, _plan: Plan, statement: Statement, caller: Caller) -> CommandAnswer:
        session = caller.client.session
        named = statement.words.get("catalog")
        catalog = named or session.catalog
        schema = statement.words.get("schema") or ""
        if not catalog:
            raise MeshgateError(
                "MISSING_CATALOG_NAME",
                "line 1:1: Catalog must be specified when session catalog is not set",
            )
        visible = await self._service.visible(session, caller.login.principal)
        if (domain := visible.unavailable.get((catalog, schema))) is not None:
            raise unavailable(domain)
        if catalog not in visible.catalogs:
            raise MeshgateError("CATALOG_NOT_FOUND", f"line 1:1: Catalog '{catalog}' not found")
        if not visible.has_schema(catalog, schema):
            raise MeshgateError("NOT_FOUND", f"Schema does not exist: {catalog}.{schema}")
        headers = {"X-Trino-Set-Catalog": catalog} if named else {}
        return CommandAnswer("USE", {**headers, "X-Trino-Set-Schema": schema})

    async def _set_session(
        self, _plan: Plan, statement: Statement, caller: Caller
    ) -> CommandAnswer:
        name = (statement.words.get("name") or "").lower()
        value = checked(name, statement.words.get("value") or "")
        if name == PURPOSE:
            check_bound_purpose(caller.login, value)
        if name == PURPOSE and value:
            self._service.check_purpose(value, caller.login.principal)
        return CommandAnswer("SET SESSION", _pair("X-Trino-Set-Session", name, value))

    async def _reset_session(
        self, _plan: Plan, statement: Statement, _caller: Caller
    ) -> CommandAnswer:
        name = known((statement.words.get("name") or "").lower())
        return CommandAnswer("RESET SESSION", {"X-Trino-Clear-Session": name})

    async def _set_time_zone(
        self, _plan: Plan, statement: Statement, _caller: Caller
    ) -> CommandAnswer:
        zone = statement.words.get("zone")
        if zone is None:
            return CommandAnswer("SET TIME ZONE", {"X-Trino-Clear-Session": _ZONE})
        value = checked(_ZONE, zone)
        return CommandAnswer("SET TIME ZONE", _pair("X-Trino-Set-Session", _ZONE, value))

    async def _set_role(self, _plan: Plan, statement: Statement, caller: Caller) -> CommandAnswer:
        """Let the client note a group of its own as its role.

        Nothing is taken away: groups may carry restrictions, so a caller cannot drop one.
        """
        mode, role = statement.words.get("mode") or "ROLE", statement.words.get("role") or ""
        if mode == "ROLE" and role not in caller.login.principal.groups:
            raise MeshgateError("ROLE_NOT_FOUND", f"Role '{role}' does not exist")
        shown = f"ROLE{{{role}}}" if mode == "ROLE" else mode
        return CommandAnswer("SET ROLE", _pair("X-Trino-Set-Role", "system", shown))

    async def _prepare(self, _plan: Plan, statement: Statement, _caller: Caller) -> CommandAnswer:
        name = quote_plus(statement.words.get("name") or "")
        text = encode_prepared(statement.text or "")
        return CommandAnswer("PREPARE", _pair("X-Trino-Added-Prepare", name, text))

    async def _deallocate(self, _plan: Plan, statement: Statement, caller: Caller) -> CommandAnswer:
        name = statement.words.get("name") or ""
        if name not in caller.client.session.prepared:
            raise MeshgateError("NOT_FOUND", f"Prepared statement not found: {name}")
        return CommandAnswer("DEALLOCATE", {"X-Trino-Deallocated-Prepare": quote_plus(name)})

    async def _start_transaction(
        self, _plan: Plan, _statement: Statement, caller: Caller
    ) -> CommandAnswer:
        if not caller.client.transactions:
            raise MeshgateError("INCOMPATIBLE_CLIENT", "Client does not support transactions")
        if caller.client.session.transaction_id:
            raise MeshgateError("NOT_SUPPORTED", "Nested transactions not supported")
        owner = caller.login.principal.id
        if sum(1 for other in self._open.values() if other == owner) >= _TRANSACTIONS_EACH:
            raise MeshgateError(
                "QUERY_QUEUE_FULL", "too many transactions are open; commit or roll back one"
            )
        transaction = str(uuid.uuid4())
        self._open[transaction] = owner
        return CommandAnswer("START TRANSACTION", {"X-Trino-Started-Transaction-Id": transaction})

    async def _end_transaction(
        self, _plan: Plan, statement: Statement, caller: Caller
    ) -> CommandAnswer:
        transaction = caller.client.session.transaction_id
        if not transaction:
            raise MeshgateError("NOT_IN_TRANSACTION", "No transaction in progress")
        self._open.pop(transaction, None)
        return CommandAnswer(statement.kind.value, {"X-Trino-Clear-Transaction-Id": "true"})

    async def _kill(self, _plan: Plan, statement: Statement, caller: Caller) -> CommandAnswer:
        query_id = statement.words.get("query_id") or ""
        query = await self._queries.find(query_id)
        if query is None or not self.may_cancel(query.record, caller.login):
            raise MeshgateError("NOT_FOUND", f"Target query not found: {query_id}")
        if query.record.outcome:
            raise MeshgateError("NOT_SUPPORTED", f"Target query is not running: {query_id}")
        message = (statement.words.get("message") or "No message provided.")[:_MAX_MESSAGE]
        killed = MeshgateError("ADMINISTRATIVELY_KILLED", f"Query killed. Message: {message}")
        await query.stop("killed", killed)
        return CommandAnswer("CALL")


def check_bound_purpose(login: Authenticated, stated: str) -> None:
    """Refuse another purpose than the one the caller's credential was made for."""
    if login.purpose is not None and stated != login.purpose:
        raise MeshgateError(
            "INVALID_SESSION_PROPERTY",
            f"{PURPOSE}: this API token is for purpose '{login.purpose}' alone",
        )


def _pair(header: str, name: str, value: str) -> dict[str, str]:
    return {header: f"{name}={quote_plus(value)}"}


def _words(kind: Kind) -> str:
    return kind.value.replace("_", " ")
