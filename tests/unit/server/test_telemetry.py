"""Logs go to standard error as it is when they are written."""

from __future__ import annotations

import io
import sys

import pytest
import structlog

from gateway.telemetry import configure_logs


def test_a_replaced_standard_error_gets_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    try:
        monkeypatch.setattr(sys, "stderr", first)
        configure_logs("INFO")
        log = structlog.get_logger()
        log.info("one")
        first.close()
        monkeypatch.setattr(sys, "stderr", second)
        log.info("two")
    finally:
        structlog.reset_defaults()
    assert '"event": "two"' in second.getvalue()
