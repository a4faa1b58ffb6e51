"""What the commands about domain files share: their options, how they stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.catalog.domains import CONNECTIONS_VARIABLE, Declared, DomainFiles, read_files

FINDINGS, CANNOT_RUN = 1, 2
CATALOGS = Path("catalogs")

Folder = Annotated[Path, typer.Argument(help="The folder of the domain files.")]
FolderOption = Annotated[Path, typer.Option("--catalogs", help="The folder of the domain files.")]
Connections = Annotated[
    Path | None,
    typer.Option(
        envvar=CONNECTIONS_VARIABLE, help="Says how catalogs are reached, for the domain files."
    ),
]


def stop(message: str) -> NoReturn:
    """End with a message for people: the command could not run."""
    typer.echo(message, err=True)
    raise typer.Exit(CANNOT_RUN)


def check_folder(directory: Path) -> None:
    """Stop unless there is such a folder."""
    if not directory.is_dir():
        stop(f"{directory} is not a folder: name the one that holds <domain>.yaml")


def declared(directory: Path, connections: Path | None) -> Declared:
    """Read the domain files of a folder; nothing is asked of Iceberg."""
    check_folder(directory)
    return DomainFiles(None, connections).read(read_files(directory))


def declared_soundly(directory: Path, connections: Path | None) -> Declared:
    """Read the domain files; problems are listed and end the command."""
    found = declared(directory, connections)
    for problem in found.problems:
        typer.echo(str(problem), err=True)
    if found.problems:
        raise typer.Exit(FINDINGS)
    return found
