"""One gateway for all conformance tests: the real command, a real mesh, a free port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.world import build
from tests.serving import Gateway, serving

__all__ = ["Gateway"]

pytest.register_assert_rewrite("tests.conformance.script")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Start ``meshgate serve`` over the mesh of ``world``."""
    with serving(build(tmp_path_factory.mktemp("mesh"))) as found:
        yield found
