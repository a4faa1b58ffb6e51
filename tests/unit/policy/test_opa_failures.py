"""Whatever happens to OPA, tables close: stopped, slow, truncated, empty, stale, broken domain."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from policy_lab import LAB, NAME, request, table

from gateway.names import TableName
from gateway.policy.service import PolicyService

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(decide: Handler, status: Handler | None = None) -> AsyncIterator[str]:
    """A hand-written stand-in for OPA on a free loopback port."""
    app = web.Application()
    app.router.add_post("/v1/data/platform/batch/answer", decide)
    if status is not None:
        app.router.add_get("/v1/status", status)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def opened(url: str, seconds: float = 2.0) -> PolicyService:
    return PolicyService.open(LAB, engine="opa", opa_url=url, timeout_seconds=seconds)


async def reason(url: str, seconds: float = 2.0) -> str:
    service = opened(url, seconds)
    decision = await service.decide(request(table()))
    await service.close()
    found = decision.tables[NAME]
    assert (decision.effect, found.effect, found.unavailable) == ("deny", "deny", True)
    assert found.readable == ()
    return found.reasons[0].rule


ABOVE = {"deny": [], "row_filters": [], "masks": {}, "deny_columns": {}, "obligations": []}
DOMAIN = ABOVE | {"grants": ["standing:lab"], "rights": []}


def answer(
    entries: object = None, *, version: str = "1.22.0", revision: str = "r1"
) -> dict[str, object]:
    """What the batch rule answers about table t."""
    one = {"fqn": str(NAME), "global": [ABOVE], "domain": [DOMAIN]}
    listed = [one] if entries is None else entries
    bundles = {name: {"revision": revision} for name in ("platform", "global", "lab")}
    return {
        "result": {"decisions": listed, "query": [{"deny": [], "obligations": []}]},
        "provenance": {"version": version, "bundles": bundles},
    }


def fixed(body: object) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return handler


async def test_the_stand_in_can_allow() -> None:
    async with server(fixed(answer())) as url:
        service = opened(url)
        assert (await service.decide(request(table()))).effect == "allow"
        assert service.engine_name == "opa/1.22.0"
        await service.close()


ENTRY = {"fqn": str(NAME), "global": [ABOVE], "domain": [DOMAIN]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_output"),
        ({"result": {}}, "invalid_output"),
        ({"result": True}, "invalid_output"),
        ([], "invalid_output"),
        (answer([]), "invalid_output"),
        (answer([ENTRY, ENTRY]), "invalid_output"),
        (answer([ENTRY | {"fqn": "lake.lab.other"}]), "invalid_output"),
        (answer([{"fqn": str(NAME)}]), "invalid_output"),
        (answer([ENTRY | {"domain": []}]), "no_package"),
        (answer([ENTRY | {"global": []}]), "no_package"),
        (answer([ENTRY | {"domain": [DOMAIN, DOMAIN]}]), "invalid_output"),
        (answer([ENTRY | {"domain": [{}]}]), "invalid_output"),
        (answer(version="1.21.2"), "policy_error"),
    ],
)
async def test_answers_that_close(body: object, code: str) -> None:
    async with server(fixed(body)) as url:
        assert await reason(url) == f"platform/{code}"


async def test_an_error_status_closes() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "internal_error"}, status=500)

    async with server(handler) as url:
        assert await reason(url) == "platform/policy_error"


async def test_a_truncated_answer_closes() -> None:
    text = json.dumps(answer()).encode()

    async def handler(given: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(text)
        await response.prepare(given)
        await response.write(text[: len(text) // 2])
        assert given.transport is not None
        given.transport.close()
        return response

    async with server(handler) as url:
        assert await reason(url) == "platform/policy_error"


async def test_half_a_document_closes() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps(answer())[:100], content_type="application/json")

    async with server(handler) as url:
        assert await reason(url) == "platform/invalid_output"


async def test_a_slow_answer_closes_at_the_deadline() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3)
        return web.json_response(answer())

    async with server(handler) as url:
        started = time.monotonic()
        assert await reason(url, 0.2) == "platform/policy_timeout"
        assert time.monotonic() - started < 2


async def test_nobody_listening_closes() -> None:
    async with server(fixed(answer())) as url:
        pass
    assert await reason(url) == "platform/policy_error"


async def test_a_stale_bundle_closes() -> None:
    old = {"last_successful_request": "2020-01-01T00:00:00Z", "active_revision": "r1"}

    async def status(_: web.Request) -> web.StreamResponse:
        return web.json_response({"result": {"bundles": {"lab": old}}})

    async with server(fixed(answer()), status) as url:
        assert await reason(url) == "platform/policy_stale"


async def test_one_request_per_query_and_none_for_what_is_known() -> None:
    asked: list[int] = []

    async def handler(given: web.Request) -> web.StreamResponse:
        body = await given.json()
        names = [entry["table"]["fqn"] for entry in body["input"]["tables"]]
        asked.append(len(names))
        return web.json_response(answer([ENTRY | {"fqn": name} for name in names]))

    tables = [table(name=TableName("lake", "lab", f"t{n}")) for n in range(20)]
    async with server(handler) as url:
        service = opened(url)
        assert (await service.decide(request(*tables))).effect == "allow"
        assert asked == [20]
        assert (await service.decide(request(*tables[:5]))).effect == "allow"
        assert asked == [20, 0]  # the tables are known, only their combination is new
        assert (await service.decide(request(*tables[:5]))).effect == "allow"
        assert asked == [20, 0]
        await service.close()


async def test_failures_are_not_remembered_and_new_revisions_are_asked() -> None:
    state = {"body": {}}

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(state["body"])

    async with server(handler) as url:
        service = opened(url)
        assert (await service.decide(request(table()))).effect == "deny"
        state["body"] = answer()
        assert (await service.decide(request(table()))).effect == "allow"
        service._engine._engine._confirmed -= 60  # type: ignore[attr-defined]
        state["body"] = answer([ENTRY | {"domain": [DOMAIN | {"grants": []}]}], revision="r2")
        decision = await service.decide(request(table()))
        assert decision.effect == "deny"
        assert decision.revisions["lab"] == "r2"
        await service.close()


@pytest.mark.opa
async def test_a_real_opa_with_one_domain_that_conflicts(opa_tool, tmp_path: Path) -> None:
    """The conflicting domain is named and closed; its neighbour answers."""
    shutil.copytree(LAB, tmp_path / "p")
    shutil.copytree(LAB / "domains/lab", tmp_path / "p/domains/calm")
    path = tmp_path / "p/domains/calm/policy.rego"
    text = path.read_text(encoding="utf-8").replace("domains.lab", "domains.calm")
    path.write_text(text.replace("config.lab", "config.calm"), encoding="utf-8")
    boom = table(("boom",))
    calm = table(name=TableName("lake", "calm", "t"), domain="calm")
    with opa_tool.serve(tmp_path / "p") as url:
        service = PolicyService.open(tmp_path / "p", engine="opa", opa_url=url, timeout_seconds=10)
        decision = await service.decide(request(boom, calm))
        await service.close()
    assert decision.effect == "deny"
    assert [t.effect for t in decision.tables.values()] == ["deny", "allow"]
    assert decision.tables[NAME].reasons[0].rule == "platform/policy_error"
    assert "answered 500" in decision.tables[NAME].reasons[0].message


@pytest.mark.opa
async def test_a_real_opa_that_stops_and_comes_back(opa_tool) -> None:
    with opa_tool.serve(LAB) as url:
        service = opened(url, 10)
        assert (await service.decide(request(table()))).effect == "allow"
    closed = await service.decide(request(table(("f-eq",))))
    assert [r.rule for r in closed.tables[NAME].reasons] == ["platform/policy_error"]
    await service.close()


@pytest.mark.opa
async def test_a_real_opa_that_is_too_slow(opa_tool, tmp_path: Path) -> None:
    """A domain's long loop costs its own tables only."""
    shutil.copytree(LAB, tmp_path / "p")
    (tmp_path / "p/domains/slow").mkdir()
    loops = "\n".join(f"\tsome x{n} in numbers" for n in range(7))
    (tmp_path / "p/domains/slow/policy.rego").write_text(
        "# METADATA\n# custom:\n#   owner: o\n#   standing: {lab: [lab]}\n"
        "package domains.slow\n\nimport rego.v1\n\n"
        "numbers := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n\n"
        f"decision := 1 if {{\n{loops}\n\tx0 + (x1 + (x2 + (x3 + (x4 + (x5 + x6))))) < 0\n}}\n",
        encoding="utf-8",
    )
    slow = table(name=TableName("lake", "slow", "t"), domain="slow")
    with opa_tool.serve(tmp_path / "p") as url:
        service = PolicyService.open(tmp_path / "p", engine="opa", opa_url=url, timeout_seconds=0.5)
        decision = await service.decide(request(slow, table()))
        await service.close()
    effects = {str(name): found.effect for name, found in decision.tables.items()}
    assert effects == {"lake.slow.t": "deny", str(NAME): "allow"}
    rules = [r.rule for r in decision.tables[slow.name].reasons]
    assert rules == ["platform/policy_timeout"]


@pytest.mark.opa
def test_opa_refuses_a_bundle_of_a_foreign_root(opa_tool, tmp_path: Path) -> None:
    shutil.copytree(LAB, tmp_path / "p")
    path = tmp_path / "p/domains/lab/policy.rego"
    path.write_text("package domains.other\n\ndecision := 1\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="opa ended"), opa_tool.serve(tmp_path / "p"):
        pass
