"""``meshgate govern``: which of my queries will work, and as what? Nothing is run."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gateway.server.lines import LinePlanner, read_lines
from gateway.server.planning import Mesh
from gateway.server.world import load_world


class EngineName(StrEnum):
    """Whose SQL is written."""

    trino = "trino"
    duckdb = "duckdb"


def govern(
    principal: Annotated[str, typer.Option("--as", help="who asks: an id of the directory")],
    engine: Annotated[EngineName, typer.Option(help="whose SQL is written")] = EngineName.duckdb,
    world: Annotated[
        Path | None, typer.Option(help="a fixture world instead of the configured catalogs")
    ] = None,
    catalogs: Annotated[Path, typer.Option(help="folder of domain files")] = Path("catalogs"),
    policies: Annotated[Path, typer.Option(help="folder of policies")] = Path("policies"),
) -> None:
    """Read statements as JSON lines, write what they become as JSON lines.

    In: {"id", "sql", "catalog", "schema"}. Out: {"id", "outcome": "governed", "answered" or
    "refused", "sql", "error": {"name", "code", "type", "message"}, "tables"}. A line that
    cannot be read gives one refused line.
    """
    try:
        mesh = Mesh.of_world(load_world(world)) if world else Mesh.configured(catalogs, policies)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    found = mesh.directory.principal(principal)
    if found is None:
        raise typer.BadParameter(f"{principal} is not in the directory", param_hint="--as")
    planner = LinePlanner(mesh.service(engine.value), found)
    asyncio.run(_copy(planner, sys.stdin.buffer, sys.stdout.buffer))


async def _copy(planner: LinePlanner, source: BinaryIO, target: BinaryIO) -> None:
    for line in read_lines(source):
        target.write(await planner.answer(line))
        target.flush()
