"""``meshgate catalog``: for those who own domain files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.load import CONNECTIONS_VARIABLE, load_catalog

app = typer.Typer(help="Check the domain files.", no_args_is_help=True)

Connections = Annotated[
    Path | None,
    typer.Option(
        envvar=CONNECTIONS_VARIABLE, help="Says how catalogs are reached, for the domain files."
    ),
]
_FINDINGS = 1
_CANNOT_RUN = 2


@app.callback()
def _group() -> None:
    """Keep ``check`` a sub-command although it is alone."""


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="The folder of the domain files.")] = Path(
        "catalogs"
    ),
    connections: Connections = None,
) -> None:
    """List every problem of the domain files and the tables they name; exit 1 if there is one."""
    if not directory.is_dir():
        typer.echo(f"{directory} is not a folder: name the one that holds <domain>.yaml", err=True)
        raise typer.Exit(_CANNOT_RUN)
    snapshot = load_catalog(directory, connections_file=connections)
    for problem in snapshot.problems:
        typer.echo(str(problem))
    if snapshot.problems:
        raise typer.Exit(_FINDINGS)
    counts = f"{len(snapshot.domains)} domains, {len(snapshot.tables)} tables"
    typer.echo(f"{counts}, no problem ({snapshot.version})")
