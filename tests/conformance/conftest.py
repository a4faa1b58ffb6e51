"""One gateway for all conformance tests: the real command, a real mesh, a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.conformance.wire import Wire
from tests.conformance.world import build

pytest.register_assert_rewrite("tests.conformance.script")

_START_SECONDS = 90
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: where it listens and where its files are."""

    port: int
    root: Path

    @property
    def url(self) -> str:
        """The address of its statement endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, user: str) -> Wire:
        """A bare connection, in ``lake.x_cli``."""
        return Wire(self.url, user, "lake", "x_cli")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Start ``meshgate serve`` over the mesh of ``world``; stop it as an operator would."""
    root = build(tmp_path_factory.mktemp("mesh"))
    found = Gateway(_free_port(), root)
    log = (root / "gateway.log").open("w+")
    with subprocess.Popen(_command(found.port), env=_environment(root), stderr=log) as process:
        try:
            _wait(found, process, root / "gateway.log")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            finally:
                log.close()


def _command(port: int) -> list[str]:
    start = "from gateway.cli.main import main; main()"
    return [sys.executable, "-c", start, "serve", "--port", str(port)]


def _environment(root: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
    return {
        **kept,
        "MESHGATE_CATALOG__DIRECTORY": str(root / "catalogs"),
        "MESHGATE_POLICY__DIRECTORY": str(root / "policies"),
        "MESHGATE_STATE__DIRECTORY": str(root / "state"),
        "MESHGATE_ENGINE__WORKERS": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(found: Gateway, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the gateway did not start: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{found.url}/health/ready", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the gateway was not ready in {_START_SECONDS} s: {log.read_text()}")
