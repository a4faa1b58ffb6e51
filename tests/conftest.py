"""Shared by all suites: how many examples a property gets (``HYPOTHESIS=quick|proof``)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_ALL = list(HealthCheck)
settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=_ALL)
settings.register_profile("proof", max_examples=2_000, deadline=None, suppress_health_check=_ALL)
settings.load_profile(os.environ.get("HYPOTHESIS", "quick"))
