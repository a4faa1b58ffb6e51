"""Statements answered from the visible catalog: SHOW, DESCRIBE, EXPLAIN, information_schema."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cachetools import LRUCache

from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.metadata import explain, refusal, show
from gateway.metadata.facts import OwnQuery
from gateway.metadata.showview import view_definition
from gateway.metadata.tables import SessionFacts, metadata_tables
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import Decision, TableDecision
from gateway.policy.service import PolicyService
from gateway.query.asked import Asked, decision_request
from gateway.query.plan import Plan, Purpose, Timings
from gateway.query.purpose import PROPERTY, choose_purpose
from gateway.query.recording import Trail
from gateway.sql import views
from gateway.sql.model import Kind, Statement

if TYPE_CHECKING:
    from gateway.query.caches import PlanCaches

OwnQueries = Callable[[str], tuple[OwnQuery, ...]]
"""Statements of one principal that this process remembers, by principal id."""

_CHUNK = 200
_CACHED = 256
_ATTEMPTS = 3


class MetadataAnswers:
    """Builds the one visible catalog per (subject, purpose, revisions) and answers from it."""

    def __init__(self, policy: PolicyService, caches: PlanCaches, own_queries: OwnQueries) -> None:
        self._own_queries = own_queries
        self._policy = policy
        self._caches = caches
        self._visible: LRUCache[object, tuple[VisibleCatalog, datetime]] = LRUCache(_CACHED)

    async def visible(self, asked: Asked) -> VisibleCatalog:
        """All this principal may see now, each table under the purpose a query of it would have."""
        await self._policy.reload()
        for _ in range(_ATTEMPTS):
            key = self._key(asked)
            found = self._visible.get(key)
            if found is not None and found[1] > asked.now:
                return found[0]
            tables, expires_at = await self._decide_all(asked)
            visible = VisibleCatalog.build(tables, asked.snapshot)
            if key == self._key(asked):  # else a policy changed meanwhile: ask it again
                break
        else:
            return visible
        if not visible.unavailable_domains:
            self._visible[key] = (visible, expires_at)
        return visible

    def _key(self, asked: Asked) -> object:
        principal = asked.principal
        return (
            principal.id,
            principal.kind,
            principal.groups,
            tuple(sorted(principal.attributes.items())),
            asked.session.properties.get(PROPERTY),
            asked.session.client_tags,
            asked.snapshot.version,
            tuple(sorted(self._policy.revisions.items())),
            asked.grants.version,
        )

    async def _decide_all(self, asked: Asked) -> tuple[dict[TableName, TableDecision], datetime]:
        """Decide every table, in chunks; listing then equals what a query of it alone would get."""
        merged: dict[TableName, TableDecision] = {}
        expires_at = asked.now + timedelta(hours=1)
        for purpose, listed in (await self._by_purpose(asked)).items():
            found: dict[TableName, TableDecision] = {}
            tables = list({table.name: table for group in listed for table in group}.values())
            for start in range(0, len(tables), _CHUNK):
                chunk = tuple(tables[start : start + _CHUNK])
                decision = await self._policy.decide(decision_request(asked, purpose, chunk))
                found.update(decision.tables)
                expires_at = min(expires_at, decision.expires_at)
            merged.update(views.listed(listed, found))
        ordered = {name: merged[name] for name in asked.snapshot.tables if name in merged}
        return ordered, expires_at

    async def _by_purpose(self, asked: Asked) -> dict[str, list[tuple[Table, ...]]]:
        """Every table, each view with all that lies beneath it, by the purpose of a query of it."""
        grouped: dict[str, list[tuple[Table, ...]]] = {}
        for table in asked.snapshot.tables.values():
            tables: tuple[Table, ...] = (table,)
            if table.view is not None:
                tables = await views.with_beneath(table, asked.snapshot.tables, self._caches.parse)
            purpose = choose_purpose(asked, tables, self._policy.purposes)
            grouped.setdefault(purpose.name, []).append(tables)
        return grouped

    async def show(self, statement: Statement, asked: Asked, timings: Timings) -> Plan:
        """Answer SHOW and DESCRIBE from the visible catalog."""
        visible = await self.visible(asked)
        answer = view_definition(statement, visible, asked.principal, asked.snapshot)
        if answer is None:
            answer = show.answer(statement, visible, asked.session)
        return Plan(statement, asked.snapshot, Purpose(), answer=answer, timings=timings)

    async def query(self, statement: Statement, asked: Asked, timings: Timings) -> Plan:
        """Plan a query over metadata tables alone: the same stages over in-memory rows."""
        visible = await self.visible(asked)
        found = metadata_tables(visible, self._facts(asked))
        names = tuple(dict.fromkeys(ref.name for ref in statement.tables))
        for ref in statement.tables:
            if ref.name not in found:
                raise show.absent(ref, visible)
        decision = _allow_all({name: found[name].decision for name in names}, asked)
        tables = {name: found[name].table for name in names}
        own = replace(asked, engine="duckdb")  # these rows are here, whatever runs other data
        governed = await self._caches.govern(statement, decision, tables, own)
        return Plan(
            statement,
            asked.snapshot,
            Purpose(),
            governed=governed,
            sources={name: found[name].rows for name in names},
            timings=timings,
        )

    def _facts(self, asked: Asked) -> SessionFacts:
        return SessionFacts(
            principal_id=asked.principal.id,
            query_id=asked.query_id,
            time_zone=asked.session.time_zone,
            own_queries=self._own_queries(asked.principal.id),
        )

    def explain(self, plan: Plan, asked: Asked) -> Plan:
        """Replace a planned query by the explanation of what it would do."""
        answer = explain.answer(
            plan.statement, plan.decision, plan.governed, asked.snapshot, plan.purpose.name
        )
        return replace(plan, answer=answer, sources={})

    async def explain_refusal(
        self,
        statement: Statement,
        asked: Asked,
        trail: Trail,
        error: MeshgateError,
        timings: Timings,
    ) -> Plan:
        """Answer EXPLAIN ACCESS of a refused query; every other refusal is raised as it is."""
        if statement.kind is not Kind.EXPLAIN_ACCESS or not refusal.can_be_explained(error):
            raise error
        rows = [refusal.error_row(error)]
        if trail.decision is not None:
            visible = await self.visible(asked)
            rows = refusal.rows(statement, trail.decision, error, visible, asked.snapshot)
        return Plan(
            statement,
            asked.snapshot,
            trail.purpose or Purpose(),
            answer=explain.refusal(statement, rows),
            decision=trail.decision,
            timings=timings,
        )


def _allow_all(tables: dict[TableName, TableDecision], asked: Asked) -> Decision:
    """The platform's own decision about metadata: rows were made for this principal alone."""
    names = ",".join(sorted(str(name) for name in tables))
    return Decision(
        decision_id=asked.query_id,
        fingerprint="metadata:" + hashlib.sha256(names.encode()).hexdigest(),
        engine="platform",
        revisions={"catalog": asked.snapshot.version},
        expires_at=asked.now + timedelta(hours=1),
        effect="allow",
        tables=tables,
    )
