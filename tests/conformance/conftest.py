"""One gateway for all conformance tests: the real command, a real mesh, a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.world import build
from tests.serving import Gateway, free_port, serving

__all__ = ["Gateway"]

pytest.register_assert_rewrite("tests.conformance.script")


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mesh of ``world``, written once; whoever serves it keeps its state elsewhere."""
    return build(tmp_path_factory.mktemp("mesh"))


@pytest.fixture(scope="session")
def internal_port() -> int:
    """Where the gateway of all tests shows its metrics to operators."""
    return free_port()


@pytest.fixture(scope="session")
def gateway(mesh: Path, internal_port: int) -> Iterator[Gateway]:
    """Start ``meshgate serve`` over the mesh."""
    with serving(mesh, {"MESHGATE_SERVER__INTERNAL_PORT": str(internal_port)}) as found:
        yield found
