"""Real gateways for tests: ``meshgate serve`` in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.conformance.wire import Wire

_START_SECONDS = 90
_STOP_SECONDS = 30
_DRAIN_SECONDS = 3  # well below: a statement its client left open must not fail the stop
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: where it listens, where its files are, which processes it has."""

    port: int
    root: Path
    pid: int
    schema: str = "x_cli"

    @property
    def url(self) -> str:
        """The address of its statement endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, user: str) -> Wire:
        """A bare connection, in ``lake`` and the mesh's first schema."""
        return Wire(self.url, user, "lake", self.schema)

    def ready(self) -> bool:
        """Whether it takes statements."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def children(self, holding: str = "") -> list[int]:
        """Its child processes whose command line holds a text."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        return [pid for pid in pids if holding in _command_line(pid)]

    def resident_bytes(self) -> int:
        """Resident memory of the server and all its workers."""
        return sum(map(_resident, [self.pid, *self.children()]))

    def log(self) -> str:
        """All it has logged."""
        return (self.root / "gateway.log").read_text()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


@contextmanager
def serving(
    root: Path, settings: Mapping[str, str] | None = None, *, schema: str = "x_cli"
) -> Iterator[Gateway]:
    """Serve the mesh below ``root`` until the end; stop it as an operator would."""
    port = free_port()
    log = root / "gateway.log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            _command(port), env=_environment(root, settings), stderr=written
        ) as process,
    ):
        found = Gateway(port, root, process.pid, schema)
        try:
            _wait(found, process)
            yield found
        finally:
            _stop(process)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(port: int) -> list[str]:
    start = "from gateway.cli.main import main; main()"
    return [sys.executable, "-c", start, "serve", "--port", str(port)]


def _environment(root: Path, settings: Mapping[str, str] | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
    return {
        **kept,
        "MESHGATE_CATALOG__DIRECTORY": str(root / "catalogs"),
        "MESHGATE_POLICY__DIRECTORY": str(root / "policies"),
        "MESHGATE_STATE__DIRECTORY": str(root / "state"),
        "MESHGATE_ENGINE__WORKERS": "1",
        "MESHGATE_SERVER__DRAIN_SECONDS": str(_DRAIN_SECONDS),
        **(settings or {}),
    }


def _wait(found: Gateway, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not found.ready():
        if process.poll() is not None:
            pytest.fail(f"the gateway did not start: {found.log()}")
        if time.monotonic() > deadline:
            pytest.fail(f"the gateway was not ready in {_START_SECONDS} s: {found.log()}")
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
