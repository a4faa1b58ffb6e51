"""What the gateway says about itself: Trino's info, health and metrics."""

from __future__ import annotations

import time
from dataclasses import asdict

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.identity.authenticate import is_loopback
from gateway.server.wiring import Gateway

TRINO_VERSION = "476"
_NO_STORE = {"Cache-Control": "no-store"}
_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0))


class Health:
    """Answers about one gateway, without login."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._started = time.monotonic()

    def routes(self) -> list[Route]:
        """Everything clients and orchestrators ask for."""
        return [
            Route("/v1/info", self.info),
            Route("/v1/info/state", self.state),
            Route("/v1/info/coordinator", self.coordinator),
            *self.internal_routes(),
        ]

    def internal_routes(self) -> list[Route]:
        """What an internal listener serves."""
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/health/cluster", self.cluster),
            Route("/metrics", self.metrics),
        ]

    async def cluster(self, request: Request) -> Response:
        """What operators may know of the cluster, for this machine or the internal listener."""
        if not _for_operators(request):
            return PlainTextResponse("Not found", 404)
        remote = self._gateway.remote
        if remote is None:
            return JSONResponse({"cluster": "embedded"}, headers=_NO_STORE)
        document = {**asdict(remote.trino.health.summary), "tokens": dict(remote.keys.problems)}
        return JSONResponse(document, headers=_NO_STORE)

    async def info(self, _: Request) -> Response:
        """The version clients adapt to."""
        document = {
            "nodeVersion": {"version": TRINO_VERSION},
            "environment": "meshgate",
            "coordinator": True,
            "starting": False,
            "uptime": _duration(time.monotonic() - self._started),
        }
        return JSONResponse(document, headers=_NO_STORE)

    async def state(self, _: Request) -> Response:
        """Trino's node state."""
        draining = self._gateway.queries.draining
        return JSONResponse("SHUTTING_DOWN" if draining else "ACTIVE", headers=_NO_STORE)

    async def coordinator(self, _: Request) -> Response:
        """200: this node takes statements."""
        return Response(headers=_NO_STORE)

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "live"}, headers=_NO_STORE)

    async def ready(self, _: Request) -> Response:
        """New statements would be served."""
        gateway, remote = self._gateway, self._gateway.remote
        missing = [
            name
            for name, good in (
                ("draining", not gateway.queries.draining),
                ("engine", bool(gateway.engine.worker_pids)),
                ("catalog", bool(gateway.registry.current.domains)),
                ("policy", bool(gateway.policy.packages)),
            )
            if not good
        ]
        missing += remote.missing if remote is not None else ()
        status = {"status": "not ready", "because": missing} if missing else {"status": "ready"}
        return JSONResponse(status, 503 if missing else 200, headers=_NO_STORE)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text, for this machine or the internal listener."""
        if not _for_operators(request):
            return PlainTextResponse("Not found", 404)
        text = generate_latest(self._gateway.metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)


def _for_operators(request: Request) -> bool:
    peer = request.client.host if request.client else "unix"
    internal = bool(request.scope.get("meshgate.internal"))
    return internal or (is_loopback(peer) and "x-forwarded-for" not in request.headers)


def _duration(seconds: float) -> str:
    """A duration as Trino prints it: ``1.00m``."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.2f}{unit}"
    return f"{seconds:.2f}s"
