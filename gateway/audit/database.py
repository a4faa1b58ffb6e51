"""The audit tables in SQLite. One connection, used by one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from gateway.audit.model import FINISHED, AuditRecord, Result, instant

VERSION = 1
# ``body`` is canonical JSON and rows are only ever added: writer, sequence, hash and
# signature can join as columns without touching a body.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS audit_record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    query_id TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('started', 'finished')),
    kind TEXT NOT NULL,
    time TEXT NOT NULL,
    principal TEXT NOT NULL,
    state TEXT NOT NULL,
    error_name TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (query_id, phase)
);
CREATE INDEX IF NOT EXISTS audit_by_principal ON audit_record (principal, seq);
CREATE TABLE IF NOT EXISTS audit_table (
    name TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES audit_record (seq),
    PRIMARY KEY (name, seq)
) WITHOUT ROWID;
"""
_LATEST = """
SELECT body FROM audit_record AS r
WHERE (phase = 'finished' OR NOT EXISTS (
        SELECT 1 FROM audit_record AS f WHERE f.query_id = r.query_id AND f.phase = 'finished'))
  AND (:principal IS NULL OR principal = :principal)
  AND (:outcome IS NULL OR :outcome IN (state, error_name))
  AND (:name IS NULL OR EXISTS (
        SELECT 1 FROM audit_table AS t WHERE t.name = :name AND t.seq = r.seq))
ORDER BY seq DESC LIMIT :limit
"""
_OPEN = """
SELECT query_id, body FROM audit_record AS r
WHERE phase = 'started' AND time < :before AND NOT EXISTS (
    SELECT 1 FROM audit_record AS f WHERE f.query_id = r.query_id AND f.phase = 'finished')
"""
_INSERT = """
INSERT INTO audit_record (query_id, phase, kind, time, principal, state, error_name, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (query_id, phase) DO NOTHING
"""


class Row(NamedTuple):
    """What to look for; None matches everything. ``outcome`` is a state or an error's name."""

    principal: str | None = None
    table: str | None = None
    outcome: str | None = None


class Work(Protocol):
    """One unit of a commit."""

    @property
    def done(self) -> Future[Any]:
        """Where its answer goes."""
        ...

    @property
    def run(self) -> Any:  # noqa: ANN401 - a callable over the database
        """What to do."""
        ...


@dataclass(frozen=True, slots=True)
class _Fields:
    """The columns beside the body."""

    query_id: str
    phase: str
    kind: str
    time: str
    principal: str
    state: str
    error_name: str
    tables: tuple[str, ...]


class Database:
    """The open store. Raises sqlite3.Error as it comes; commits reach the disk."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
        mode = "ro" if read_only else "rw"
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=5
        )
        if not read_only:
            self._prepare()

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            self._connection.close()
            raise sqlite3.DatabaseError(f"audit store of version {found}; this is {VERSION}")
        self._connection.executescript(_SCHEMA)
        self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def commit(self, group: Sequence[Work]) -> None:
        """Run a group in one durable transaction, then tell those who wait."""
        answers = []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            answers = [work.run(self) for work in group]
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        for work, answer in zip(group, answers, strict=True):
            if work.done.set_running_or_notify_cancel():
                work.done.set_result(answer)

    def insert(self, record: AuditRecord, body: str) -> None:
        """Add one record with its canonical body; a second one of a phase is ignored."""
        names = tuple(dict.fromkeys(table.name for table in record.tables))
        self._insert(
            _Fields(
                record.query_id,
                record.phase,
                record.kind,
                instant(record.time),
                record.who.id,
                record.result.state,
                record.result.error_name,
                names,
            ),
            body,
        )

    def _insert(self, row: _Fields, body: str) -> None:
        cursor = self._connection.execute(
            _INSERT,
            (
                *(row.query_id, row.phase, row.kind, row.time),
                *(row.principal, row.state, row.error_name, body),
            ),
        )
        if cursor.rowcount:
            self._connection.executemany(
                "INSERT INTO audit_table (name, seq) VALUES (?, ?)",
                [(name, cursor.lastrowid) for name in row.tables],
            )

    def latest(self, row: Row, limit: int) -> list[dict[str, Any]]:
        """Return bodies, newest first, one per statement: its ``finished``, else ``started``."""
        wanted = {"principal": row.principal, "name": row.table, "outcome": row.outcome}
        found = self._connection.execute(_LATEST, {**wanted, "limit": limit})
        return [orjson.loads(body) for (body,) in found]

    def find(self, query_id: str) -> dict[str, Any] | None:
        """Return the latest record of one query."""
        found = self._connection.execute(
            "SELECT body FROM audit_record WHERE query_id = ? ORDER BY phase = 'started' LIMIT 1",
            (query_id,),
        ).fetchone()
        return orjson.loads(found[0]) if found else None

    def abandon(self, running: frozenset[str], before: str) -> int:
        """Close what was started before then and nobody runs any more."""
        found = self._connection.execute(_OPEN, {"before": before}).fetchall()
        dead = [(query_id, body) for query_id, body in found if query_id not in running]
        for query_id, body in dead:
            self._close_one(query_id, orjson.loads(body), Result("abandoned"))
        return len(dead)

    def end(self, query_id: str, result: Result, engine_query_id: str) -> None:
        """Close one statement by its ``started`` record; the first end of a statement stands."""
        body = self.find(query_id)
        if body is not None and body["phase"] != FINISHED:
            body["engine_query_id"] = engine_query_id or body["engine_query_id"]
            self._close_one(query_id, body, result)

    def _close_one(self, query_id: str, body: dict[str, Any], result: Result) -> None:
        now = datetime.now(UTC)
        wall = now - datetime.fromisoformat(body["time"])
        body["cost"]["wall_us"] = wall // timedelta(microseconds=1)
        body.update(phase=FINISHED, time=instant(now), result=asdict(result))
        tables = tuple(table["name"] for table in body["tables"])
        self._insert(
            _Fields(
                *(query_id, FINISHED, body["kind"], body["time"], body["who"]["id"]),
                *(result.state, result.error_name, tuple(dict.fromkeys(tables))),
            ),
            orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode(),
        )
