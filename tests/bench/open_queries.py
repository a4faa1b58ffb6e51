"""Memory of a gateway that holds a thousand open statements."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from tests.bench.asking import Asker, Server
from tests.realparts.addresses import Addresses

OPEN = 1000
_STATEMENT = "SELECT * FROM lake.claims.claims LIMIT {}"
_ROWS = 20_000  # more than a page of a mebibyte


def measure(lab: Addresses, gateway: Server) -> dict[str, Any]:
    """Resident bytes before and with 1,000 statements that have been asked for their first page."""
    pid = _serving(Path(lab.root))
    asker = Asker(gateway)
    before = _resident(pid)
    for number in range(OPEN):
        if asker.first_page(_STATEMENT.format(_ROWS + number)) is None:
            raise RuntimeError("a statement ended that should stay open")
    held = _resident(pid)
    return {"before_mb": before >> 20, "open_mb": held >> 20, "limit_mb": 1024}


def _serving(root: Path) -> int:
    """The process of the gateway whose state lies in the run's folder ``open-state``."""
    mark = f"{root}/open-state".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and mark in _environment(entry):
            return int(entry.name)
    raise RuntimeError("the gateway is not running")


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    """Bytes of a process and of all below it."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    below = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for listed in below for child in listed.read_text().split()]
    return pages * resource.getpagesize() + sum(map(_resident, children))
