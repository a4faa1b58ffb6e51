"""``meshgate keys``: the key table a Trino cluster reads token keys from."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from gateway.catalog.load import load_catalog
from gateway.settings import Settings, SettingsError, load_settings
from gateway.tokens.keys import KeyRing
from gateway.tokens.keytable import KeyTableError, Synced, ids_of, rows_of, sync

app = typer.Typer(help="Token keys on a Trino cluster.", no_args_is_help=True)

_FINDINGS = 1
_CANNOT_RUN = 2


@app.callback()
def _group() -> None:
    """Keep the one command a sub-command."""


@app.command("sync")
def synchronise(
    retire: Annotated[
        bool, typer.Option("--retire", help="Also delete the rows of retired keys.")
    ] = False,
) -> None:
    """Add missing key rows to the table at MESHGATE_TRINO__KEY_DATABASE_URL.

    Rows that hold another key than the gateway's are named and left alone, exit 1: replacing
    one changes every token of its domain.
    """
    settings = _settings()
    if settings.trino.key_database_url is None:
        _stop("set MESHGATE_TRINO__KEY_DATABASE_URL to the database Trino reads keys from")
    snapshot = load_catalog(
        settings.catalog.directory, connections_file=settings.catalog.connections_file
    )
    if retire and snapshot.problems:
        _stop("the catalog has problems, so nothing is deleted: see meshgate catalog check")
    ring = KeyRing.load(snapshot, settings.catalog.directory)
    try:
        done = sync(
            settings.trino.key_database_url.get_secret_value(),
            rows_of(ring),
            ids_of(snapshot) if retire else None,
        )
    except KeyTableError as error:
        _stop(str(error))
    _report(done, ring)


def _report(done: Synced, ring: KeyRing) -> None:
    for name in done.added:
        typer.echo(f"added    {name}")
    for name in done.removed:
        typer.echo(f"deleted  {name}")
    for name in done.differing:
        typer.echo(f"differs  {name}: the table holds another key than the gateway")
    for name, reason in sorted(ring.problems.items()):
        typer.echo(f"no key   {name}: {reason}")
    typer.echo(f"{done.present} keys in the table")
    if done.differing or ring.problems:
        raise typer.Exit(_FINDINGS)


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _stop(str(error))


def _stop(message: str) -> NoReturn:
    typer.echo(f"meshgate: {message}", err=True)
    raise typer.Exit(_CANNOT_RUN)
