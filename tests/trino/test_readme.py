"""The README's way to put the gateway before a Trino, on the lab's gateway and cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.settings import known_names
from tests.realparts.configuration import gateway_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh lab\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
SETTINGS = re.findall(r"^(MESHGATE_[A-Z_]+)=", README, re.MULTILINE)


def test_the_readme_has_commands_for_a_cluster() -> None:
    assert len(COMMANDS) == 4
    assert len(SETTINGS) > 15
    assert set(SETTINGS) <= known_names()


@pytest.fixture(scope="module")
def settings(governed) -> dict[str, str]:
    """The settings of a gateway before the lab's cluster."""
    return gateway_settings(governed, f"readme-{os.getpid()}")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(governed, settings, command: str) -> None:
    port = str(urlsplit(governed.gateway).port)
    here = command.replace("8080", port).replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    if here.startswith("curl -s "):
        with urllib.request.urlopen(here.removeprefix("curl -s "), timeout=10) as answer:
            assert answer.status == 200
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", here],
        cwd=ROOT,
        env={**kept, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip()
