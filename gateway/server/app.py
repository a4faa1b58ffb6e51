"""The ASGI application: the statement protocol straight on ASGI, the rest by Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.lock.app import PREFIX
from gateway.server.health import Health
from gateway.server.pages_why import WhyPage
from gateway.server.wiring import Gateway

_RAW = ("/v1/statement", "/v1/query")


def application(gateway: Gateway) -> ASGIApp:
    """The public application; its lifespan starts and stops the gateway."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    why = WhyPage(gateway)
    rest = Starlette(
        routes=[*Health(gateway).routes(), Route("/ui/query.html", why.show)],
        lifespan=lifespan,
        exception_handlers={Exception: _defect},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith(_RAW):
            await gateway.endpoint(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


def internal_application(gateway: Gateway) -> ASGIApp:
    """The internal listener's application: health, metrics, and the second lock of a cluster."""
    rest = Starlette(routes=Health(gateway).internal_routes())
    lock = gateway.remote.lock if gateway.remote is not None else rest

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["meshgate.internal"] = True
            if scope["path"].startswith(PREFIX):
                await lock(scope, receive, send)
                return
        await rest(scope, receive, send)

    return app


async def _defect(_request: object, _error: Exception) -> PlainTextResponse:
    return PlainTextResponse("the gateway failed; its log says where", 500)
