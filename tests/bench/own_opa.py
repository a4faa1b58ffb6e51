"""Trino with its own OPA plugin, batched, over a real OPA: what the gateway is compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.parts import opa_path
from tests.realparts import trino
from tests.realparts.addresses import Addresses, answers
from tests.realparts.configuration import catalog_files
from tests.realparts.ports import free_port
from tests.realparts.process import running

_POLICY = Path(__file__).parent / "trino_opa"
_WAYS = {
    "uri": "allow",
    "batched-uri": "batch",
    "row-filters-uri": "rowFilters",
    "batch-column-masking-uri": "batchColumnMasks",
}


@contextmanager
def own_opa(root: Path, lab: Addresses, data: Mapping[str, Any]) -> Iterator[str]:
    """Start both; gives the server's address."""
    program = opa_path()
    if program is None:
        raise FileNotFoundError("no OPA: run `make fetch`")
    known = root / "bench-data"
    known.mkdir()
    (known / "data.json").write_text(json.dumps(data))
    url = f"http://127.0.0.1:{free_port()}"
    options = ("--addr", url.removeprefix("http://"), "--log-level", "error", "--disable-telemetry")
    command = [program, "run", "-s", *options, _POLICY, known]
    with running("own opa", command, log=root / "own-opa.log", url=url) as part:
        part.wait(lambda: answers(f"{url}/health"), 30)
        with trino.trino(root, "own", _files(lab, url)) as server:
            trino.wait_until_started(server)
            yield server.url


def _files(lab: Addresses, opa: str) -> trino.Files:
    lines = ["access-control.name=opa"]
    lines += [f"opa.policy.{name}={opa}/v1/data/trino/{way}" for name, way in _WAYS.items()]
    others = {"access-control.properties": "\n".join(lines) + "\n", **catalog_files(lab)}
    return trino.Files(others=others)
