"""Open statements: what runs on a cluster, for whichever gateway sees it abandoned first."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.relayed import Handle
from gateway.state.connection import Connection, Later
from gateway.state.schema import micros, moment
from gateway.state.store import Change, Store

_WRITE_EVERY = timedelta(seconds=15)
_FORGET_AFTER = timedelta(hours=1)
_NONCE_BYTES = 12
_OPEN = """
INSERT INTO open_statement
    (query_id, principal, actor, cluster, handle, opened, deadline, touched)
VALUES (:query_id, :principal, :actor, :cluster, :handle, :opened, :deadline, :touched)
ON CONFLICT (query_id) DO NOTHING
"""
_TOUCH = """
UPDATE open_statement SET touched = :touched, handle = :handle, cluster = :cluster
WHERE query_id = :query_id AND ended IS NULL AND touched < :touched
"""
_TOUCH_ALONE = """
UPDATE open_statement SET touched = :touched
WHERE query_id = :query_id AND ended IS NULL AND touched < :touched
"""
# Who ended it is part of the condition, so that a commit whose answer was lost finds the same.
_END = """
UPDATE open_statement SET ended = :now, ended_by = :by
WHERE query_id = :query_id AND (ended IS NULL OR ended_by = :by)
"""
_TAKE = """
UPDATE open_statement SET ended = :now, ended_by = :by
WHERE query_id = :query_id AND ((ended IS NULL AND touched = :touched) OR ended_by = :by)
RETURNING query_id
"""
_PURGE = "DELETE FROM open_statement WHERE ended < :before"
_COLUMNS = "query_id, principal, actor, handle, opened, deadline, touched"
_FIND = f"SELECT {_COLUMNS} FROM open_statement WHERE query_id = :query_id AND ended IS NULL"  # noqa: S608 - constants
_IDLE = f"""
SELECT {_COLUMNS} FROM open_statement
WHERE ended IS NULL AND (touched < :before OR deadline < :now) ORDER BY touched
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class OpenStatement:
    """One statement from its admission until its end.

    ``handle`` is where it last stood, as far as it was written down; None before the cluster
    answered. ``touched`` is when a client last asked for it.
    """

    query_id: str
    principal: str
    actor: str
    handle: Handle | None
    opened: datetime
    deadline: datetime
    touched: datetime | None = None


@dataclass(slots=True)
class _Touch:
    """What is not written down yet; ``written`` is when it last was."""

    at: datetime
    handle: Handle | None
    written: datetime


