"""Every command of the README runs; every setting, error and page it names exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.load import load_demo
from gateway.settings import known_names
from tests.parts import CACHE
from tests.serving import Gateway, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
MAKE = [line for line in COMMANDS if line.startswith("make ")]
OTHERS = [line for line in COMMANDS if not line.startswith("make ")]
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.xdist_group("readme")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demo's server over the demo's data, as ``make demo`` leaves it."""
    data = CACHE / "demo"
    load_demo(data, progress=False)
    root = tmp_path_factory.mktemp("demo")
    settings = {
        "MESHGATE_DATA": str(data),
        "MESHGATE_CATALOG__DIRECTORY": str(ROOT / "catalogs"),
        "MESHGATE_POLICY__DIRECTORY": str(ROOT / "policies"),
    }
    with serving(root, settings) as gateway:
        yield gateway


def _run(command: str, demo: Gateway) -> subprocess.CompletedProcess[str]:
    here = command.replace("8080", str(demo.port))
    here = here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    environment = {
        **os.environ,
        "MESHGATE_DATA": str(CACHE / "demo"),
        "MESHGATE_STATE__DIRECTORY": str(demo.root / "state"),
    }
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", here],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_readme_has_commands() -> None:
    assert MAKE == ["make demo", "make test"]
    assert len(OTHERS) >= 9
    assert len(PYTHON) == 1


@pytest.mark.parametrize("command", OTHERS)
def test_each_command_runs(command: str, demo: Gateway) -> None:
    if command.startswith("curl -s "):
        address = command.removeprefix("curl -s ").replace("8080", str(demo.port))
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.status == 200
        return
    result = _run(command, demo)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip() or "policy" in command


def test_the_python_example_runs(demo: Gateway) -> None:
    code = PYTHON[0].replace("8080", str(demo.port))
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert re.fullmatch(r"\[\[\d+\]\]\n", result.stdout), result.stdout + result.stderr


@pytest.mark.parametrize("command", MAKE)
def test_the_make_commands_are_run_by_every_change(command: str) -> None:
    """What takes minutes is not run inside a test: the change's own run holds it."""
    assert re.search(rf"\b{command}\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))


def test_every_setting_is_explained() -> None:
    named = set(re.findall(r"MESHGATE_[A-Z]+__[A-Z_]+", README))
    for line in README.splitlines():
        if line.startswith("| `MESHGATE_"):
            subsystem = re.search(r"MESHGATE_[A-Z]+__", line)
            assert subsystem
            named |= {subsystem[0] + field for field in re.findall(r"…__([A-Z_]+)", line)}
    assert named == known_names()


def test_every_file_it_points_to_exists() -> None:
    for name in re.findall(r"`((?:[a-z]+/)*[A-Za-z_]+\.(?:md|yaml))`", README):
        assert (ROOT / name).is_file() or (ROOT / "catalogs" / name).is_file(), name
