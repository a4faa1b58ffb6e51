"""Sealed continuation: the URI a client polls, bound to its query, page and principal."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import astuple, dataclass
from time import time
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.relayed import Handle

LIFETIME_SECONDS = 24 * 3600
MAX_SLUG = 1500
PHASES = ("queued", "executing", "partialCancel")
_PREFIX = "g1."
_VERSION = 3
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES, _KEY_BYTES = 4, 12, 16, 32
_GROWTH = 48
"""Bytes by which the counters and numbers of a statement's addresses may still grow."""


class UnknownPollError(Exception):
    """Forged, expired, unknown or someone else's: all answered alike, with 404."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where a statement stands on a cluster: all another gateway needs to go on.

    ``opened`` and ``deadline`` are Unix seconds; ``rows`` and ``data_bytes`` were delivered
    before this page; ``notes`` is the packed list of ``notes.pack``. An answer of more than
    ``most_rows`` fails; 0 where nothing says how many it may have.
    """

    handle: Handle
    opened: float
    deadline: float
    rows: int = 0
    data_bytes: int = 0
    notes: bytes = b""
    most_rows: int = 0


@dataclass(frozen=True, slots=True)
class Poll:
    """What a sealed URI says. ``token`` numbers the page; ``credential`` is a keyed hash.

    ``relay`` is set for statements of a cluster; others live in the process that took them.
    """

    query_id: str
    phase: str
    token: int
    subject: str
    actor: str
    credential: str = ""
    decision_id: str = ""
    restricted: bool = False
    expires: int = 0
    relay: Relay | None = None


class PollKeys:
    """Keys of sealed URIs: the first seals, all open."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError("sealing needs at least one key of 32 bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self.first = _key_id(keys[0])
        self._credentials = hashlib.sha256(b"credential" + keys[-1]).digest()

    def cipher(self, key_id: bytes) -> AESGCM | None:
        """The cipher of a key id, if it is ours."""
        return self._ciphers.get(key_id)

    def credential(self, authorization: str | None) -> str:
        """A keyed hash of a credential as presented; empty for none."""
        if not authorization:
            return ""
        text = authorization.encode("utf-8", "surrogateescape")
        return hmac.new(self._credentials, text, hashlib.sha256).hexdigest()[:32]


class Sealer:
    """Makes and reads poll paths: ``/v1/statement/{phase}/{query id}/{slug}/{token}``."""

    def __init__(self, keys: PollKeys, clock: Callable[[], float] = time) -> None:
        self._keys = keys
        self._clock = clock

    def path(self, poll: Poll) -> str:
        """The sealed path; its lifetime starts anew."""
        cipher = self._keys.cipher(self._keys.first)
        if cipher is None:
            raise UnknownPollError
        nonce = secrets.token_bytes(_NONCE_BYTES)
        fields = _packed(poll, int(self._clock()) + LIFETIME_SECONDS)
        sealed = cipher.encrypt(nonce, fields, _bound(poll.phase, poll.query_id, poll.token))
        slug = _PREFIX + base64.urlsafe_b64encode(self._keys.first + nonce + sealed).decode()
        slug = slug.rstrip("=")
        if len(slug) > MAX_SLUG:
            raise ValueError("the sealed address would be too long")
        return f"/v1/statement/{poll.phase}/{poll.query_id}/{slug}/{poll.token}"

    def open(self, phase: str, query_id: str, slug: str, token: str) -> Poll:
        """Read a sealed path; raises UnknownPollError on anything but one of ours, in time."""
        if phase not in PHASES or not slug.startswith(_PREFIX) or len(slug) > MAX_SLUG:
            raise UnknownPollError
        if not (token.isascii() and token.isdigit() and len(token) < 12):  # noqa: PLR2004 - enough
            raise UnknownPollError
        raw = _decode(slug.removeprefix(_PREFIX))
        cipher = self._keys.cipher(raw[:_ID_BYTES])
        nonce = raw[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
        if cipher is None or len(nonce) != _NONCE_BYTES:
            raise UnknownPollError
        try:
            bound = _bound(phase, query_id, int(token))
            fields = cipher.decrypt(nonce, raw[_ID_BYTES + _NONCE_BYTES :], bound)
        except (InvalidTag, ValueError):
            raise UnknownPollError from None
        poll = _unpacked(fields, query_id, phase, int(token))
        if poll.expires < self._clock():
            raise UnknownPollError
        return poll


def room(poll: Poll) -> int:
    """How many bytes of notes the addresses of a statement can carry from now to its end."""
    whole = (MAX_SLUG - len(_PREFIX)) * 3 // 4
    taken = _ID_BYTES + _NONCE_BYTES + _TAG_BYTES + len(_packed(poll, LIFETIME_SECONDS))
    return max(0, whole - taken - _GROWTH)


def _packed(poll: Poll, expires: int) -> bytes:
    relay = poll.relay
    fields: list[Any] = [
        _VERSION, poll.subject, poll.actor, poll.credential, poll.decision_id, poll.restricted,
        expires, relay and [astuple(relay.handle), *_counters(relay)],
    ]  # fmt: skip
    return msgspec.msgpack.encode(fields)


def _counters(relay: Relay) -> tuple[float, float, int, int, bytes, int]:
    counted = (relay.rows, relay.data_bytes)
    return relay.opened, relay.deadline, *counted, relay.notes, relay.most_rows


def _unpacked(fields: bytes, query_id: str, phase: str, token: int) -> Poll:
    """Read what ``_packed`` wrote; of another version, it is an address of an unknown past."""
    try:
        version, subject, actor, credential, decision, restricted, expires, relay = (
            msgspec.msgpack.decode(fields, type=list[Any])
        )
        if version != _VERSION:
            raise UnknownPollError
        found = relay and Relay(Handle(*relay[0]), *relay[1:])
    except (msgspec.DecodeError, TypeError, ValueError):
        raise UnknownPollError from None
    return Poll(
        query_id, phase, token, subject, actor, credential, decision, restricted, expires, found
    )


def _decode(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise UnknownPollError from None
    # One spelling only: base64 readers skip signs that are not theirs.
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise UnknownPollError
    return raw


def _bound(phase: str, query_id: str, token: int) -> bytes:
    return f"{phase}/{query_id}/{token}".encode("utf-8", "surrogateescape")


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:_ID_BYTES]
