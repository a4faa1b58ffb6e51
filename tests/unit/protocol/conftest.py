"""A hand-written pipeline and a small ASGI client: the endpoint without engines or sockets."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pyarrow as pa
import pytest

from gateway.catalog.model import CatalogSnapshot
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.identity.authenticate import Authenticator
from gateway.identity.directory import Directory
from gateway.protocol.commands import Commands
from gateway.protocol.http import Edge
from gateway.protocol.poll import PollKeys, Sealer
from gateway.protocol.routes import StatementEndpoint
from gateway.protocol.submit import Submitter
from gateway.protocol.table import Limits, RunningQueries
from gateway.query.plan import Plan, Purpose
from gateway.results import Answer, ResultColumn, Warning_
from gateway.sql.model import Defaults, Kind, Statement
from gateway.telemetry import Metrics

EMPTY = CatalogSnapshot("v1", MappingProxyType({}), MappingProxyType({}))
BIGINT = (ResultColumn("n", DataType("bigint")),)


def rows_plan(rows=None, columns=BIGINT, warnings=()):
    table = rows if rows is not None else pa.table({"n": pa.array([1], pa.int64())})
    statement = Statement(Kind.QUERY, "digest", Defaults())
    answer = Answer(columns, table)
    return Plan(statement, EMPTY, Purpose(), answer=answer, warnings=tuple(warnings))


def command_plan(kind, text=None, **words):
    statement = Statement(kind, "digest", Defaults(), words=MappingProxyType(words), text=text)
    return Plan(statement, EMPTY, Purpose(), command=statement)


class Visible:
    catalogs = ("lake", "system")
    unavailable = MappingProxyType({("lake", "broken"): "broken"})

    def has_schema(self, catalog, schema):
        return (catalog, schema) == ("lake", "claims")


class FakeStream:
    """Batches of a table, optionally slow, endless or failing; remembers how it ended."""

    def __init__(self, columns, table, *, pause=0.0, fails=None, copies=1, batch_rows=1000):
        self.columns = columns
        self.ended = []
        self.read = 0
        self._table, self._pause, self._fails = table, pause, fails
        self._copies, self._batch_rows = copies, batch_rows

    async def batches(self):
        for _ in range(self._copies):
            for batch in self._table.to_batches(max_chunksize=self._batch_rows):
                if self._pause:
                    await asyncio.sleep(self._pause)
                self.read += 1
                yield batch
        if self._fails:
            raise self._fails
        self.ended.append("finished")

    async def cancel(self, state="cancelled", error_name=""):
        self.ended.append(f"{state} {error_name}".strip())


@dataclass
class FakeService:
    """Answers by statement text; everything unknown is a syntax error."""

    plans: dict = field(default_factory=dict)
    stream_options: dict = field(default_factory=dict)
    streams: list = field(default_factory=list)
    sessions: list = field(default_factory=list)
    records: list = field(default_factory=list)
    logins: list = field(default_factory=list)
    revisions: dict = field(default_factory=lambda: {"policy": "r1"})

    async def submit(self, text, session, principal, _query_id):
        self.sessions.append((session, principal))
        found = self.plans.get(text)
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise MeshgateError("SYNTAX_ERROR", "line 1:1: mismatched input", line=1, column=1)
        return found

    async def start(self, plan, _session, _principal, _query_id, _seconds):
        if plan.answer is None:
            stream = FakeStream((), pa.table({}))
        else:
            stream = FakeStream(plan.answer.columns, plan.answer.rows, **self.stream_options)
        self.streams.append(stream)
        return stream

    async def refused(self, _text, _session, principal, query_id, error, plan=None):
        self.records.append(("refused", query_id, principal.id, error.name, plan is not None))

    async def dropped(self, _plan, _session, principal, query_id, state):
        self.records.append((state, query_id, principal.id, "", True))

    async def login_failed(self, attempt):
        self.logins.append(attempt)

    def check_purpose(self, name, principal):
        if name not in {"care", "fraud"}:
            raise MeshgateError("INVALID_SESSION_PROPERTY", f"not a purpose of {principal.id}")

    async def visible(self, _session, _principal):
        return Visible()


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def page(self):
        return json.loads(self.body)


class Client:
    """Calls an ASGI application the way a client of the protocol does."""

    def __init__(self, app, user="alice", peer="127.0.0.1"):
        self.app, self.user, self.peer = app, user, peer

    async def request(self, method, target, headers=(), body=b"", *, peer=None, scheme="http"):
        absolute = target.startswith(("http://", "https://"))
        path = "/" + target.split("/", 3)[3] if absolute else target
        path, _, query = path.partition("?")
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        names = {name for name, _ in pairs}
        if b"host" not in names:
            pairs.append((b"host", b"localhost:8080"))
        if self.user and not names & {b"x-trino-user", b"authorization"}:
            pairs.append((b"x-trino-user", self.user.encode()))
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(),
            "headers": pairs, "client": (peer or self.peer, 5000), "scheme": scheme,
            "root_path": "", "http_version": "1.1", "server": ("localhost", 8080),
        }  # fmt: skip
        sent = []
        inbox = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            return inbox.pop(0) if inbox else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        head = {k.decode().lower(): v.decode("latin-1") for k, v in sent[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Reply(sent[0]["status"], head, body)

    async def post(self, text, *headers):
        raw = text.encode() if isinstance(text, str) else text
        return await self.request("POST", "/v1/statement", headers, raw)

    async def get(self, uri, *headers):
        return await self.request("GET", uri, headers)

    async def pages(self, text, *headers):
        """All pages of a statement, the POST's first."""
        found = [(await self.post(text, *headers)).page]
        while "nextUri" in found[-1]:
            reply = await self.get(found[-1]["nextUri"])
            assert reply.status == 200, reply.body
            found.append(reply.page)
        return found


PRINCIPALS = {
    "principals": {
        "alice": {"groups": ["analysts"], "default_purpose": "care"},
        "bob": {"groups": ["finance"]},
        "svc": {"kind": "service", "may_impersonate": ["alice"]},
        "root": {"operator": True},
    }
}


@dataclass
class World:
    service: FakeService
    queries: RunningQueries
    commands: Commands
    sealer: Sealer
    endpoint: StatementEndpoint
    directory: Directory
    metrics: Metrics

    def client(self, user="alice", peer="127.0.0.1"):
        return Client(self.endpoint, user, peer)


def build(limits=None, authenticator=None, edge=None, keys=None):
    service, metrics = FakeService(), Metrics()
    directory = Directory.of(PRINCIPALS)
    keys = keys or PollKeys((b"k" * 32,))
    sealer = Sealer(keys)
    queries = RunningQueries(limits or Limits(), metrics)
    commands = Commands(service, queries, lambda: directory)
    login = authenticator or Authenticator(lambda: directory, trust_user_header=True)
    submitter = Submitter(service, queries, commands, sealer, metrics)
    endpoint = StatementEndpoint(
        submitter, queries, login, sealer=sealer, keys=keys, edge=edge or Edge(), metrics=metrics
    )
    return World(service, queries, commands, sealer, endpoint, directory, metrics)


@pytest.fixture
def world():
    found = build()
    found.service.plans["SELECT 1"] = rows_plan()
    return found


@pytest.fixture
def make_world():
    return build


@pytest.fixture
def make_rows():
    return rows_plan


@pytest.fixture
def make_command():
    return command_plan


@pytest.fixture
def note():
    return Warning_


@pytest.fixture
def with_warnings():
    return lambda plan, *warnings: replace(plan, warnings=warnings)
