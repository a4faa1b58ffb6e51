"""The guided tour: one query as three principals, a token join, a refusal, then the server stays.

Everything here goes over the wire with the ordinary Trino client for Python; the tour knows
nothing that another client would not.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trino
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from trino.exceptions import TrinoQueryError

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0

CLAIMS = """\
SELECT claim_id, member_id, service_date, region, billed
FROM lake.claims.claims
ORDER BY claim_id
LIMIT 5"""
PEOPLE = (
    ("ana", "an analyst for Europe", ()),
    ("fred", "a fraud investigator, purpose fraud", ("purpose:fraud",)),
    ("clara", "the claims team, in its own domain", ()),
)
JOIN = """\
SELECT c.region, count(DISTINCT c.member_id) AS members, count(*) AS claims
FROM lake.claims.claims AS c JOIN lake.members.members AS m ON c.member_id = m.member_id
GROUP BY c.region"""
REFUSED = "SELECT claim_id, diagnosis FROM lake.claims.claims LIMIT 5"
HIDDEN = "SELECT * FROM lake.providers.contracts"
ABSENT = "SELECT * FROM lake.providers.contacts"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client got: headings, rows, notes; or an error's name and text."""

    headings: tuple[str, ...] = ()
    rows: tuple[Sequence[object], ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""


def ask(port: int, person: str, sql: str, tags: Sequence[str] = ()) -> Reply:
    """Send one statement as one principal."""
    connection = trino.dbapi.connect(  # type: ignore[no-untyped-call] # the client is untyped
        host="127.0.0.1", port=port, user=person, client_tags=list(tags), source="meshgate-demo"
    )
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        rows = tuple(cursor.fetchall())
    except TrinoQueryError as error:
        return Reply(error=f"{error.error_name}: {error.message}")
    headings = tuple(column.name for column in cursor.description or ())
    notes = tuple(str(warning["message"]) for warning in cursor.warnings or ())
    return Reply(headings, rows, notes)


def show(console: Console, reply: Reply) -> None:
    """Print rows and, under them, the notes that came with them."""
    if reply.error:
        console.print(f"  [red]{escape(reply.error)}[/red]\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in reply.headings:
        table.add_column(heading)
    for row in reply.rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    console.print(table)
    for note in reply.notes:
        console.print(f"  [dim]· {escape(note)}[/dim]")
    console.print()


def tour(console: Console, port: int) -> None:
    """Walk through the demo's questions."""
    console.rule("One query, three principals")
    console.print(f"[cyan]{CLAIMS}[/cyan]\n", highlight=False)
    for person, what, tags in PEOPLE:
        console.print(f"[bold]{person}[/bold], {what}")
        show(console, ask(port, person, CLAIMS, tags))
    console.rule("Two domains joined on a token nobody can read")
    console.print(f"[cyan]{JOIN}[/cyan]\n", highlight=False)
    console.print("[bold]ana[/bold]")
    show(console, ask(port, "ana", JOIN))
    console.rule("A refusal says what to do next")
    console.print(f"[cyan]{REFUSED}[/cyan]\n", highlight=False)
    console.print("[bold]ana[/bold]")
    show(console, ask(port, "ana", REFUSED))
    console.print("[bold]ana[/bold], about a table hidden from her, then one that is not there")
    show(console, ask(port, "ana", HIDDEN))
    show(console, ask(port, "ana", ABSENT))


def connect(console: Console, port: int) -> None:
    """Print how other tools connect."""
    console.rule("Connect your tool")
    base = f"http://127.0.0.1:{port}"
    python = f"trino.dbapi.connect(host='127.0.0.1', port={port}, user='ana', catalog='lake')"
    lines = (
        f"meshgate    .venv/bin/meshgate query --server {base} --as ana 'SHOW SCHEMAS'",
        f"Trino CLI   trino --server {base} --user ana --catalog lake --schema claims",
        f"Python      {python}",
        f"JDBC        jdbc:trino://127.0.0.1:{port}/lake/claims   user: ana, no password",
    )
    for line in lines:
        console.print(escape(line), soft_wrap=True, highlight=False)


def serve(port: int, data: Path) -> subprocess.Popen[bytes]:
    """Start the server as an operator would."""
    environment = {
        **os.environ,
        "MESHGATE_DATA": str(data),
        "MESHGATE_SERVER__PORT": str(port),
        "MESHGATE_LOG__LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "gateway.cli.main", "serve"]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own program


def wait_ready(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server says that it is ready; raises RuntimeError if it never does."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError("the server stopped at start; its message stands above")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the server is not ready; see /health/ready")


def main() -> None:
    """Serve, tour, and stay until interrupted (``--once`` stops after the tour)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    if _taken(options.port):
        sys.exit(f"port {options.port} is in use; choose another: make demo PORT=8081")
    server = serve(options.port, options.data.resolve())
    try:
        wait_ready(server, options.port)
        tour(console, options.port)
        connect(console, options.port)
        if not options.once:
            console.print(f"\nlistening on http://127.0.0.1:{options.port} (Ctrl-C stops)")
            server.wait()
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server drain, then end it."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
