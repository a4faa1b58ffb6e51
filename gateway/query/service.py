"""The query service: plans, runs and records statements. The only user of engines."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from gateway.audit.store import AuditStore
from gateway.catalog.model import CatalogSnapshot
from gateway.engines.base import Engine, RunOptions
from gateway.engines.relay import RelayEngine
from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.metadata.visible import VisibleCatalog
from gateway.policy.service import PolicyService
from gateway.query.asked import Asked, GrantBook
from gateway.query.caches import PlanCaches
from gateway.query.metadata import OwnQueries
from gateway.query.pipeline import Pipeline
from gateway.query.plan import Plan
from gateway.query.purpose import stated_purpose
from gateway.query.recording import LoginAttempt, Recorder, Trail, as_refusal
from gateway.query.relaying import Relayed, Relays
from gateway.query.running import Running, answered
from gateway.relayed import Handle
from gateway.session import Session
from gateway.sql.model import Engine as EngineName
from gateway.sql.model import GovernedQuery
from gateway.state.decisions import StoredDecisions
from gateway.state.statements import OpenStatements


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the service reads what changes: the current catalog, grants and clock."""

    snapshot: Callable[[], CatalogSnapshot]
    grants: Callable[[], GrantBook]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs statements, and the state that goes with them.

    ``check`` refuses text that the cluster has not proven to compute rightly.
    """

    engine: RelayEngine
    active: StoredDecisions
    statements: OpenStatements
    check: Callable[[GovernedQuery, CatalogSnapshot], None] = lambda *_: None


class QueryService:
    """From text to an audited stream of rows.

    ``engine`` and ``audit`` may be None where nothing runs (``meshgate govern``). With a
    ``cluster``, text for target ``trino`` is relayed there; ``engine`` answers metadata.
    """

    def __init__(
        self,
        policy: PolicyService,
        sources: Sources,
        *,
        engine: Engine | None = None,
        audit: AuditStore | None = None,
        salt_key: bytes = b"",
        target: EngineName = "duckdb",
        caches: PlanCaches | None = None,
        own_queries: OwnQueries = lambda _: (),
        cluster: Cluster | None = None,
    ) -> None:
        self._policy = policy
        self._sources = sources
        self._engine = engine
        self._recorder = Recorder(audit)
        self._cluster = cluster
        self.relays: Relays | None = None
        if cluster is not None:
            self.relays = Relays(cluster.engine, cluster.active, cluster.statements, self._recorder)
        self._salt_key = salt_key
        self._target: EngineName = target
        self._caches = caches or PlanCaches()
        self._pipeline = Pipeline(policy, self._caches, own_queries)

    def close(self) -> None:
        """Release what planning holds."""
        self._caches.close()

    async def plan(
        self, text: str, session: Session, principal: Principal, query_id: str = ""
    ) -> Plan:
        """Admit one statement, or raise MeshgateError. Runs and records nothing."""
        asked = self._asked(text, session, principal, query_id)
        return await self._pipeline.plan(asked, Trail())

    async def submit(
        self, text: str, session: Session, principal: Principal, query_id: str
    ) -> Plan:
        """Plan a client's statement; a refusal is recorded before it is raised."""
        asked = self._asked(text, session, principal, query_id)
        trail = Trail()
        try:
            return self._served(await self._pipeline.plan(asked, trail))
        except Exception as error:
            await self._recorder.refused(asked, trail, as_refusal(error))
            raise

    def _served(self, plan: Plan) -> Plan:
        """Refuse what the cluster has not proven to compute rightly."""
        if plan.relayed and plan.governed is not None and self._cluster is not None:
            self._cluster.check(plan.governed, plan.snapshot)
        return plan

    async def refused(
        self,
        text: str,
        session: Session,
        principal: Principal,
        query_id: str,
        error: MeshgateError,
        plan: Plan | None = None,
    ) -> None:
        """Record a refusal by the endpoint itself, durably, before its error is sent.

        ``plan`` is what had been decided by then, if anything had.
        """
        asked = self._asked(text, session, principal, query_id)
        trail = Trail()
        if plan is not None:
            asked = replace(asked, text=plan.text or text)
            trail = Trail(None, plan.statement, plan.purpose, plan.decision)
        await self._recorder.refused(asked, trail, error)

    async def dropped(
        self, plan: Plan, session: Session, principal: Principal, query_id: str, state: str
    ) -> None:
        """Record an admitted statement that never ran: cancelled, abandoned or revoked."""
        asked = self._asked(plan.text, session, principal, query_id)
        await self._recorder.dropped(plan, asked, state)

    async def login_failed(self, attempt: LoginAttempt) -> None:
        """Record a failed login; nothing of the credential is part of it."""
        await self._recorder.login_failed(attempt, self._sources.now())

    async def start(
        self, plan: Plan, session: Session, principal: Principal, query_id: str, seconds: float
    ) -> Running:
        """Start a plan that may take so many seconds from now on.

        The audit record ``started`` is durable before the first batch can be read.

        Raises:
            MeshgateError: the records or the engine are unavailable, or it is full.

        """
        asked = self._asked(plan.text, session, principal, query_id)
        record = await self._recorder.started(plan, asked)
        if plan.answer is not None or plan.governed is None:
            return Running(answered(plan), record)
        most = plan.governed.max_rows
        options = RunOptions(query_id, seconds, max_rows=most, time_zone=session.time_zone)
        try:
            stream = await self._attached().run(plan.governed, plan.snapshot, options, plan.sources)
        except Exception as error:
            await record.failed(as_refusal(error))
            raise
        return Running(stream, record)

    async def relay(
        self,
        plan: Plan,
        session: Session,
        principal: Principal,
        query_id: str,
        actor: str,
        seconds: float,
    ) -> tuple[Handle, Relayed]:
        """Submit a plan to the cluster; everything that must be known of it is durable then.

        Raises:
            MeshgateError: the records, the state or the cluster are unavailable; recorded.

        """
        if self.relays is None:
            raise MeshgateError("NO_NODES_AVAILABLE", "no cluster is attached to this gateway")
        asked = self._asked(plan.text, session, principal, query_id)
        return await self.relays.submit(plan, asked, actor, seconds)

    def _attached(self) -> Engine:
        if self._engine is None:
            raise MeshgateError("NO_NODES_AVAILABLE", "no engine is attached to this gateway")
        return self._engine

    def check_purpose(self, name: str, principal: Principal) -> None:
        """Raise INVALID_SESSION_PROPERTY for a purpose this principal may not state."""
        stated_purpose(name, principal, self._policy.purposes)

    async def visible(self, session: Session, principal: Principal) -> VisibleCatalog:
        """All that this principal may see (USE, listings)."""
        return await self._pipeline.visible(self._asked("", session, principal, ""))

    @property
    def revisions(self) -> Mapping[str, str]:
        """The policy revisions in force."""
        return self._policy.revisions

    def _asked(self, text: str, session: Session, principal: Principal, query_id: str) -> Asked:
        return Asked(
            text,
            session,
            principal,
            self._sources.snapshot(),
            self._sources.grants(),
            self._sources.now(),
            query_id,
            self._salt(query_id),
            self._target,
        )

    def _salt(self, query_id: str) -> str:
        return hmac.new(self._salt_key, query_id.encode(), sha256).hexdigest()
