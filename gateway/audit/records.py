"""Audit records in the shared state's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from gateway.audit.model import FINISHED, AuditRecord, Result, instant
from gateway.state.connection import Connection

_INSERT = """
INSERT INTO audit_record (query_id, phase, kind, time, principal, state, error_name, body, writer)
VALUES (:query_id, :phase, :kind, :time, :principal, :state, :error_name, :body, :writer)
ON CONFLICT (query_id, phase) DO NOTHING
"""
# By its body, because a second record of a phase was not added and names no tables.
_INSERT_TABLE = """
INSERT INTO audit_table (name, seq)
SELECT :name, seq FROM audit_record
WHERE query_id = :query_id AND phase = :phase AND body = :body
ON CONFLICT DO NOTHING
"""
_LATEST = """
SELECT body FROM audit_record AS r
WHERE (phase = 'finished' OR NOT EXISTS (
    SELECT 1 FROM audit_record AS f WHERE f.query_id = r.query_id AND f.phase = 'finished'))
"""
_CONDITIONS = {
    "principal": " AND principal = :principal",
    "outcome": " AND (state = :outcome OR error_name = :outcome)",
    "table": (
        " AND EXISTS (SELECT 1 FROM audit_table AS t WHERE t.name = :table AND t.seq = r.seq)"
    ),
}
_NEWEST = " ORDER BY seq DESC LIMIT :limit"
_FIND = """
SELECT body FROM audit_record WHERE query_id = :query_id
ORDER BY CASE phase WHEN 'finished' THEN 0 ELSE 1 END LIMIT 1
"""
_FIRST = """
SELECT min(time) FROM audit_record WHERE phase = 'started' AND time >= :since AND time < :before
"""
_UNFINISHED = """
SELECT query_id FROM audit_record AS r
WHERE phase = 'started' AND time >= :since AND time < :until
  AND (writer IN ('', :writer) OR time < :stale)
  AND NOT EXISTS (
    SELECT 1 FROM audit_record AS f WHERE f.query_id = r.query_id AND f.phase = 'finished')
  AND NOT EXISTS (
    SELECT 1 FROM open_statement AS o WHERE o.query_id = r.query_id AND o.ended IS NULL)
"""
_SLICE = timedelta(hours=1)
_STALE = timedelta(hours=24)
"""A gateway that died is not waited for longer."""


class Row(NamedTuple):
    """What to look for; None matches everything. ``outcome`` is a state or an error's name."""

    principal: str | None = None
    table: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class _Fields:
    """The columns beside body and writer."""

    query_id: str
    phase: str
    kind: str
    time: str
    principal: str
    state: str
    error_name: str
    tables: tuple[str, ...]


def insert(database: Connection, record: AuditRecord, body: str, writer: str = "") -> None:
    """Add one record with its canonical body; a second one of a phase is ignored."""
    fields = _Fields(
        record.query_id,
        record.phase,
        record.kind,
        instant(record.time),
        record.who.id,
        record.result.state,
        record.result.error_name,
        tuple(dict.fromkeys(table.name for table in record.tables)),
    )
    _insert(database, fields, body, writer)


def latest(database: Connection, row: Row, limit: int) -> list[dict[str, Any]]:
    """Return bodies, newest first, one per statement: its ``finished``, else ``started``."""
    wanted = {name: value for name, value in row._asdict().items() if value is not None}
    sql = _LATEST + "".join(_CONDITIONS[name] for name in wanted) + _NEWEST
    return [orjson.loads(body) for (body,) in database.rows(sql, {**wanted, "limit": limit})]


def find(database: Connection, query_id: str) -> dict[str, Any] | None:
    """Return the latest record of one query."""
    found = database.rows(_FIND, {"query_id": query_id})
    return orjson.loads(found[0][0]) if found else None


def finish(
    database: Connection, query_id: str, result: Result, writer: str = "", engine_id: str = ""
) -> bool:
    """Add ``finished`` to what is known from ``started``; False if unknown or finished."""
    body = find(database, query_id)
    if body is None or body["phase"] == FINISHED:
        return False
    _finish(database, body, result, writer, engine_id)
    return True


def unfinished(
    database: Connection, since: datetime, before: datetime, writer: str
) -> tuple[list[str], datetime] | None:
    """Return what was started and is neither finished nor open, and until when this looked.

    It looks at an hour at a time, so that no store is too large for it: go on from there, until
    None. Left out is what another gateway started less than a day ago.
    """
    values = {"since": instant(since), "before": instant(before), "writer": writer}
    ((first,),) = database.rows(_FIRST, values)
    if first is None:
        return None
    until = min(datetime.fromisoformat(first) + _SLICE, before)
    values.update(since=first, until=instant(until), stale=instant(before - _STALE))
    return [query_id for (query_id,) in database.rows(_UNFINISHED, values)], until


def _finish(
    database: Connection, body: dict[str, Any], result: Result, writer: str, engine_id: str = ""
) -> None:
    now = datetime.now(UTC)
    began = datetime.fromisoformat(body["time"])
    body.update(phase=FINISHED, time=instant(now))
    body["engine_query_id"] = engine_id or body["engine_query_id"]
    body["result"] = _result(result)
    body["cost"]["wall_us"] = (now - began) // timedelta(microseconds=1)
    tables = tuple(dict.fromkeys(table["name"] for table in body["tables"]))
    fields = _Fields(
        *(body["query_id"], FINISHED, body["kind"], body["time"], body["who"]["id"]),
        *(result.state, result.error_name, tables),
    )
    _insert(database, fields, orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode(), writer)


def _result(result: Result) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(orjson.dumps(result))
    return found


def _insert(database: Connection, row: _Fields, body: str, writer: str) -> None:
    values = {
        "query_id": row.query_id,
        "phase": row.phase,
        "kind": row.kind,
        "time": row.time,
        "principal": row.principal,
        "state": row.state,
        "error_name": row.error_name,
        "body": body,
        "writer": writer,
    }
    database.execute(_INSERT, values)
    for name in row.tables:
        database.execute(_INSERT_TABLE, {"name": name, **values})