class OpenStatements:
    """The open statements of all gateways of one deployment.

    ``keys`` are those of sealed addresses: handles stand encrypted in the table, because who
    knows one can read the statement's pages on the cluster.
    """

    def __init__(
        self,
        store: Store,
        keys: tuple[bytes, ...],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._now = now
        self._ciphers = tuple(AESGCM(hashlib.sha256(b"open statement" + k).digest()) for k in keys)
        self._touches: dict[str, _Touch] = {}

    async def open(self, statement: OpenStatement) -> None:
        """Write a statement down; durable when it returns.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE.

        """
        await self._store.write(self.opening(statement))

    def opening(self, statement: OpenStatement) -> Change[Any]:
        """Return the change ``open`` makes, to be committed with others."""
        touched = statement.touched or statement.opened
        values = {
            "query_id": statement.query_id,
            "principal": statement.principal,
            "actor": statement.actor,
            "opened": micros(statement.opened),
            "deadline": micros(statement.deadline),
            "touched": micros(touched),
            **self._placed(statement.query_id, statement.handle),
        }
        return Change(
            lambda database: database.execute(_OPEN, values),
            lambda: self._touches.update(
                {statement.query_id: _Touch(touched, statement.handle, touched)}
            ),
        )

    def touch(self, query_id: str, handle: Handle | None = None) -> None:
        """Note that a client asked, and where the statement stands; written with ``idle``."""
        now = self._now()
        known = self._touches.get(query_id)
        if known is None:
            self._touches[query_id] = _Touch(now, handle, now - _WRITE_EVERY)
        else:
            known.at, known.handle = now, handle or known.handle

    async def end(self, query_id: str) -> bool:
        """End a statement; True for the one caller that did.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE.

        """
        ended: Later = await self._store.write(self.ending(query_id))
        return bool(ended())

    def ending(self, query_id: str) -> Change[Any]:
        """Return the change ``end`` makes, to be committed with others."""
        self._touches.pop(query_id, None)
        values = self._ended_now(query_id)
        return Change(lambda database: database.execute(_END, values))

    async def take(self, statement: OpenStatement) -> bool:
        """End a statement found idle, unless somebody touched or ended it since.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE.

        """
        return await self._store.write(self.taking(statement))

    def taking(self, statement: OpenStatement) -> Change[bool]:
        """Return the change ``take`` makes; its answer tells whether this caller ended it."""
        touched = statement.touched or statement.opened
        values = {**self._ended_now(statement.query_id), "touched": micros(touched)}
        return Change(lambda database: bool(database.rows(_TAKE, values)))

    async def find(self, query_id: str) -> OpenStatement | None:
        """Return a statement that has not ended; its handle may be some pages old.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE.

        """
        values = {"query_id": query_id}
        rows = await self._store.read(lambda database: database.rows(_FIND, values))
        return self._statement(rows[0]) if rows else None

    async def idle(self, seconds: float) -> tuple[OpenStatement, ...]:
        """Every gateway's statements that nobody asked for in so long, or past their deadline.

        Raises:
            MeshgateError: CONFIGURATION_UNAVAILABLE.

        """
        now = self._now()
        await self._write_touches(now, min(_WRITE_EVERY, timedelta(seconds=seconds / 4)))
        values = {"now": micros(now), "before": micros(now - timedelta(seconds=seconds))}
        rows = await self._store.read(lambda database: database.rows(_IDLE, values))
        return tuple(self._statement(row) for row in rows)

    async def _write_touches(self, now: datetime, every: timedelta) -> None:
        """Write down what is newer than the table by some seconds, and clear both of old rows."""
        due = {
            query_id: touch
            for query_id, touch in self._touches.items()
            if touch.at > touch.written and now - touch.written >= every
        }
        values = [self._touched(query_id, touch) for query_id, touch in due.items()]
        before = micros(now - _FORGET_AFTER)

        def run(database: Connection) -> None:
            for sql, row in values:
                database.execute(sql, row)
            database.execute(_PURGE, {"before": before})

        await self._store.write(Change(run))
        for touch in due.values():
            touch.written = touch.at
        for query_id, touch in list(self._touches.items()):
            if now - touch.at > _FORGET_AFTER:
                del self._touches[query_id]

    def _touched(self, query_id: str, touch: _Touch) -> tuple[str, dict[str, object]]:
        values = {"query_id": query_id, "touched": micros(touch.at)}
        if touch.handle is None:
            return _TOUCH_ALONE, values
        return _TOUCH, {**values, **self._placed(query_id, touch.handle)}

    def _ended_now(self, query_id: str) -> dict[str, object]:
        return {"query_id": query_id, "now": micros(self._now()), "by": secrets.token_hex(8)}

    def _placed(self, query_id: str, handle: Handle | None) -> dict[str, object]:
        if handle is None:
            return {"cluster": "", "handle": ""}
        nonce = secrets.token_bytes(_NONCE_BYTES)
        text = orjson.dumps(asdict(handle))
        sealed = nonce + self._ciphers[0].encrypt(nonce, text, query_id.encode())
        return {"cluster": handle.cluster, "handle": base64.b64encode(sealed).decode()}

    def _handle(self, query_id: str, sealed: str) -> Handle | None:
        """Return a handle, or None where no key of ours opens it: the cluster ends it then."""
        raw = base64.b64decode(sealed)
        for cipher in self._ciphers:
            try:
                text = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], query_id.encode())
            except (InvalidTag, ValueError):
                continue
            return Handle(**orjson.loads(text))
        return None

    def _statement(self, row: tuple[Any, ...]) -> OpenStatement:
        query_id, principal, actor, sealed, opened, deadline, touched = row
        known = self._touches.get(query_id)
        handle = self._handle(query_id, sealed)
        statement = OpenStatement(
            *(query_id, principal, actor, handle),
            *(moment(opened), moment(deadline), moment(touched)),
        )
        if known is not None and known.handle is not None and known.at >= moment(touched):
            statement = replace(statement, handle=known.handle)
        return statement
