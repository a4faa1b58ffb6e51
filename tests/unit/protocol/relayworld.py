"""Gateways before a scripted cluster: real policies, real state in one file, no sockets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.store import AuditStore
from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticator
from gateway.identity.directory import Directory
from gateway.protocol.commands import Commands
from gateway.protocol.http import Edge
from gateway.protocol.poll import PollKeys, Sealer
from gateway.protocol.relays import RelayedQueries
from gateway.protocol.routes import StatementEndpoint
from gateway.protocol.submit import Submitter
from gateway.protocol.table import Limits, RunningQueries
from gateway.query.asked import GrantBook
from gateway.query.service import Cluster, QueryService, Sources
from gateway.relayed import Handle, Progress, RelayedPage
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.state.decisions import StoredDecisions
from gateway.state.statements import OpenStatements
from gateway.state.store import Store
from gateway.telemetry import Metrics
from tests.unit.protocol.conftest import Client

WORLD = load_world(Path(__file__).parents[2] / "worlds" / "mesh.yaml")
KEYS = (b"k" * 32,)
RESTRICTED = "SELECT claim_id FROM health.claims.claims"
PLAIN = "SELECT 1"
COLUMNS = b'[{"name":"n","type":"bigint","typeSignature":{"rawType":"bigint","arguments":[]}}]'
NUMBERS = {"processedRows": 4711, "processedBytes": 815, "totalSplits": 31, "completedSplits": 7}


def lost() -> MeshgateError:
    return MeshgateError("REMOTE_HOST_GONE", "the cluster lost the statement; run it again")


@dataclass
class ScriptedCluster:
    """A ``RelayEngine`` that keeps its statements whatever gateway asks, as Trino does."""

    batches: list[bytes] = field(default_factory=lambda: [b"[[1],[2]]", b"[[3]]"])
    submitted: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    patience: list = field(default_factory=list)
    error: MeshgateError | None = None
    refuses: MeshgateError | None = None
    fails_once: Exception | None = None
    slow: asyncio.Event | None = None
    before_page: object = None

    async def submit(self, governed, settings, attempt=1):
        self.submitted.append((governed, settings, attempt))
        await asyncio.sleep(0)
        if self.refuses:
            raise self.refuses
        upstream = f"20261121_120000_{len(self.submitted):05d}_zzzzz"
        return Handle("main", upstream, "queued", "yupstreamslug1", 1, attempt)

    async def page(self, handle, patience=1.0):
        self.asked.append(handle)
        self.patience.append(patience)
        if self.before_page:
            await self.before_page(handle)
        if self.slow:
            await self.slow.wait()
        if self.fails_once:
            error, self.fails_once = self.fails_once, None
            raise error
        if handle.upstream_id in {done.upstream_id for done, _ in self.cancelled}:
            raise MeshgateError("USER_CANCELED", "Query was canceled")
        at = handle.token - 1
        last = at >= len(self.batches)
        after = Handle(
            "main", handle.upstream_id, "executing", f"yslug{handle.token}", handle.token + 1,
            handle.attempt,
        )  # fmt: skip
        state = "FINISHED" if last else "RUNNING"
        progress = Progress(state, scheduled=True, elapsed_ms=21, percent=40, numbers=NUMBERS)
        data = None if last else self.batches[at]
        rows = 0 if data is None else data.count(b"],[") + 1
        return RelayedPage(
            progress, COLUMNS, data and memoryview(data), rows,
            None if last or self.error else after, self.error if last else None,
        )  # fmt: skip

    async def cancel(self, handle, *, partial=False):
        self.cancelled.append((handle, partial))


@dataclass
class RelayWorld:
    """One gateway. ``again`` is another one over the same state and cluster."""

    cluster: ScriptedCluster
    path: Path
    store: Store
    audit: AuditStore
    active: StoredDecisions
    statements: OpenStatements
    queries: RunningQueries
    relays: RelayedQueries
    service: QueryService
    sealer: Sealer
    endpoint: StatementEndpoint

    def client(self, user="nurse"):
        return Client(self.endpoint, user)

    def again(self, **options):
        return relay_world(self.path, self.cluster, **options)

    async def record(self, query_id):
        return await self.audit.find(query_id)

    def close(self):
        self.service.close()
        self.store.close()


def relay_world(path, cluster=None, *, limits=None, clock=None):
    mesh = Mesh.of_world(WORLD)
    directory = Directory.of({"principals": {name: entry(name) for name in mesh.directory.entries}})
    store = Store.sqlite(path / "state.db")
    active, statements = StoredDecisions(store), OpenStatements(store, KEYS)
    audit = AuditStore(store, "one")
    cluster = cluster or ScriptedCluster()
    queries = RunningQueries(limits or Limits(), Metrics())
    sources = Sources(
        lambda: mesh.snapshot,
        lambda: GrantBook("g", mesh.grants),
        lambda: datetime.now(UTC),
    )
    service = QueryService(
        mesh.policy(), sources, audit=audit, salt_key=b"salt", target="trino",
        own_queries=queries.own, cluster=Cluster(cluster, active, statements),
    )  # fmt: skip
    keys = PollKeys(KEYS)
    sealer = Sealer(keys, clock) if clock else Sealer(keys)
    relays = RelayedQueries(service.relays, queries, sealer)
    commands = Commands(service, queries, lambda: directory)
    metrics = Metrics()
    endpoint = StatementEndpoint(
        Submitter(service, queries, commands, sealer, metrics, relays), queries,
        Authenticator(lambda: directory, trust_user_header=True),
        sealer=sealer, keys=keys, edge=Edge(), metrics=metrics, relays=relays,
    )  # fmt: skip
    return RelayWorld(
        cluster, path, store, audit, active, statements, queries, relays, service, sealer, endpoint
    )


def entry(name):
    found = WORLD.directory.principal(name)
    return {
        "groups": sorted(found.groups),
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in found.attributes.items()
        },
        "operator": name == "doctor",
    }
