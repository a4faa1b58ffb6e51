from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.lock.asking import Asking


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    found = Asking.over(tmp_path)
    yield found
    await found.policy.close()
