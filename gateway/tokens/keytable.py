"""The table Trino reads token keys from, in PostgreSQL: rows bound, never written into SQL text.

Trino sees it as ``gov.gw.keys`` through its PostgreSQL connector. A key is destroyed by deleting
its row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import psycopg

from gateway.catalog.model import CatalogSnapshot
from gateway.tokens.keys import KeyRing
from gateway.tokens.names import key_id
from gateway.tokens.selftest import KAT, known_keys

_CONNECT_SECONDS = 10
_STATEMENT_MS = 30_000
_SCHEMA = "CREATE SCHEMA IF NOT EXISTS gw"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS gw.keys "
    "(id varchar(64) PRIMARY KEY, k varchar(64) NOT NULL, fp varchar(12) NOT NULL)"
)


class KeyTableError(Exception):
    """The key table cannot be used; the text names the setting or SQLSTATE, never a key."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key as Trino reads it: ``secret`` are the 64 hex digits that key the HMAC."""

    id: str
    secret: str = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Synced:
    """What a synchronisation did. ``differing`` rows hold another key and were left alone."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    present: int = 0


def rows_of(ring: KeyRing) -> tuple[KeyRow, ...]:
    """All rows Trino needs: the usable keys of a ring, and the public ones of the self-test."""
    keys = [(key_id(key.domain, key.version, key.use), key) for key in ring.keys]
    keys += [(KAT + key_id(*at), key) for at, (_, key, _) in known_keys().items()]
    return tuple(KeyRow(name, key.secret.decode("ascii"), key.fingerprint) for name, key in keys)


def ids_of(snapshot: CatalogSnapshot) -> frozenset[str]:
    """Every row id that may exist: keys not retired, whether or not their secret can be read."""
    live = {
        key_id(domain.name, version.v, use)
        for domain in snapshot.token_domains.values()
        for version in domain.versions
        if version.state != "retired"
        for use in ("token", "hash")
    }
    return frozenset(live | {KAT + key_id(*at) for at in known_keys()})


def sync(url: str, rows: Iterable[KeyRow], keep: Collection[str] | None = None) -> Synced:
    """Add the rows that are missing, in one transaction; make the table first if need be.

    Args:
        url: ``postgresql://…`` of a role that may write the table.
        rows: what Trino needs.
        keep: if given, rows of any other id are deleted: their keys are retired.

    Raises:
        KeyTableError: not reachable, refused, or not a table with these columns.

    """
    try:
        with _connect(url) as connection, connection.cursor() as cursor:
            held = _held(cursor)
            return _synced(cursor, held, tuple(rows), keep)
    except psycopg.Error as error:
        raise KeyTableError(_told(error)) from None


def _synced(
    cursor: psycopg.Cursor[tuple[str, str]],
    held: Mapping[str, str],
    rows: tuple[KeyRow, ...],
    keep: Collection[str] | None,
) -> Synced:
    missing = [row for row in rows if row.id not in held]
    for row in missing:
        cursor.execute(
            "INSERT INTO gw.keys (id, k, fp) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING",
            (row.id, row.secret, row.fingerprint),
        )
    gone = sorted(set(held) - set(keep)) if keep is not None else []
    if gone:
        cursor.execute("DELETE FROM gw.keys WHERE id = ANY(%s)", (gone,))
    differing = tuple(row.id for row in rows if held.get(row.id, row.secret) != row.secret)
    added = tuple(row.id for row in missing)
    return Synced(added, tuple(gone), differing, len(held) + len(added) - len(gone))


def _held(cursor: psycopg.Cursor[tuple[str, str]]) -> Mapping[str, str]:
    """Make the table if it is not there; return id → key, none twice."""
    cursor.execute("SELECT to_regclass('gw.keys')::text, ''")
    found = cursor.fetchone()
    if found is None or found[0] is None:
        cursor.execute(_SCHEMA)
        cursor.execute(_TABLE)
    cursor.execute("SELECT id, k FROM gw.keys")
    rows = cursor.fetchall()
    if len({name for name, _ in rows}) != len(rows):
        raise KeyTableError("gw.keys holds an id twice: it needs PRIMARY KEY (id)")
    return MappingProxyType(dict(rows))


def _connect(url: str) -> psycopg.Connection[tuple[str, str]]:
    try:
        return psycopg.connect(
            url,
            connect_timeout=_CONNECT_SECONDS,
            options=f"-c statement_timeout={_STATEMENT_MS}",
            application_name="meshgate-keys",
        )
    except psycopg.ProgrammingError:
        # Its text would quote the address, password included.
        raise KeyTableError(
            "MESHGATE_TRINO__KEY_DATABASE_URL is no address such as postgresql://user@host/keys"
        ) from None


def _told(error: psycopg.Error) -> str:
    """Name the failure by its SQLSTATE: PostgreSQL's details may quote a row."""
    if error.sqlstate is None:
        return "PostgreSQL at MESHGATE_TRINO__KEY_DATABASE_URL cannot be reached"
    return f"PostgreSQL refused the key table (SQLSTATE {error.sqlstate})"
