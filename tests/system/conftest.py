"""One gateway over the demo's health mesh, with files of its own that tests may break."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.load import load_demo
from tests.parts import CACHE
from tests.serving import Gateway, serving

HEALTH = ("members", "providers", "claims", "call_center")
_REPOSITORY = Path(__file__).parents[2]
IDLE_SECONDS = 4


@pytest.fixture(scope="session")
def data() -> Path:
    """The health mesh's tables, written once a machine."""
    directory = CACHE / "system-data"
    load_demo(directory, sets=("health",), progress=False)
    return directory


def copy_mesh(root: Path) -> Path:
    """The repository's catalogs and policies of the health domains, below ``root``."""
    shutil.copytree(_REPOSITORY / "catalogs", root / "catalogs")
    shutil.copytree(_REPOSITORY / "policies", root / "policies")
    common = {"grants", "principals"}
    for path in (root / "catalogs").glob("*.yaml"):
        if path.stem not in {*HEALTH, *common}:
            path.unlink()
    for path in (root / "policies" / "domains").iterdir():
        if path.name not in HEALTH:
            shutil.rmtree(path)
    return root


@pytest.fixture(scope="session")
def gateway(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Start ``meshgate serve``; statements nobody asks for are given up soon."""
    settings = {
        "MESHGATE_DATA": str(data),
        "MESHGATE_ENGINE__WORKERS": "2",
        "MESHGATE_QUERY__IDLE_SECONDS": str(IDLE_SECONDS),
        "MESHGATE_POLICY__TIMEOUT_SECONDS": "3",
    }
    root = copy_mesh(tmp_path_factory.mktemp("system"))
    with serving(root, settings, schema="claims") as found:
        yield found
