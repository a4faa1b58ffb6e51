"""Opens the state of one gateway: beside it in SQLite, or shared in PostgreSQL."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from gateway.audit.store import AuditStore
from gateway.settings import Settings
from gateway.state import pollkeys
from gateway.state.connection import PostgresConnection
from gateway.state.decisions import StoredDecisions
from gateway.state.statements import OpenStatements
from gateway.state.store import Store

_AUDIT, _POLL_KEYS, _INSTANCE = "audit.db", "poll.keys", "instance.id"


class StateError(ValueError):
    """The state cannot be opened; the text names what to mend, never the database's URL."""


@dataclass(frozen=True, slots=True)
class State:
    """What survives a restart, and what other gateways must know.

    ``poll_keys`` seal the addresses clients poll: newest first, at least one.
    """

    audit: AuditStore
    active: StoredDecisions
    statements: OpenStatements
    poll_keys: tuple[bytes, ...]
    close: Callable[[], None]


def open_state(settings: Settings) -> State:
    """Open the state the settings name, made where it is missing.

    Raises:
        StateError, PollKeyError: the database cannot be used, or not with the other gateways.
        OSError: the state directory cannot be used.

    """
    directory = settings.state.directory
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.state.database_url is None:
        store, keys = _own(directory)
    else:
        store, keys = _shared(settings.state.database_url.get_secret_value(), directory)
    return State(
        AuditStore(store, _instance(directory / _INSTANCE)),
        StoredDecisions(store),
        OpenStatements(store, keys),
        keys,
        store.close,
    )


def _own(directory: Path) -> tuple[Store, tuple[bytes, ...]]:
    path = directory / _AUDIT
    try:
        return Store.sqlite(path), pollkeys.from_file(directory / _POLL_KEYS)
    except sqlite3.Error as error:
        raise StateError(
            f"{path} cannot be used as the gateway's state ({error}); mend it, or set "
            "MESHGATE_STATE__DIRECTORY to another folder"
        ) from None


def _shared(url: str, directory: Path) -> tuple[Store, tuple[bytes, ...]]:
    try:
        connection = PostgresConnection(url)
        try:
            keys = pollkeys.shared(connection, directory / _POLL_KEYS)
        finally:
            connection.close()
        return Store.postgres(url), keys
    except psycopg.Error as error:
        # The driver's own text may quote the URL, and with it a password.
        raise StateError(
            f"MESHGATE_STATE__DATABASE_URL: PostgreSQL cannot be used ({type(error).__name__}); "
            "check that it runs, that the URL is right and that its user may create tables"
        ) from None


def _instance(path: Path) -> str:
    """Return the name of the gateway that keeps its state here."""
    if not path.exists():
        path.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()
