"""One database connection, the same for SQLite and PostgreSQL. Each is used by one thread."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import psycopg

from gateway.state import schema

Values = Mapping[str, object]
_NONE: Values = MappingProxyType({})
_CONNECT_SECONDS = 3
_STATEMENT_MILLIS = 8000
_NAME = re.compile(r"(?<!:):([a-z_]+)")
_ADVISORY = 0x4D47_5354
"""Gateways that start at once make the tables one after the other."""


Later = Callable[[], int]
"""How many rows a statement changed: to be asked after the transaction, not within it."""


class Connection(Protocol):
    """SQL with ``:named`` values. Errors come as the driver raises them."""

    def execute(self, sql: str, values: Values = _NONE) -> Later:
        """Run a statement without rows; inside a transaction its error may come later."""
        ...

    def rows(self, sql: str, values: Values = _NONE) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """One durable transaction: left without an error, it is on disk."""
        ...

    def close(self) -> None:
        """Close; never raises."""
        ...

    def cut(self) -> None:
        """From another thread: end a wait for the server, with an error. Never raises."""
        ...


class SqliteConnection:
    """A connection to one file; makes its tables unless read-only."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
        mode = "ro" if read_only else "rw"
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=5
        )
        try:
            self._prepare(read_only=read_only)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        found = int(self.rows("PRAGMA user_version")[0][0])
        if found > schema.VERSION:
            raise sqlite3.DatabaseError(f"state of version {found}; this is {schema.VERSION}")
        if read_only:
            return
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = FULL")
        if found == schema.VERSION:
            return
        with self.transaction():
            if found == 1:
                self.execute(schema.TO_VERSION_2)
            for statement in schema.tables(schema.SQLITE):
                self.execute(statement)
            self.execute(f"PRAGMA user_version = {schema.VERSION}")

    def execute(self, sql: str, values: Values = _NONE) -> Later:
        """Run a statement without rows."""
        changed = self._connection.execute(sql, dict(values)).rowcount
        return lambda: changed

    def rows(self, sql: str, values: Values = _NONE) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        return self._connection.execute(sql, dict(values)).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, synced to disk at its end."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close; never raises."""
        self._connection.close()

    def cut(self) -> None:
        """Do nothing: SQLite waits for locks alone, and not for long."""


class PostgresConnection:
    """A connection to a PostgreSQL database; makes its tables unless read-only."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            tcp_user_timeout=_STATEMENT_MILLIS,
            application_name="meshgate",
        )
        try:
            self._prepare(read_only=read_only)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        self.execute(f"SET statement_timeout = {_STATEMENT_MILLIS}")
        if self.rows("SHOW synchronous_commit") == [("off",)]:
            self.execute("SET synchronous_commit = on")
        found = self._version()
        if found > schema.VERSION:
            raise psycopg.DataError(f"state of version {found}; this is {schema.VERSION}")
        if not read_only and found < schema.VERSION:
            self._make_tables()
        if read_only:
            self.execute("SET default_transaction_read_only = on")

    def _version(self) -> int:
        if self.rows("SELECT to_regclass('state_version')") == [(None,)]:
            return 0
        return int(self.rows("SELECT coalesce(max(version), 0) FROM state_version")[0][0])

    def _make_tables(self) -> None:
        with self._connection.transaction():
            self.execute(f"SELECT pg_advisory_xact_lock({_ADVISORY})")
            for statement in schema.tables(schema.POSTGRES):
                self.execute(statement)
            self.execute("CREATE TABLE IF NOT EXISTS state_version (version INTEGER PRIMARY KEY)")
            self.execute(
                "INSERT INTO state_version VALUES (:version) ON CONFLICT DO NOTHING",
                {"version": schema.VERSION},
            )

    def execute(self, sql: str, values: Values = _NONE) -> Later:
        """Run a statement without rows; inside a transaction nothing waits for its answer."""
        cursor = self._connection.execute(_percent(sql).encode(), values or None)
        return lambda: cursor.rowcount

    def rows(self, sql: str, values: Values = _NONE) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        return self._connection.execute(_percent(sql).encode(), values or None).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; its statements share round trips."""
        try:
            with self._connection.pipeline():
                self._connection.execute("BEGIN")
                yield
                ended = self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        # COMMIT of a failed transaction answers ROLLBACK and no error
        if ended.statusmessage != "COMMIT":
            raise psycopg.OperationalError("the transaction was not committed")

    def _roll_back(self) -> None:
        status = self._connection.info.transaction_status
        if status in {psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR}:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close; never raises."""
        self._connection.close()

    def cut(self) -> None:
        """Shut the socket down; who waits on it gets an OperationalError."""
        with contextlib.suppress(OSError, psycopg.Error):
            line = socket.socket(fileno=os.dup(self._connection.fileno()))
            try:
                line.shutdown(socket.SHUT_RDWR)
            finally:
                line.close()


@lru_cache(maxsize=256)
def _percent(sql: str) -> str:
    """``:name`` in psycopg's words."""
    return _NAME.sub(r"%(\1)s", sql)


def is_outage(error: Exception) -> bool:
    """Whether the store failed, not what it was asked to do."""
    return isinstance(
        error, (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError, OSError)
    )
