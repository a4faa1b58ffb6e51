"""``meshgate govern``: which of my queries will work, and as what? Nothing is run."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gateway.identity.principal import Principal
from gateway.server.lines import LinePlanner, read_lines
from gateway.server.planning import Mesh
from gateway.server.statements import Report, split
from gateway.server.world import load_world
from gateway.settings import load_settings
from gateway.sql.model import Engine
from gateway.telemetry import configure_logs


class EngineName(StrEnum):
    """Whose SQL is written."""

    trino = "trino"
    duckdb = "duckdb"


def govern(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="files of statements, each ended by `;`: a report of them"),
    ] = None,
    *,
    principal: Annotated[str, typer.Option("--as", help="who asks: an id of the directory")],
    engine: Annotated[EngineName, typer.Option(help="whose SQL is written")] = EngineName.duckdb,
    world: Annotated[
        Path | None, typer.Option(help="a fixture world instead of the configured catalogs")
    ] = None,
    catalog: Annotated[str | None, typer.Option(help="the files' default catalog")] = None,
    schema: Annotated[str | None, typer.Option(help="the files' default schema")] = None,
) -> None:
    """Read statements as JSON lines, write what they become as JSON lines.

    In: {"id", "sql", "catalog", "schema"}. Out: {"id", "outcome": "governed", "answered" or
    "refused", "sql", "error": {"name", "code", "type", "message"}, "tables"}. A line that
    cannot be read gives one refused line.

    With files: how many of their statements would be governed, answered or refused, and why.
    """
    configure_logs("ERROR")
    try:
        mesh = Mesh.of_world(load_world(world)) if world else Mesh.configured(load_settings())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    found = mesh.directory.principal(principal)
    if found is None:
        raise typer.BadParameter(f"{principal} is not in the directory", param_hint="--as")
    if files:
        defaults = {"catalog": catalog, "schema": schema}
        report = asyncio.run(_reported(mesh, engine.value, found, _read(files), defaults))
        print("\n".join(report.lines()))
        return
    asyncio.run(_answer(mesh, engine.value, found))


def _read(files: list[Path]) -> list[tuple[str, str]]:
    """Read each file once; what cannot be read is said before anything is planned."""
    try:
        return [(path.name, path.read_text("utf-8")) for path in files]
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


async def _answer(mesh: Mesh, engine: Engine, principal: Principal) -> None:
    policy = mesh.policy()
    try:
        planner = LinePlanner(mesh.service(engine, policy), principal)
        await _copy(planner, sys.stdin.buffer, sys.stdout.buffer)
    finally:
        await policy.close()


async def _reported(
    mesh: Mesh,
    engine: Engine,
    principal: Principal,
    files: list[tuple[str, str]],
    defaults: Mapping[str, str | None],
) -> Report:
    policy, report = mesh.policy(), Report()
    try:
        planner = LinePlanner(mesh.service(engine, policy), principal)
        for name, text in files:
            for one in split(text):
                line = json.dumps({"sql": one.sql, **defaults}).encode()
                report.add(f"{name}:{one.line}", json.loads(await planner.answer(line)))
    finally:
        await policy.close()
    return report


async def _copy(planner: LinePlanner, source: BinaryIO, target: BinaryIO) -> None:
    for line in read_lines(source):
        target.write(await planner.answer(line))
        target.flush()
