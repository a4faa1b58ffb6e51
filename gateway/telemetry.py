"""Logs and metrics, and all their names. No statement text, row value, token or key passes here."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

QUERY_FINISHED = "query.finished"
QUERY_DEFECT = "query.defect"
QUERY_UNRECORDED = "query.unrecorded"

QUERY_SECONDS = "meshgate_query_seconds"
QUERY_STAGE_SECONDS = "meshgate_query_stage_seconds"
QUERIES_TOTAL = "meshgate_query_finished_total"
QUERY_ROWS_TOTAL = "meshgate_query_rows_total"
QUERY_BYTES = "meshgate_query_bytes"
QUERIES_OPEN = "meshgate_query_open"
LOGIN_FAILURES_TOTAL = "meshgate_login_failures_total"
HTTP_REQUESTS_TOTAL = "meshgate_http_requests_total"

OUTCOMES = ("finished", "failed", "refused", "cancelled", "abandoned", "killed")
STAGES = ("parse", "decide", "rewrite")
REQUEST_KINDS = ("submit", "poll", "heartbeat", "cancel", "info", "other")
LOGIN_REASONS = ("unauthenticated", "forbidden", "too_many")
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300)


class Metrics:
    """The gateway's metrics. Labels come from closed sets: outcome, stage, error, kind, reason."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            QUERY_SECONDS, "From submission to end", ["outcome"],
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._stages = Histogram(
            QUERY_STAGE_SECONDS, "Time before the first row", ["stage"],
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._finished = Counter(
            QUERIES_TOTAL, "Statements ended", ["outcome", "error"], registry=self.registry
        )
        self._rows = Counter(QUERY_ROWS_TOTAL, "Rows delivered", registry=self.registry)
        self._bytes = Counter(QUERY_BYTES, "Result bytes delivered", registry=self.registry)
        self.open_queries = Gauge(QUERIES_OPEN, "Statements not ended", registry=self.registry)
        self._logins = Counter(
            LOGIN_FAILURES_TOTAL, "Refused logins", ["reason"], registry=self.registry
        )
        self._requests = Counter(
            HTTP_REQUESTS_TOTAL, "Requests of the statement protocol", ["kind"],
            registry=self.registry,
        )  # fmt: skip

    def finished(
        self, outcome: str, error: str, seconds: float, *, rows: int = 0, data_bytes: int = 0
    ) -> None:
        """Count one ended statement; ``error`` is a name of the error table or empty."""
        self._seconds.labels(outcome).observe(seconds)
        self._finished.labels(outcome, error).inc()
        self._rows.inc(rows)
        self._bytes.inc(data_bytes)

    def stage(self, stage: str, microseconds: int) -> None:
        """Observe one stage of planning."""
        self._stages.labels(stage).observe(microseconds / 1e6)

    def login_refused(self, status: int) -> None:
        """Count a refused login by its HTTP status."""
        reason = {401: LOGIN_REASONS[0], 403: LOGIN_REASONS[1]}.get(status, LOGIN_REASONS[2])
        self._logins.labels(reason).inc()

    def request(self, kind: str) -> None:
        """Count one request by its kind."""
        self._requests.labels(kind).inc()


def configure_logs(level: str = "INFO", *, pretty: bool = False) -> None:
    """Send structured logs to standard error: JSON, or readable lines for a person."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=_standard_error,
        cache_logger_on_first_use=False,
    )


def _standard_error(*_: object) -> structlog.PrintLogger:
    """Log to what is standard error now, not to what it was when logs were configured."""
    return structlog.PrintLogger(sys.stderr)


def where(error: BaseException) -> dict[str, Any]:
    """A defect as a log may show it: its type and place, never its text, which may hold values."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "error_type": type(error).__name__,
        "at": [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames],
    }
