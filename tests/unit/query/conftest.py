from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.policy.service import PolicyService
from gateway.server.world import load_world
from tests.unit.query.mesh import WORLDS, Mesh


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    world = load_world(WORLDS / "mesh.yaml")
    policy = PolicyService.open(world.policies)
    yield Mesh(world, policy)
    await policy.close()
