"""What a gateway remembers of one statement, for its owner's eyes and the log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.errors import MeshgateError
from gateway.query.plan import Plan
from gateway.session import Session


@dataclass(slots=True)
class QueryRecord:
    """What is known of one statement, for its owner's eyes and the log."""

    query_id: str
    text: str
    principal: str
    actor: str
    session: Session
    created: datetime
    cluster: str = "embedded"
    plan: Plan | None = None
    state: str = "QUEUED"
    outcome: str = ""
    error: MeshgateError | None = None
    rows: int = 0
    data_bytes: int = 0
    ended: datetime | None = None
    started_at: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """From submission until the end, or until now."""
        if self.ended is not None:
            return (self.ended - self.created).total_seconds()
        return time.monotonic() - self.started_at

    def end(self, outcome: str, error: MeshgateError | None) -> None:
        """Note how it ended, without the frames an exception holds: they hold its statement."""
        self.outcome = outcome
        self.error = error and MeshgateError(
            error.name, error.message, line=error.line, column=error.column, audit=error.audit
        )
        self.state = "FINISHED" if outcome == "finished" else "FAILED"
        self.ended = datetime.now(UTC)


def log_line(record: QueryRecord, error: str) -> dict[str, object]:
    """What the log tells of a statement that has ended."""
    plan = record.plan
    decision = plan.decision if plan else None
    scans = plan.governed.scans if plan and plan.governed else ()
    return {
        "query_id": record.query_id,
        "principal": record.principal,
        "actor": record.actor,
        "source": record.session.source,
        "cluster": record.cluster,
        "domains": sorted({scan.table.domain for scan in scans}),
        "outcome": record.outcome,
        "error": error,
        "parse_us": plan.timings.parse_us if plan else 0,
        "decide_us": plan.timings.decide_us if plan else 0,
        "rewrite_us": plan.timings.rewrite_us if plan else 0,
        "elapsed_ms": int(record.seconds * 1000),
        "rows": record.rows,
        "bytes": record.data_bytes,
        "decision_id": decision.decision_id if decision else "",
        "revisions": dict(decision.revisions) if decision else {},
        "statement": plan.statement.digest if plan else "",
    }
