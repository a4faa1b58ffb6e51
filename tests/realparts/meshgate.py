"""A gateway of the lab: ``meshgate serve`` before the locked Trino, its state in PostgreSQL."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.realparts.addresses import answers
from tests.realparts.configuration import without_settings
from tests.realparts.process import Part, running

_START_SECONDS = 120
_STOP_SECONDS = 30


@contextmanager
def meshgate(root: Path, name: str, port: int, settings: Mapping[str, str]) -> Iterator[Part]:
    """Serve with these settings and no others; ready when it takes statements."""
    start = "from gateway.cli.main import main; main()"
    url = f"http://127.0.0.1:{port}"
    with running(
        name,
        [sys.executable, "-c", start, "serve", "--port", str(port)],
        log=root / f"{name}.log",
        url=url,
        environment={**without_settings(), **settings},
        orphaned=signal.SIGTERM,  # it stops its own workers
        seconds=_STOP_SECONDS,
    ) as part:
        part.wait(lambda: answers(f"{url}/health/ready"), _START_SECONDS)
        yield part
