"""An OPA server with the bundles of a policy folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.policy.bundle import stage
from tests.parts import opa_path
from tests.realparts.addresses import answers
from tests.realparts.ports import free_port
from tests.realparts.process import Part, running

_START_SECONDS = 30


@contextmanager
def opa(root: Path, policies: Path) -> Iterator[Part]:
    """Serve the bundles on a free loopback port."""
    program = opa_path()
    if program is None:
        raise FileNotFoundError("no OPA: run `make fetch`")
    bundles = [word for one in stage(policies, root / "bundles") for word in ("-b", one)]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ("--addr", f"127.0.0.1:{port}", "--log-level", "error", "--disable-telemetry")
    command = [program, "run", "-s", *options, *bundles]
    with running("opa", command, log=root / "opa.log", url=url) as part:
        part.wait(lambda: answers(f"{url}/health?bundles=true"), _START_SECONDS)
        yield part
