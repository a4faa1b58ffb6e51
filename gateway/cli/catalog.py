"""``meshgate catalog``: for those who own domain files, and for operators of Trino."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.load import load_catalog
from gateway.catalog.render import MARK, Cluster, RenderError, render
from gateway.cli import catalog_tables
from gateway.cli.folders import (
    CATALOGS,
    FINDINGS,
    Connections,
    Folder,
    check_folder,
    declared_soundly,
    stop,
)
from gateway.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    help="Propose, check and complete domain files; write Trino's.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Keep commands sub-commands, however few."""


@app.command("check")
def check(directory: Folder = CATALOGS, connections: Connections = None) -> None:
    """List every problem of the domain files and the tables they name; exit 1 if there is one."""
    check_folder(directory)
    snapshot = load_catalog(directory, connections_file=connections)
    for problem in snapshot.problems:
        typer.echo(str(problem))
    if snapshot.problems:
        raise typer.Exit(FINDINGS)
    counts = f"{len(snapshot.domains)} domains, {len(snapshot.tables)} tables"
    typer.echo(f"{counts}, no problem ({snapshot.version})")


@app.command("render")
def render_files(
    trino: Annotated[Path, typer.Option(help="Where to write: Trino's etc, or a copy to ship.")],
    directory: Folder = CATALOGS,
    connections: Connections = None,
    etc: Annotated[
        str | None,
        typer.Option(help="Where the files will stand on Trino's machine, if not there."),
    ] = None,
    lock_url: Annotated[
        str | None,
        typer.Option(help="The gateway's internal listener as Trino reaches it: https://host:port"),
    ] = None,
    trust_store: Annotated[
        str, typer.Option(help="PEM file on Trino's machine: who signed the listener's certificate")
    ] = "",
    key_store: Annotated[
        str, typer.Option(help="PEM file on Trino's machine: its own certificate and key")
    ] = "",
) -> None:
    """Write what a Trino server needs: catalogs, second lock, login; no secret is written.

    Files that an earlier call wrote and that are not needed any more are removed.
    """
    declared = declared_soundly(directory, connections)
    try:
        settings = load_settings()
        cluster = Cluster(
            etc=etc or str(trino.absolute()),
            lock_url=lock_url or _listener(settings),
            service=settings.trino.user,
            trust_store=trust_store,
            key_store=key_store,
            key_database=_key_database(settings),
            lock_wants_certificate=settings.server.internal_client_ca is not None,
        )
        rendered = render(declared.connections.values(), cluster)
    except (RenderError, SettingsError) as error:
        stop(str(error))
    _write(trino, rendered.files)
    _tell(trino, rendered.variables, cluster)


def _listener(settings: Settings) -> str:
    server = settings.server
    if server.internal_port is None:
        raise RenderError("set MESHGATE_SERVER__INTERNAL_PORT, or name the listener by --lock-url")
    scheme = "https" if server.internal_tls_certificate else "http"
    return f"{scheme}://{server.internal_host}:{server.internal_port}"


def _key_database(settings: Settings) -> str:
    url = settings.trino.key_database_url
    return url.get_secret_value() if url else ""


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in sorted((directory / "catalog").glob("*.properties")):
        wanted = f"catalog/{path.name}" in files
        if not wanted and path.read_text("utf-8").startswith(MARK):
            path.unlink()
            typer.echo(f"removed {path}")


def _tell(directory: Path, variables: Mapping[str, str], cluster: Cluster) -> None:
    typer.echo(f"wrote {directory}; include config.properties.meshgate in config.properties")
    if not cluster.key_database:
        typer.echo("no key catalog, so no token can be made: set MESHGATE_TRINO__KEY_DATABASE_URL")
    if cluster.lock_url.startswith("http://"):
        typer.echo("the lock is asked in plain HTTP: beyond one machine or private net, use TLS")
    typer.echo("set in the environment of Trino:")
    for name, holds in variables.items():
        typer.echo(f"  {name}  {holds}")


app.command("init")(catalog_tables.init)
app.command("sync")(catalog_tables.sync_ids)
app.command("drift")(catalog_tables.check_drift)
