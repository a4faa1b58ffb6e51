"""A whole gateway while its way to Trino breaks: clients read one clear error, or nothing of it."""

from __future__ import annotations

import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.realparts.addresses import Addresses, answers
from tests.realparts.configuration import gateway_settings, without_settings
from tests.realparts.ports import free_port
from tests.realparts.process import running
from tests.trino.relaying import Browser
from tests.trino.wires import WHOLE, ThreadedWire, wire_in_thread

pytestmark = pytest.mark.xdist_group("faults")

_START = "from gateway.cli.main import main; main()"
COUNT = "SELECT count(*) FROM lake.tpch.nation"
ROWS = "SELECT * FROM lake.tpch.orders LIMIT 60000"


class World:
    """A gateway with the lock off before the bare Trino, and the wire between them."""

    def __init__(self, url: str, wire: ThreadedWire, log: Path) -> None:
        self.url, self.wire, self._log = url, wire, log
        self.ana = Browser(url, "ana")
        self.at_start: list[Any] = []

    def told(self) -> list[Any]:
        """Ask as long as Trino is away: for data, for metadata, and whether all is well."""
        deadline = time.monotonic() + 60
        while '"state": "DOWN"' not in self.log() and time.monotonic() < deadline:
            time.sleep(0.3)
        error = _failed(self.ana.post(COUNT))
        return [error, ["claims"] in self.ana.rows("SHOW SCHEMAS FROM lake"), self.ready()]

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def until(self, *, ready: bool) -> None:
        deadline = time.monotonic() + 90
        while self.ready() is not ready:
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.3)


@pytest.fixture(scope="module")
def world(governed: Addresses) -> Iterator[World]:
    """Started while nothing leads to Trino; ``at_start`` is what a client was told then."""
    root = Path(governed.root)
    settings = gateway_settings(governed, "faults")
    for name in ("TRINO__PASSWORD_FILE", "TRINO__FORWARDED_HTTPS", "STATE__DATABASE_URL"):
        del settings[f"MESHGATE_{name}"]
    with wire_in_thread(governed.bare) as wire:
        wire.allow(0)
        settings |= {"MESHGATE_TRINO__URL": wire.wire.url, "MESHGATE_TRINO__SECOND_LOCK": "off"}
        port = free_port()
        log = root / "faults.log"
        with running(
            "faults",
            [sys.executable, "-c", _START, "serve", "--port", str(port)],
            log=log,
            url=f"http://127.0.0.1:{port}",
            environment={**without_settings(), **settings},
            orphaned=signal.SIGTERM,
        ) as part:
            part.wait(lambda: answers(f"{part.url}/health/live"), 120)
            found = World(part.url, wire, log)
            found.at_start = found.told()
            wire.allow(WHOLE)
            yield found


@pytest.fixture(autouse=True)
def _whole_again(world: World) -> Iterator[None]:
    yield
    world.wire.allow(WHOLE)
    world.until(ready=True)


def _failed(page: dict[str, Any]) -> str:
    assert "nextUri" not in page
    message = page["error"]["message"]
    assert "127.0.0.1" not in message
    assert "Error" not in message
    name: str = page["error"]["errorName"]
    return name


def test_trino_is_down_at_the_start(world: World) -> None:
    """Data has one clear error, metadata is answered, and it heals by itself."""
    assert world.at_start == ["NO_NODES_AVAILABLE", True, False]
    world.until(ready=True)
    assert world.ana.rows(COUNT) == [[25]]


def test_trino_breaks_at_the_submission(world: World) -> None:
    world.until(ready=True)
    world.wire.allow(0)
    assert _failed(world.ana.post(COUNT)) == "NO_NODES_AVAILABLE"


def test_before_the_first_row_nobody_notices(world: World) -> None:
    """The statement is sent again, once the cluster is there again."""
    world.until(ready=True)
    page = world.ana.post(COUNT)
    assert "nextUri" in page
    world.wire.allow(WHOLE)  # resets what is open
    rows = [row for later in world.ana.pages(page) for row in later.get("data", [])]
    assert rows == [[25]]


def test_after_the_first_row_a_break_is_mended_by_reading_again(world: World) -> None:
    world.until(ready=True)
    seen: list[Any] = []
    for page in world.ana.pages(world.ana.post(ROWS)):
        assert "error" not in page
        seen += page.get("data", [])
        world.wire.allow(WHOLE)  # resets what is open, after every page
    assert len(seen) == 60_000
    assert len({row[0] for row in seen}) == 60_000


def test_after_the_first_row_a_loss_is_one_clear_error(world: World) -> None:
    world.until(ready=True)
    page = world.ana.post(ROWS)
    while not page.get("data"):
        page = world.ana.next(page)
    world.wire.allow(0)
    assert _failed(world.ana.next(page)) == "REMOTE_HOST_GONE"
    assert "Traceback" not in world.log()
