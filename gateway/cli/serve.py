"""``meshgate serve``: run the gateway."""

from __future__ import annotations

import asyncio
import ssl
import sys
from types import FrameType
from typing import Annotated

import typer
import uvicorn
import uvloop

from gateway.server.app import application, internal_application
from gateway.server.exposure import StartError
from gateway.server.wiring import Gateway, build
from gateway.settings import Settings, SettingsError, load_settings
from gateway.telemetry import configure_logs

_HEADER_BYTES = 256 << 10
_EXIT_SECONDS = 5


class DrainingServer(uvicorn.Server):
    """Keeps answering polls on the first signal until statements end; stops on the second."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to drain, or stop at once if draining already."""
        if self._draining is not None or not self.started:
            super().handle_exit(sig, frame)
            return
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._gateway.queries.drain(self._gateway.settings.server.drain_seconds)
        self.should_exit = True


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
    pretty: Annotated[bool, typer.Option(help="log for people, not machines")] = False,
) -> None:
    """Run the gateway until a signal; settings come from MESHGATE_… variables."""
    try:
        settings = _settings(host, port, pretty=pretty)
        configure_logs(settings.log.level, pretty=settings.log.pretty)
        gateway = build(settings)
    except (SettingsError, StartError) as error:
        typer.echo(f"meshgate: {error}", err=True)
        raise typer.Exit(2) from None
    for problem in (*gateway.registry.current.problems, *gateway.policy.problems):
        typer.echo(f"meshgate: {problem}", err=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(gateway))


def _settings(host: str | None, port: int | None, *, pretty: bool) -> Settings:
    settings = load_settings()
    chosen = {"host": host, "port": port}
    given = {name: value for name, value in chosen.items() if value is not None}
    return settings.model_copy(
        update={
            "server": settings.server.model_copy(update=given),
            "log": settings.log.model_copy(update={"pretty": pretty or settings.log.pretty}),
        }
    )


async def _serve(gateway: Gateway) -> None:
    server = gateway.settings.server
    main = DrainingServer(
        uvicorn.Config(
            application(gateway),
            host=server.host,
            port=server.port,
            ssl_certfile=server.tls_certificate,
            ssl_keyfile=server.tls_key,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            h11_max_incomplete_event_size=_HEADER_BYTES,
            timeout_graceful_shutdown=_EXIT_SECONDS,
            timeout_keep_alive=75,
        ),
        gateway,
    )
    scheme = "https" if server.tls_certificate else "http"
    sys.stderr.write(f"meshgate listens on {scheme}://{server.host}:{server.port}\n")
    if server.internal_port is None:
        await main.serve()
        return
    internal = _internal(gateway)
    beside = asyncio.create_task(internal._serve())  # noqa: SLF001 - without its signal handlers
    await main.serve()
    internal.should_exit = True
    await beside


def _internal(gateway: Gateway) -> uvicorn.Server:
    """Health, metrics and the second lock, for machines; stops with the main server."""
    server = gateway.settings.server
    ca = server.internal_client_ca
    config = uvicorn.Config(
        internal_application(gateway),
        host=server.internal_host,
        port=server.internal_port or 0,
        ssl_certfile=server.internal_tls_certificate,
        ssl_keyfile=server.internal_tls_key,
        ssl_ca_certs=None if ca is None else str(ca),
        ssl_cert_reqs=ssl.CERT_NONE if ca is None else ssl.CERT_REQUIRED,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=75,
    )
    return uvicorn.Server(config)
