"""Shared by all suites: how many examples a property gets (``HYPOTHESIS=quick|proof``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from hypothesis import HealthCheck, settings

_ALL = list(HealthCheck)
settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=_ALL)
settings.register_profile("proof", max_examples=2_000, deadline=None, suppress_health_check=_ALL)
settings.load_profile(os.environ.get("HYPOTHESIS", "quick"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep ``xdist_group`` working: xdist 3.8 writes its group where pytest 9.2 no longer reads."""
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        known = getattr(item, "_id", None)
        if mark is None or known is None or "@" in item.nodeid.rpartition("]")[2]:
            continue
        params = "" if known.params is None else f"[{known.params}]"
        last = f"{known.names[-1]}{params}@{mark.args[0]}"
        item._id = replace(known, names=(*known.names[:-1], last), params=None)


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """A command that a test ran in this process set how much is logged: not for the next test."""
    yield
    structlog.reset_defaults()
