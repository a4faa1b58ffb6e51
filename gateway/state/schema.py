"""The tables of the shared state, for both databases.

Instants beside ``audit_record`` are whole microseconds since 1970, so that both databases
compare them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

VERSION = 2
"""1: audit records alone. 2: ``writer``, active decisions, open statements, poll keys."""

SQLITE: Mapping[str, str] = {
    "serial": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "text": "TEXT",
    "narrow": "WITHOUT ROWID",
}
POSTGRES: Mapping[str, str] = {
    "serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "text": 'TEXT COLLATE "C"',  # instants and names compare by their bytes, as in SQLite
    "narrow": "",
}

# ``body`` is canonical JSON and rows are only ever added: hash and signature can join as
# columns without touching a body, as ``writer`` (the gateway that wrote it) did.
_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS audit_record (
        seq {serial},
        query_id {text} NOT NULL,
        phase {text} NOT NULL CHECK (phase IN ('started', 'finished')),
        kind {text} NOT NULL,
        time {text} NOT NULL,
        principal {text} NOT NULL,
        state {text} NOT NULL,
        error_name {text} NOT NULL,
        body {text} NOT NULL,
        writer {text} NOT NULL DEFAULT '',
        UNIQUE (query_id, phase)
    )
    """,
    "CREATE INDEX IF NOT EXISTS audit_by_principal ON audit_record (principal, seq)",
    """
    CREATE INDEX IF NOT EXISTS audit_started ON audit_record (time) WHERE phase = 'started'
    """,
    """
    CREATE TABLE IF NOT EXISTS audit_table (
        name {text} NOT NULL,
        seq BIGINT NOT NULL REFERENCES audit_record (seq),
        PRIMARY KEY (name, seq)
    ) {narrow}
    """,
    """
    CREATE TABLE IF NOT EXISTS active_decision (
        query_id {text} PRIMARY KEY,
        principal {text} NOT NULL,
        expires BIGINT NOT NULL,
        body {text} NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS active_by_principal ON active_decision (principal)",
    """
    CREATE TABLE IF NOT EXISTS open_statement (
        query_id {text} PRIMARY KEY,
        principal {text} NOT NULL,
        actor {text} NOT NULL,
        cluster {text} NOT NULL,
        handle {text} NOT NULL,
        opened BIGINT NOT NULL,
        deadline BIGINT NOT NULL,
        touched BIGINT NOT NULL,
        ended BIGINT,
        ended_by {text} NOT NULL DEFAULT ''
    )
    """,
    "CREATE TABLE IF NOT EXISTS poll_key (place BIGINT PRIMARY KEY, key {text} NOT NULL UNIQUE)",
)

TO_VERSION_2 = "ALTER TABLE audit_record ADD COLUMN writer TEXT NOT NULL DEFAULT ''"
"""Before the tables above, where a SQLite store of version 1 is found."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tables(words: Mapping[str, str]) -> tuple[str, ...]:
    """Every statement that makes the tables, in one database's words."""
    return tuple(text.format(**words) for text in _TABLES)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """The instant of so many microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)
