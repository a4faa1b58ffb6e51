"""Health, info, metrics and the page behind ``infoUri``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.identity.authenticate import Authenticator
from gateway.protocol.http import Edge
from gateway.results import Warning_
from gateway.server.health import Health
from gateway.server.pages_why import WhyPage
from tests.unit.protocol.conftest import Client, build, rows_plan


@dataclass
class Site:
    world: object
    gateway: SimpleNamespace
    client: Client
    workers: set = field(default_factory=set)


def site_of(*, trusts=True, authenticator=None):
    world = build(authenticator=authenticator)
    world.service.plans["SELECT 1"] = rows_plan()
    gateway = SimpleNamespace(
        queries=world.queries,
        commands=world.commands,
        metrics=world.metrics,
        edge=Edge(),
        authenticator=authenticator
        or Authenticator(lambda: world.directory, trust_user_header=True),
        trusts_user_header=trusts,
        engine=SimpleNamespace(worker_pids={7}),
        remote=None,
        registry=SimpleNamespace(current=SimpleNamespace(domains={"claims": None})),
        policy=SimpleNamespace(packages={"claims": None}),
    )
    routes = [*Health(gateway).routes(), Route("/ui/query.html", WhyPage(gateway).show)]
    return Site(world, gateway, Client(Starlette(routes=routes), user=None))


@pytest.fixture
def site():
    return site_of()


async def test_info_is_what_clients_expect(site):
    reply = await site.client.get("/v1/info")
    document = json.loads(reply.body)
    assert document["nodeVersion"] == {"version": "476"}
    assert (document["coordinator"], document["starting"]) == (True, False)
    assert (await site.client.get("/v1/info/coordinator")).status == 200
    assert (await site.client.get("/v1/info/state")).body == b'"ACTIVE"'


async def test_health(site):
    assert (await site.client.get("/health/live")).status == 200
    assert json.loads((await site.client.get("/health/ready")).body) == {"status": "ready"}


async def test_not_ready_says_why(site):
    site.gateway.engine.worker_pids = set()
    site.world.queries.draining = True
    reply = await site.client.get("/health/ready")
    assert reply.status == 503
    assert json.loads(reply.body)["because"] == ["draining", "engine"]
    assert (await site.client.get("/v1/info/state")).body == b'"SHUTTING_DOWN"'


async def test_metrics_are_for_this_machine(site):
    await site.world.client().pages("SELECT 1")
    reply = await site.client.get("/metrics")
    assert b'meshgate_query_finished_total{error="",outcome="finished"} 1.0' in reply.body
    assert b"alice" not in reply.body
    assert (await site.client.request("GET", "/metrics", peer="10.0.0.1")).status == 404
    assert (await site.client.get("/metrics", ("X-Forwarded-For", "10.0.0.1"))).status == 404


async def asked(site, text="SELECT 1"):
    page = (await site.world.client().pages(text))[-1]
    return "/ui/query.html?" + page["id"]


async def test_the_page_shows_the_statement_and_its_notes(site):
    note = Warning_(1296498690, "MESHGATE_MASKED", "column ssn masked: <rule>")
    plan = replace(rows_plan(), warnings=(note,))
    site.world.service.plans["SELECT '<script>'"] = plan
    reply = await site.client.get(await asked(site, "SELECT '<script>'"), ("X-Trino-User", "alice"))
    text = reply.body.decode()
    assert reply.status == 200
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "column ssn masked: &lt;rule&gt;" in text
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


async def test_the_page_is_for_the_owner(site):
    uri = await asked(site)
    assert (await site.client.get(uri, ("X-Trino-User", "bob"))).status == 404
    assert (await site.client.get(uri, ("X-Trino-User", "root"))).status == 404
    assert (await site.client.get(uri, ("X-Trino-User", "mallory"))).status == 401
    assert (await site.client.get("/ui/query.html?nope", ("X-Trino-User", "alice"))).status == 404


async def test_a_browser_on_this_machine_needs_no_name_where_names_are_believed(site):
    uri = await asked(site)
    assert (await site.client.get(uri)).status == 200
    assert (await site.client.get(uri, ("Host", "evil.example"))).status == 400
    assert (await site.client.get(uri, ("X-Forwarded-For", "10.0.0.1"))).status == 401
    assert (await site.client.request("GET", uri, peer="10.0.0.1")).status == 401


async def test_where_logins_are_needed_the_page_asks_for_one():
    site = site_of(trusts=False)
    uri = await asked(site)
    site.gateway.authenticator = Authenticator(lambda: site.world.directory)
    assert (await site.client.get(uri)).status == 401


async def test_a_refused_statement_has_its_page_too(site):
    page = (await site.world.client().post("SELEC")).page
    reply = await site.client.get("/ui/query.html?" + page["id"], ("X-Trino-User", "alice"))
    assert b"SYNTAX_ERROR" in reply.body
