"""The pipeline of one statement on one screen.

parse -> bind parameters -> expand views -> purpose -> decide once -> refuse what is hidden ->
resolve -> govern (which verifies) -> plan. Pure stages live in ``sql``; this module only orders
them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

from gateway.catalog.model import CatalogSnapshot, Table
from gateway.errors import MeshgateError
from gateway.metadata import reasons
from gateway.metadata.tables import is_metadata
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import Decision
from gateway.policy.service import PolicyService
from gateway.query.asked import Asked, decision_request
from gateway.query.caches import PlanCaches
from gateway.query.commands import (
    COMMANDS,
    check_command,
    inner_statement,
    prepared_statement,
    statement_text,
)
from gateway.query.describe import describe, with_nulls
from gateway.query.metadata import MetadataAnswers, OwnQueries
from gateway.query.obligations import check_obligations
from gateway.query.plan import Plan, Purpose, Timings
from gateway.query.purpose import choose_purpose
from gateway.query.recording import Trail
from gateway.results import Warning_
from gateway.sql import views
from gateway.sql.model import GovernedQuery, Kind, Statement


class Pipeline:
    """Turns one statement into a ``Plan`` or a ``MeshgateError``. Runs nothing."""

    def __init__(self, policy: PolicyService, caches: PlanCaches, own_queries: OwnQueries) -> None:
        self._policy = policy
        self._caches = caches
        self._metadata = MetadataAnswers(policy, caches, own_queries)

    async def plan(self, asked: Asked, trail: Trail) -> Plan:
        """Admit one statement; every refusal is a MeshgateError with the user's positions."""
        plan = await self._plan(asked, trail)
        plan = replace(plan, text=statement_text(trail.outer, asked))
        if plan.statement.heavy:  # the tree has done its work; plans outlive their statements
            light = replace(plan.statement, tree=None, arguments=(), views={})
            plan = replace(plan, statement=light)
        return plan

    async def _plan(self, asked: Asked, trail: Trail) -> Plan:
        started = time.perf_counter_ns()
        outer = trail.outer = await self._caches.parse(asked.text, asked.defaults)
        statement = await inner_statement(outer, asked, self._caches)
        trail.statement = statement
        timings = Timings(parse_us=_since(started))
        if statement.kind in COMMANDS:
            await check_command(statement, asked, self._caches)
            return Plan(statement, asked.snapshot, Purpose(), command=statement, timings=timings)
        if statement.kind in {Kind.DESCRIBE_INPUT, Kind.DESCRIBE_OUTPUT}:
            inner = await prepared_statement(statement, asked, self._caches)
            return describe(statement, inner, await self._typed(inner, asked, trail, timings))
        if statement.tree is None:
            return await self._metadata.show(statement, asked, timings)
        return await self._explained(statement, asked, trail, timings)

    async def _typed(self, inner: Statement, asked: Asked, trail: Trail, timings: Timings) -> Plan:
        """Plan a prepared statement for its columns' types: our own typer's, where it knows."""
        statement = with_nulls(inner)
        if asked.engine != "duckdb":
            with contextlib.suppress(MeshgateError):
                own = replace(asked, engine="duckdb")
                return await self._query(statement, own, trail, timings)
        return await self._query(statement, asked, trail, timings)

    async def _explained(
        self, statement: Statement, asked: Asked, trail: Trail, timings: Timings
    ) -> Plan:
        """Plan a query, or the explanation of what it would do or is refused for."""
        try:
            plan = await self._query(statement, asked, trail, timings)
        except MeshgateError as error:
            return await self._metadata.explain_refusal(statement, asked, trail, error, timings)
        explains = statement.kind in {Kind.EXPLAIN, Kind.EXPLAIN_ACCESS, Kind.SHOW_STATS}
        return self._metadata.explain(plan, asked) if explains else plan

    async def _query(
        self, statement: Statement, asked: Asked, trail: Trail, timings: Timings
    ) -> Plan:
        if statement.tables and all(is_metadata(ref.name) for ref in statement.tables):
            return await self._metadata.query(statement, asked, timings)
        return await self._data(statement, asked, trail, timings)

    async def _data(
        self, statement: Statement, asked: Asked, trail: Trail, timings: Timings
    ) -> Plan:
        _refuse_mixed(statement)
        statement = await self._caches.expand(statement, asked.snapshot)
        tables = _known_tables(statement, asked.snapshot)
        purpose = choose_purpose(asked, tables.values(), self._policy.purposes)
        trail.purpose = purpose
        started = time.perf_counter_ns()
        decision = await self._policy.decide(
            decision_request(asked, purpose.name, tuple(tables.values()))
        )
        decision = trail.decision = views.without_hidden(decision, statement.tables)
        timings = replace(timings, decide_us=_since(started))
        await self._refuse_hidden(statement, decision, asked)
        views.refuse_broken(statement)
        check_obligations(decision, asked.snapshot)
        started = time.perf_counter_ns()
        governed = await self.governed(statement, decision, tables, asked)
        return Plan(
            statement,
            asked.snapshot,
            purpose,
            governed=governed,
            decision=decision,
            warnings=_notes(decision, governed, purpose, asked),
            timings=replace(timings, rewrite_us=_since(started)),
        )

    async def governed(
        self,
        statement: Statement,
        decision: Decision,
        tables: Mapping[TableName, Table],
        asked: Asked,
    ) -> GovernedQuery:
        """Resolve, govern and verify, or take the verified text from the cache."""
        try:
            return await self._caches.govern(statement, decision, tables, asked)
        except MeshgateError as error:
            raise reasons.refined(error, decision, asked.snapshot) from None

    async def _refuse_hidden(self, statement: Statement, decision: Decision, asked: Asked) -> None:
        """Raise for the first table that may not be read, hidden and absent alike."""
        for ref in (one for one in statement.tables if not one.via):
            found = decision.tables.get(ref.name)
            if found is None or found.effect != "allow" or not found.readable:
                visible = await self._metadata.visible(asked)
                raise reasons.table_refusal(ref, found, decision, visible, asked.snapshot)
        if decision.effect != "allow":
            raise reasons.query_refusal(decision, asked.snapshot)

    async def visible(self, asked: Asked) -> VisibleCatalog:
        """All that this principal may see."""
        return await self._metadata.visible(asked)


def _notes(
    decision: Decision, governed: GovernedQuery, purpose: Purpose, asked: Asked
) -> tuple[Warning_, ...]:
    properties = asked.session.properties
    return reasons.warnings(
        decision,
        asked.snapshot,
        governed,
        purpose=purpose.name,
        purpose_assumed=purpose.assumed,
        level=properties.get("meshgate.warnings", "full"),
        grants=asked.grants.all,
        now=asked.now,
        principal=asked.principal,
        grant_stated="meshgate.grant" in properties,
    )


def _known_tables(statement: Statement, snapshot: CatalogSnapshot) -> dict[TableName, Table]:
    names = dict.fromkeys(ref.name for ref in statement.tables)
    return {name: snapshot.tables[name] for name in names if name in snapshot.tables}


def _refuse_mixed(statement: Statement) -> None:
    mixed = next((ref for ref in statement.tables if is_metadata(ref.name)), None)
    if mixed:
        raise MeshgateError(
            "NOT_SUPPORTED",
            f"line {mixed.at.line}:{mixed.at.column}: metadata and data cannot be read by one "
            "statement; ask for them in two statements",
            line=mixed.at.line,
            column=mixed.at.column,
        )


def _since(started_ns: int) -> int:
    return (time.perf_counter_ns() - started_ns) // 1000
