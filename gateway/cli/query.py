"""``meshgate query`` and ``meshgate explain``: ask one question and read the answer."""

from __future__ import annotations

import asyncio
import getpass
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote_plus

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.remote import RemoteError, remote_pages
from gateway.errors import MeshgateError
from gateway.protocol.pages import RowWriter, data_json
from gateway.protocol.properties import checked
from gateway.protocol.service import QueryIds
from gateway.protocol.types import require_encodable
from gateway.server.exposure import StartError
from gateway.server.wiring import Gateway, build
from gateway.session import Session
from gateway.settings import Settings, SettingsError, load_settings
from gateway.telemetry import configure_logs

_SHOWN = 1000
_UNBOUNDED = 100_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NUMERIC = re.compile(r"(?:tinyint|smallint|integer|bigint|real|double|decimal)\b")
_RUN_SECONDS = 600.0
Pages = AsyncIterator[Mapping[str, Any]]

SqlArgument = Annotated[str, typer.Argument(help="one statement")]
AsOption = Annotated[str | None, typer.Option("--as", help="who asks; default: your login name")]
ServerOption = Annotated[
    str | None, typer.Option(help="a running gateway, e.g. http://localhost:8080; default: here")
]
CatalogOption = Annotated[str | None, typer.Option(help="catalog of unqualified names")]
SchemaOption = Annotated[str | None, typer.Option(help="schema of unqualified names")]
PurposeOption = Annotated[str | None, typer.Option(help="what the data is used for")]
PropertyOption = Annotated[
    list[str] | None, typer.Option("--session", help="a session property, name=value; repeatable")
]
TokenOption = Annotated[Path | None, typer.Option(help="file with an API token, for --server")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON object a row")]
LimitOption = Annotated[int, typer.Option(help="rows shown at most; 0 shows all")]


def query(
    sql: SqlArgument,
    principal: AsOption = None,
    server: ServerOption = None,
    catalog: CatalogOption = None,
    schema: SchemaOption = None,
    purpose: PurposeOption = None,
    session: PropertyOption = None,
    token_file: TokenOption = None,
    limit: LimitOption = _SHOWN,
    json: JsonOption = False,
) -> None:
    """Run one statement and show its rows, with the governance notes under them."""
    properties = _properties(session or [], purpose)
    user = principal or getpass.getuser()
    text = sql.strip().removesuffix(";")
    if server:
        headers = _headers(user, catalog, schema, properties, token_file)
        pages: Pages = remote_pages(server, text, headers)
    else:
        pages = _local_pages(text, user, Session(catalog, schema, properties=properties))
    _run(pages, Console(), as_json=json, limit=limit)


def explain(
    sql: SqlArgument,
    principal: AsOption = None,
    server: ServerOption = None,
    catalog: CatalogOption = None,
    schema: SchemaOption = None,
    purpose: PurposeOption = None,
    session: PropertyOption = None,
    token_file: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a query would be allowed to read, and why, without running it."""
    query(
        f"EXPLAIN ACCESS {sql}", principal, server, catalog, schema, purpose, session, token_file,
        0, json,
    )  # fmt: skip


def _properties(given: list[str], purpose: str | None) -> Mapping[str, str]:
    pairs = [item.partition("=") for item in given]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    if purpose:
        found["meshgate.purpose"] = purpose
    try:
        return MappingProxyType({name: checked(name, value) for name, value in found.items()})
    except MeshgateError as error:
        raise typer.BadParameter(error.message, param_hint="--session") from None


def _headers(
    user: str,
    catalog: str | None,
    schema: str | None,
    properties: Mapping[str, str],
    token_file: Path | None,
) -> Mapping[str, str]:
    session = ",".join(f"{name}={quote_plus(value)}" for name, value in properties.items())
    token = token_file.read_text(encoding="utf-8").strip() if token_file else ""
    headers = {
        "X-Trino-User": user,
        "X-Trino-Catalog": catalog,
        "X-Trino-Schema": schema,
        "X-Trino-Session": session,
        "X-Trino-Source": "meshgate-cli",
        "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        "Authorization": f"Bearer {token}" if token else None,
    }
    return {name: value for name, value in headers.items() if value}


async def _local_pages(text: str, user: str, session: Session) -> Pages:
    """Run a statement by this machine's catalogs and policies, in a worker of its own."""
    gateway = _gateway()
    principal = gateway.directory.current().principal(user)
    if principal is None:
        gateway.state.close()
        raise RemoteError("UNKNOWN PRINCIPAL", f"{user} is not in the directory; use --as")
    async with gateway.working():
        query_id = QueryIds().mint()
        plan = await gateway.service.submit(text, session, principal, query_id)
        columns = [{"name": c.name, "type": c.type.text()} for c in plan.columns]
        notes = [{"warningCode": {"name": w.name}, "message": w.message} for w in plan.warnings]
        yield {"columns": columns, "warnings": notes, "id": query_id}
        try:
            require_encodable(plan.columns)
        except MeshgateError as error:
            await gateway.service.refused(text, session, principal, query_id, error, plan)
            raise
        stream = await gateway.service.start(plan, session, principal, query_id, _RUN_SECONDS)
        writer = RowWriter(plan.columns, precise=True)
        try:
            async for batch in stream.batches():
                for chunk in writer.chunks(batch):
                    yield {"data": orjson.loads(data_json([chunk]))}
        except BaseException:
            await stream.cancel()
            raise


def _gateway() -> Gateway:
    configure_logs("ERROR", pretty=True)
    try:
        return build(_small(load_settings()))
    except (SettingsError, StartError) as error:
        raise RemoteError("CONFIGURATION", str(error)) from None


def _small(settings: Settings) -> Settings:
    engine = settings.engine.model_copy(update={"workers": 1})
    return settings.model_copy(update={"engine": engine})


def _run(pages: Pages, console: Console, *, as_json: bool, limit: int) -> None:
    try:
        asyncio.run(_show(pages, console, as_json=as_json, limit=limit))
    except (MeshgateError, RemoteError) as error:
        Console(stderr=True).print(
            Text.assemble((error.name, "bold red"), ": ", error.message), soft_wrap=True
        )
        raise typer.Exit(1) from None


async def _show(pages: Pages, console: Console, *, as_json: bool, limit: int) -> None:
    columns: list[Mapping[str, Any]] = []
    rows: list[list[Any]] = []
    notes: list[Mapping[str, Any]] = []
    count = 0
    quiet = as_json or not console.is_terminal
    with console.status("asking") as status:
        if quiet:
            status.stop()
        async for page in pages:
            columns = page.get("columns") or columns
            notes = page.get("warnings") or notes
            data = page.get("data", [])
            count += len(data)
            status.update(f"{count:,} rows")
            if as_json:
                _print_json(console, columns, data)
            else:
                rows += data[: max(0, limit - len(rows))] if limit else data
    if not as_json:
        _print_table(console, columns, rows, count)
    for note in notes:
        Console(stderr=as_json).print(
            Text.assemble((note["warningCode"]["name"], "yellow"), "  ", note["message"]),
            soft_wrap=True,
        )


def _print_json(console: Console, columns: list[Mapping[str, Any]], rows: list[list[Any]]) -> None:
    names = [column["name"] for column in columns]
    for row in rows:
        console.file.write(orjson.dumps(dict(zip(names, row, strict=True))).decode() + "\n")


def _print_table(
    console: Console, columns: list[Mapping[str, Any]], rows: list[list[Any]], count: int
) -> None:
    if not columns:
        console.print("done")
        return
    table = Table(header_style="bold")
    for column in columns:
        right = _NUMERIC.match(column["type"]) is not None
        table.add_column(Text(_visible(column["name"])), justify="right" if right else "left")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    natural = console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum
    if natural <= console.width:
        console.print(table)
    elif console.is_terminal:
        _print_records(console, columns, rows)
    else:
        Console(file=console.file, width=natural).print(table)
    hidden = f", the first {len(rows):,} shown" if len(rows) < count else ""
    console.print(f"[dim]{count:,} {'row' if count == 1 else 'rows'}{hidden}[/dim]")


def _print_records(
    console: Console, columns: list[Mapping[str, Any]], rows: list[list[Any]]
) -> None:
    """One line a value, for rows too wide for the terminal."""
    for number, row in enumerate(rows, 1):
        console.rule(f"row {number}", align="left", style="dim")
        grid = Table.grid(padding=(0, 2))
        for column, value in zip(columns, row, strict=True):
            grid.add_row(Text(_visible(column["name"]), style="bold"), _cell(value))
        console.print(grid)


def _cell(value: object) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, str):
        return Text(_visible(value))
    return Text(_visible(orjson.dumps(value).decode()))


def _visible(text: str) -> str:
    """Spell control characters out: a value may not command somebody's terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
