"""``meshgate audit``: who saw what, why, and what was refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import psycopg
import typer
from rich.console import Console
from rich.table import Table as Grid

from gateway.audit import records
from gateway.audit.records import Row
from gateway.state.connection import Connection, PostgresConnection, SqliteConnection

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
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="MESHGATE_STATE__DATABASE_URL",
            help="The PostgreSQL database of the gateway's state, instead of the folder.",
            show_envvar=True,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Whole records, one a line.")] = False,
) -> None:
    """Show audit records, newest first, one per statement."""
    found = _read(state / _STORE, database_url, Row(principal, table, outcome), limit, query_id)
    if as_json or query_id:
        for record in found:
            option = 0 if as_json else orjson.OPT_INDENT_2
            typer.echo(orjson.dumps(record, option=option).decode())
        return
    if not found:
        typer.echo("no audit record matches")
        return
    console = Console()
    console = console if console.is_terminal else Console(width=_PLAIN_WIDTH)
    console.print(_grid(found))


def _read(
    store: Path, url: str | None, wanted: Row, limit: int, query_id: str | None
) -> list[dict[str, Any]]:
    database = _opened(store, url)
    try:
        if query_id is None:
            return records.latest(database, wanted, limit)
        return list(filter(None, [records.find(database, query_id)]))
    except (sqlite3.Error, psycopg.Error) as error:
        _stop(f"the audit records cannot be read: {type(error).__name__}")
    finally:
        database.close()


def _opened(store: Path, url: str | None) -> Connection:
    """Open the store for reading; a URL is never repeated, it may hold a password."""
    if url:
        try:
            return PostgresConnection(url, read_only=True)
        except psycopg.Error as error:
            _stop(f"the database of --database-url cannot be used: {type(error).__name__}")
    if not store.is_file():
        _stop(f"{store} is not here: name the gateway's state folder with --state")
    try:
        return SqliteConnection(store, read_only=True)
    except sqlite3.Error as error:
        _stop(f"{store} cannot be read as an audit store: {error}")


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(_CANNOT_RUN)


def _grid(found: list[dict[str, Any]]) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for heading in ("time", "query", "principal", "purpose", "outcome", "rows", "tables"):
        grid.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for record in found:
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
