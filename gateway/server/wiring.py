"""Builds the gateway's objects from its settings. The only place that does."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.access.grants import load_grants
from gateway.access.model import Grant
from gateway.catalog.registry import CatalogRegistry
from gateway.engines.duckdb import EmbeddedEngine
from gateway.identity.authenticate import Authenticator, is_loopback
from gateway.identity.directory import Directory
from gateway.identity.passwords import PasswordFile
from gateway.identity.tokens import TokenFile
from gateway.policy.service import PolicyService
from gateway.protocol.commands import Commands
from gateway.protocol.http import Edge, address_of
from gateway.protocol.poll import PollKeys, Sealer
from gateway.protocol.relays import RelayedQueries
from gateway.protocol.routes import StatementEndpoint
from gateway.protocol.submit import Submitter
from gateway.protocol.table import Limits, RunningQueries
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.secrets import SecretError
from gateway.server.exposure import StartError, check_exposure, trusts_user_header
from gateway.server.logins import jwt_login
from gateway.server.reload import Reloaded
from gateway.server.remote import Remote, open_remote
from gateway.server.state import State, open_state
from gateway.settings import Settings
from gateway.telemetry import Metrics
from gateway.tokens.keys import KeyRings
from gateway.tokens.selftest import codec_failures


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway, built but not started."""

    settings: Settings
    service: QueryService
    engine: EmbeddedEngine
    remote: Remote | None
    relays: RelayedQueries | None
    state: State
    registry: CatalogRegistry
    policy: PolicyService
    directory: Reloaded[Directory]
    authenticator: Authenticator
    queries: RunningQueries
    commands: Commands
    endpoint: StatementEndpoint
    edge: Edge
    metrics: Metrics
    trusts_user_header: bool

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start workers and watchers; stop them, after draining, at the end."""
        await self.engine.start()
        await self.state.audit.close_abandoned((), datetime.now(UTC))
        watched = [self.registry.watch(), self.queries.reap()]
        if self.remote is not None and self.relays is not None:
            watched += [*self.remote.watches(lambda: self.registry.current), self.relays.reap()]
        tasks = [asyncio.create_task(each) for each in watched]
        try:
            yield
        finally:
            await self.queries.drain(self.settings.server.drain_seconds)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await self._close()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Start workers alone: for one command beside a gateway that may be running."""
        await self.engine.start()
        try:
            yield
        finally:
            await self._close()

    async def _close(self) -> None:
        await self.engine.close()
        if self.remote is not None:
            await self.remote.close()
        await self.policy.close()
        self.service.close()
        self.state.close()


def build(settings: Settings) -> Gateway:
    """Build a gateway.

    Raises:
        StartError: settings that would be unsafe together, or a file that cannot be used.

    """
    check_exposure(settings)
    if failures := codec_failures():
        raise StartError("token self-test failed: " + "; ".join(failures))
    try:
        return _build(settings)
    except StartError:
        raise
    except (ValueError, OSError, SecretError) as error:
        raise StartError(str(error)) from error


def _build(settings: Settings) -> Gateway:
    state = open_state(settings)
    catalogs = settings.catalog.directory
    directory = Reloaded(
        settings.identity.directory_file or catalogs / "principals.yaml",
        Directory.load,
        Directory(),
    )
    metrics = Metrics()
    policy = _policy(settings)
    registry = CatalogRegistry(catalogs, connections_file=settings.catalog.connections_file)
    rings = KeyRings(catalogs)
    engine = _engine(settings, rings)
    sources = Sources(lambda: registry.current, _grants(settings), lambda: datetime.now(UTC))
    remote = open_remote(settings, policy, sources, directory.current, state, rings)
    queries = RunningQueries(_limits(settings), metrics)
    service = QueryService(
        policy,
        sources,
        engine=engine,
        audit=state.audit,
        salt_key=secrets.token_bytes(32),
        target="trino" if remote else "duckdb",
        own_queries=queries.own,
        cluster=remote.cluster if remote else None,
    )
    commands = Commands(service, queries, directory.current)
    keys = PollKeys(state.poll_keys)
    sealer = Sealer(keys)
    relays = RelayedQueries(service.relays, queries, sealer) if service.relays else None
    authenticator = _authenticator(settings, directory)
    edge = _edge(settings)
    endpoint = StatementEndpoint(
        Submitter(service, queries, commands, sealer, metrics, relays),
        queries,
        authenticator,
        sealer=sealer,
        keys=keys,
        edge=edge,
        metrics=metrics,
        relays=relays,
        gzip=settings.server.gzip,
    )
    return Gateway(
        settings, service, engine, remote, relays, state, registry, policy, directory,
        authenticator, queries, commands, endpoint, edge, metrics, trusts_user_header(settings),
    )  # fmt: skip


def _policy(settings: Settings) -> PolicyService:
    policy = settings.policy
    token = policy.opa_token.get_secret_value() if policy.opa_token else None
    return PolicyService.open(
        policy.directory,
        engine=policy.engine or "rego",
        opa_url=policy.opa_url,
        timeout_seconds=policy.timeout_seconds,
        time_zone=policy.time_zone,
        opa_token=token,
    )


def _engine(settings: Settings, rings: KeyRings) -> EmbeddedEngine:
    engine = settings.engine
    return EmbeddedEngine(
        workers=engine.workers,
        memory_bytes=engine.memory_bytes,
        threads=engine.threads,
        waiting=engine.waiting,
        temp_bytes=engine.temp_bytes,
        keys=rings,
    )


def _grants(settings: Settings) -> _Grants:
    path = settings.catalog.grants_file or settings.catalog.directory / "grants.yaml"
    optional = settings.catalog.grants_file is None
    empty: tuple[Grant, ...] = ()
    return _Grants(Reloaded(path, load_grants, empty, optional=optional))


class _Grants:
    """The grants now, with a version that changes when they do."""

    def __init__(self, file: Reloaded[tuple[Grant, ...]]) -> None:
        self._file = file

    def __call__(self) -> GrantBook:
        grants = self._file.current()
        return GrantBook(self._file.version, grants)


def _limits(settings: Settings) -> Limits:
    query = settings.query
    return Limits(
        query.max_open, query.max_open_per_principal, query.idle_seconds, query.run_seconds
    )


def _authenticator(settings: Settings, directory: Reloaded[Directory]) -> Authenticator:
    identity = settings.identity
    return Authenticator(
        directory.current,
        passwords=PasswordFile(identity.password_file) if identity.password_file else None,
        tokens=TokenFile(identity.token_file) if identity.token_file else None,
        web_tokens=jwt_login(identity),
        trust_user_header=trusts_user_header(settings),
    )


def _edge(settings: Settings) -> Edge:
    server = settings.server
    hosts = {host.lower() for host in server.allowed_hosts}
    if is_loopback(server.host):
        hosts.add(server.host.lower())
    proxies = frozenset(address_of(text) for text in server.trusted_proxies)
    return Edge(server.public_url, frozenset(hosts), proxies)
