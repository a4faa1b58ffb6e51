"""``meshgate audit``: who saw what, why, and what was refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table as Grid

from gateway.audit.database import Database, Row

app = typer.Typer(help="Read the audit records.", no_args_is_help=True)

_CANNOT_RUN = 2
_STORE = "audit.db"
_PLAIN_WIDTH = 200


@app.callback()
def _group() -> None:
    """Keep ``show`` a sub-command although it is alone."""


@app.command()
def show(
    principal: Annotated[str | None, typer.Option(help="Only this person's or account's.")] = None,
    table: Annotated[
        str | None, typer.Option(help="Only those naming catalog.schema.table.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="A state (finished, refused …) or an error's name.")
    ] = None,
    query_id: Annotated[str | None, typer.Option(help="Everything known of one query.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    state: Annotated[
        Path, typer.Option(envvar="MESHGATE_STATE__DIRECTORY", help="The gateway's state folder.")
    ] = Path(".run/state"),
    as_json: Annotated[bool, typer.Option("--json", help="Whole records, one a line.")] = False,
) -> None:
    """Show audit records, newest first, one per statement."""
    records = _read(state / _STORE, Row(principal, table, outcome), limit, query_id)
    if as_json or query_id:
        for record in records:
            option = 0 if as_json else orjson.OPT_INDENT_2
            typer.echo(orjson.dumps(record, option=option).decode())
        return
    if not records:
        typer.echo("no audit record matches")
        return
    console = Console()
    console = console if console.is_terminal else Console(width=_PLAIN_WIDTH)
    console.print(_grid(records))


def _read(store: Path, wanted: Row, limit: int, query_id: str | None) -> list[dict[str, Any]]:
    if not store.is_file():
        typer.echo(f"{store} is not here: name the gateway's state folder with --state", err=True)
        raise typer.Exit(_CANNOT_RUN)
    try:
        database = Database(store, read_only=True)
        try:
            if query_id is None:
                return database.latest(wanted, limit)
            found = database.find(query_id)
            return [found] if found else []
        finally:
            database.close()
    except sqlite3.Error as error:
        typer.echo(f"{store} cannot be read as an audit store: {error}", err=True)
        raise typer.Exit(_CANNOT_RUN) from None


def _grid(records: list[dict[str, Any]]) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for heading in ("time", "query", "principal", "purpose", "outcome", "rows", "tables"):
        grid.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for record in records:
        grid.add_row(*_cells(record))
    return grid


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    result = record["result"]
    outcome = " ".join(filter(None, (result["state"] or record["phase"], result["error_name"])))
    return (
        record["time"][:19].replace("T", " "),
        record["query_id"],
        record["who"]["id"],
        record["why"]["purpose"],
        outcome,
        str(result["rows"]) if result["state"] == "finished" else "",
        "\n".join(_treated(table) for table in record["tables"]),
    )


def _treated(table: dict[str, Any]) -> str:
    """The table with what was done to it: filters and masked columns."""
    notes = ["rows limited"] if table["filters"] else []
    notes += [
        f"{column['name']}: {column['treatment']}"
        for column in table["columns"]
        if column["treatment"] != "clear"
    ]
    if table["effect"] != "allow":
        notes.append("hidden" if table["hidden"] else table["effect"])
    return str(table["name"]) + (f" ({', '.join(notes)})" if notes else "")
