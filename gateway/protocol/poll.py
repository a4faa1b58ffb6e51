"""Sealed continuation: the URI a client polls, bound to its query, page and principal."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LIFETIME_SECONDS = 24 * 3600
MAX_SLUG = 1500
PHASES = ("queued", "executing", "partialCancel")
_PREFIX = "g1."
_ID_BYTES, _NONCE_BYTES, _KEY_BYTES = 4, 12, 32


class UnknownPollError(Exception):
    """Forged, expired, unknown or someone else's: all answered alike, with 404."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a sealed URI says. ``token`` numbers the page; ``credential`` is a keyed hash."""

    query_id: str
    phase: str
    token: int
    subject: str
    actor: str
    credential: str = ""
    decision_id: str = ""
    restricted: bool = False
    expires: int = 0


class PollKeys:
    """Keys of sealed URIs: the first seals, all open. Kept in the state directory."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError("sealing needs at least one key of 32 bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self.first = _key_id(keys[0])
        self._credentials = hashlib.sha256(b"credential" + keys[-1]).digest()

    @classmethod
    def load(cls, path: Path) -> PollKeys:
        """Read the key file (one hexadecimal key a line, newest first), or make one."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        lines = path.read_text(encoding="ascii").split()
        return cls(tuple(bytes.fromhex(line) for line in lines))

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
        fields = {
            "u": poll.subject,
            "a": poll.actor,
            "k": poll.credential,
            "d": poll.decision_id,
            "g": poll.restricted,
            "x": int(self._clock()) + LIFETIME_SECONDS,
        }
        cipher = self._keys.cipher(self._keys.first)
        if cipher is None:
            raise UnknownPollError
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = cipher.encrypt(
            nonce, orjson.dumps(fields), _bound(poll.phase, poll.query_id, poll.token)
        )
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
            fields = orjson.loads(cipher.decrypt(nonce, raw[_ID_BYTES + _NONCE_BYTES :], bound))
        except (InvalidTag, ValueError):
            raise UnknownPollError from None
        if fields["x"] < self._clock():
            raise UnknownPollError
        return Poll(
            query_id, phase, int(token), fields["u"], fields["a"], fields["k"], fields["d"],
            fields["g"], fields["x"],
        )  # fmt: skip


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
