"""A cluster serves only while it shows that it works, is locked, and is of a proven version."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.engines.trino import probes
from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.health import State, TrinoHealth
from gateway.engines.trino.probes import ProbeError
from gateway.engines.trino.service import ServiceError, ServiceQueries
from gateway.engines.trino.transport import Transport
from gateway.errors import MeshgateError
from gateway.state.active import ActiveDecision
from tests.unit.engines.trino.conftest import governed
from tests.unit.engines.trino.pages import BIGINT, failed, page, uri
from tests.unit.engines.trino.test_engine import ANN, FIRST, POSTED
from tests.unit.engines.trino.upstream import Request, Step, Upstream, scripted


@dataclass
class Decisions:
    """The open decisions of a deployment, in memory."""

    opened: list[ActiveDecision] = field(default_factory=list)
    ever: int = 0

    async def open(self, decision: ActiveDecision) -> None:
        self.opened.append(decision)
        self.ever += 1

    async def close(self, query_id: str) -> None:
        self.opened = [one for one in self.opened if one.query_id != query_id]

    async def of(self, principal: str, *, fresh: bool = False) -> tuple[ActiveDecision, ...]:
        return tuple(one for one in self.opened if one.principal == principal and not fresh)


@dataclass
class Cluster:
    """How a coordinator behaves now: each flag is one thing that can be wrong with it."""

    version: str = "476"
    starting: bool = False
    down: bool = False
    password: bool = True
    locked: bool = True
    lock_knows: bool = True
    lock_looks: bool = True
    shut: bool = True
    one: int = 1
    decisions: Decisions = field(default_factory=Decisions)

    def __call__(self, request: Request) -> Step:
        if self.down:
            return Step(reset=True)
        if request.path == "/v1/info":
            return Step(self._info())
        if request.method == "GET":
            data: list[Any] = [[self.one]]
            return Step(page(columns=[BIGINT], data=data, stats={"state": "FINISHED"}))
        return self._posted(request)

    def _posted(self, request: Request) -> Step:
        if "x-forwarded-proto" not in request.headers:
            return Step(b"Insecure", 403) if self.shut else POSTED
        if not self.password:
            return Step(b"Invalid credentials", 401)
        denied = request.headers["x-trino-user"].startswith("canary-") and self._denies(request)
        return Step(failed("PERMISSION_DENIED", "Access Denied")) if denied else POSTED

    def _denies(self, request: Request) -> bool:
        """As a lock does that knows the open decisions, reads what is not theirs, or neither."""
        user = request.headers["x-trino-user"]
        known = self.lock_knows and any(one.principal == user for one in self.decisions.opened)
        return self.locked and (not known or (b"FROM" in request.body and self.lock_looks))

    def _info(self) -> bytes:
        node = {"version": self.version}
        told = {"nodeVersion": node, "environment": "test", "coordinator": True, "uptime": "1.00m"}
        return json.dumps(told | {"starting": self.starting}).encode()


Probed = tuple[TrinoHealth, Cluster, Upstream]
Probe = Callable[..., Any]


@pytest.fixture
async def probe() -> AsyncIterator[Probe]:
    async with AsyncExitStack() as stack:

        @asynccontextmanager
        async def _open(cluster: Cluster, settings: dict[str, object]) -> AsyncIterator[Probed]:
            async with scripted(*[cluster] * 500) as upstream:
                transport = Transport(upstream.settings(forwarded_https=True, **settings))
                try:
                    yield (
                        TrinoHealth(transport._settings, transport, cluster.decisions),
                        cluster,
                        upstream,
                    )
                finally:
                    await transport.close()

        async def opened(cluster: Cluster | None = None, **settings: object) -> Probed:
            return await stack.enter_async_context(_open(cluster or Cluster(), settings))

        yield opened


async def _rounds(health: TrinoHealth, count: int) -> list[State]:
    found = []
    for _ in range(count):
        await health.round()
        found.append(health.state)
    return found


async def test_two_good_rounds_make_it_healthy(probe: Probe) -> None:
    health, cluster, upstream = await probe()
    with pytest.raises(MeshgateError) as early:
        health.check(restricted=False)
    assert early.value.name == "NO_NODES_AVAILABLE"
    assert await _rounds(health, 3) == [State.UNKNOWN, State.HEALTHY, State.HEALTHY]
    health.check(restricted=True)
    assert health.summary.proven
    canaries = {
        request.headers["x-trino-user"]
        for request in upstream.requests
        if request.headers.get("x-trino-user", "").startswith("canary-")
    }
    assert cluster.decisions.ever == 2
    assert not cluster.decisions.opened
    assert len(canaries) == 2  # a new name each time; the third round was a light one


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"password": False}, "password"),
        ({"locked": False}, "no decision covers"),
        ({"lock_looks": False}, "no decision covers"),
        ({"lock_knows": False}, "another gateway's"),
        ({"shut": False}, "allow-insecure-over-http=false"),
        ({"one": 2}, "something else"),
    ],
)
async def test_what_shows_that_it_must_not_serve_takes_it_down_at_once(
    wrong: dict[str, Any], reason: str, probe: Probe
) -> None:
    health, cluster, _ = await probe()
    await _rounds(health, 2)
    for name, value in wrong.items():
        setattr(cluster, name, value)
    health._deep_at = float("-inf")
    assert await _rounds(health, 1) == [State.DOWN]
    assert reason in health.summary.reason
    with pytest.raises(MeshgateError) as refused:
        health.check(restricted=False)
    assert refused.value.name == "NO_NODES_AVAILABLE"
    for name in wrong:
        setattr(cluster, name, getattr(Cluster(), name))
    assert await _rounds(health, 2) == [State.DOWN, State.HEALTHY]


@pytest.mark.parametrize("wrong", ["down", "starting"])
async def test_a_cluster_that_does_not_answer_three_times_is_down(wrong: str, probe: Probe) -> None:
    health, cluster, _ = await probe()
    await _rounds(health, 2)
    setattr(cluster, wrong, True)
    assert await _rounds(health, 3) == [State.HEALTHY, State.HEALTHY, State.DOWN]
    setattr(cluster, wrong, False)
    assert await _rounds(health, 2) == [State.DOWN, State.HEALTHY]


async def test_a_canary_that_fails_otherwise_proves_nothing(probe: Probe) -> None:
    class Broken(Cluster):
        def __call__(self, request: Request) -> Step:
            if request.headers.get("x-trino-user", "").startswith("canary-"):
                return Step(failed("GENERIC_INTERNAL_ERROR", "Failed to query OPA backend"))
            return super().__call__(request)

    health, _, _ = await probe(Broken())
    assert await _rounds(health, 3) == [State.UNKNOWN, State.UNKNOWN, State.DOWN]


async def test_without_a_second_lock_it_is_not_asked_for(probe: Probe) -> None:
    health, _, _ = await probe(Cluster(locked=False, shut=False), second_lock="off")
    assert await _rounds(health, 2) == [State.UNKNOWN, State.HEALTHY]
    with capture_logs() as logged:
        health._warn_of_settings()
    assert "trino.second_lock_off" in {entry["event"] for entry in logged}


async def test_restricted_statements_want_a_proven_version(
    probe: Probe, capsys: pytest.CaptureFixture[str]
) -> None:
    health, _, _ = await probe(Cluster(version="483"))
    await _rounds(health, 2)
    health.check(restricted=False)
    with pytest.raises(MeshgateError) as refused:
        health.check(restricted=True)
    assert refused.value.name == "CONFIGURATION_UNAVAILABLE"
    logged = capsys.readouterr()
    assert "trino.version_unproven" in logged.out + logged.err
    willing, _, _ = await probe(Cluster(version="483"), unproven_version="restricted")
    await _rounds(willing, 2)
    willing.check(restricted=True)
    summary = willing.summary
    assert (summary.proven, summary.restricted_served) == (False, True)


async def test_another_version_is_asked_from_the_start(probe: Probe) -> None:
    health, cluster, _ = await probe()
    await _rounds(health, 2)
    cluster.version = "477"
    assert await _rounds(health, 2) == [State.UNKNOWN, State.HEALTHY]
    with pytest.raises(MeshgateError):
        health.check(restricted=True)


async def test_the_engine_sends_nothing_to_a_cluster_that_is_not_healthy(probe: Probe) -> None:
    health, _, upstream = await probe()
    engine = TrinoEngine(health._settings, health._transport, health)
    with pytest.raises(MeshgateError) as refused:
        await engine.submit(governed(), ANN)
    assert refused.value.name == "NO_NODES_AVAILABLE"
    assert not upstream.requests
    await _rounds(health, 2)
    assert await engine.submit(governed(restricted=True), ANN) == FIRST


async def test_watching_goes_on_whatever_happens(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    health, _, _ = await probe(Cluster(version="\n"))
    assert await _rounds(health, 3) == [State.UNKNOWN, State.UNKNOWN, State.DOWN]

    async def broken(_: object) -> str:
        raise RuntimeError("secret")

    monkeypatch.setattr(probes, "read_version", broken)
    await health.round()
    assert health.summary.reason == "probe: RuntimeError"


async def test_own_queries_return_rows_or_say_what_they_were_told() -> None:
    async with scripted(
        POSTED,
        Step(page(nextUri=uri("executing", 0), columns=[BIGINT], data=[[1, "a"], [2, None]])),
        Step(page(columns=[BIGINT], data=[[3, 1.5]], stats={"state": "FINISHED"})),
        Step(failed("TABLE_NOT_FOUND", "secret")),
        POSTED,
        Step(b"", delay=2),
    ) as upstream:
        transport = Transport(upstream.settings())
        queries = ServiceQueries(upstream.settings(), transport)
        rows = await queries.service_query("SELECT 1", "meshgate-keys")
        assert rows == [[1, "a"], [2, None], [3, 1.5]]
        assert upstream.requests[0].headers["x-trino-user"] == "meshgate-keys"
        with pytest.raises(ServiceError) as told:
            await queries.service_query("SELECT 1")
        assert told.value.told == "TABLE_NOT_FOUND"
        assert "secret" not in told.value.message
        with pytest.raises(ServiceError) as late:
            await queries.service_query("SELECT 1", seconds=0.2)
        assert late.value.told == "timeout"
        assert upstream.asked("DELETE") == [uri("queued", 1).partition("8080")[2]]
        await transport.close()


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (POSTED, True),
        (Step(failed("SERVER_STARTING_UP")), True),
        (Step(b"<html>another server</html>"), False),
        (Step(b"Insecure", 403), False),
        (Step(reset=True), False),
    ],
    ids=["runs", "would run", "no trino", "shut", "reset"],
)
async def test_a_cluster_behind_tls_must_not_stand_open_beside_it(
    answer: Step, *, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(answer) as plain, scripted(Step(b"not TLS", 400)) as tls:
        monkeypatch.setattr(probes, "_PLAIN_PORT", plain.port)
        settings = tls.settings(url=tls.url.replace("http:", "https:"))
        transport = Transport(settings)
        if accepted:
            with pytest.raises(ProbeError, match="without a password") as found:
                await probes.refuses_plain_http(settings, transport)
            assert found.value.down
        else:
            await probes.refuses_plain_http(settings, transport)
        assert [request.headers["x-trino-user"] for request in plain.requests] == ["meshgate"]
