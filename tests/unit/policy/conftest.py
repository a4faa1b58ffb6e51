"""Fixtures: a real OPA for the session, Hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.cli.opa_tool import OpaTool
from tests.parts import opa_path, require

settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile(
    "proof", max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("HYPOTHESIS", "quick"))


@pytest.fixture(scope="session")
def opa_tool() -> OpaTool:
    """The real binary; skipped, or failed if required, where there is none."""
    home = Path.home() / ".local/opa/opa"
    found = opa_path() or (home if home.is_file() else None)
    return OpaTool(require("opa", found))


@pytest.fixture(scope="session")
def lab_opa(opa_tool: OpaTool) -> Iterator[str]:
    """A server with the laboratory's policies; yields its address."""
    with opa_tool.serve(Path(__file__).parent / "data/lab") as url:
        yield url
