"""Keys of sealed addresses, the same list for every gateway: the first seals, all open."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from gateway.state.connection import Connection

KEY_BYTES = 32
_FILED = "file:"
_ADD = "INSERT INTO poll_key (place, key) VALUES (1, :key) ON CONFLICT (place) DO NOTHING"
_LIST = "SELECT key FROM poll_key ORDER BY place DESC"


class PollKeyError(ValueError):
    """Gateways of one deployment would seal with different keys; the text says what to do."""


def from_file(path: Path) -> tuple[bytes, ...]:
    """Read a key file (one hexadecimal key a line, newest first), made where it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    return tuple(bytes.fromhex(line) for line in path.read_text(encoding="ascii").split())


def shared(connection: Connection, path: Path) -> tuple[bytes, ...]:
    """Return the keys of every gateway on one database.

    Where each gateway is given the same file at ``path``, that is used, and the table holds no
    more than a fingerprint. Else the table holds the key, which the first gateway ever makes.

    Raises:
        PollKeyError: the table tells of other keys.

    """
    keys = from_file(path) if path.exists() else ()
    own = _FILED + _fingerprint(keys[-1]) if keys else secrets.token_hex(KEY_BYTES)
    with connection.transaction():
        connection.execute(_ADD, {"key": own})
    found = [key for (key,) in connection.rows(_LIST)]
    if not keys:
        if any(key.startswith(_FILED) for key in found):
            raise PollKeyError(f"the other gateways have a key file: copy it to {path}")
        return tuple(bytes.fromhex(key) for key in found)
    if not {_FILED + _fingerprint(key) for key in keys} & set(found):
        raise PollKeyError(
            f"the other gateways seal with other keys than {path}: give each the same file, or "
            "none; if all have it, delete the rows of the table poll_key"
        )
    return keys


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"poll key" + key).hexdigest()[:16]
