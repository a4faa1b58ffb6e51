"""Keys of sealed addresses, the same list for every gateway: the first seals, all open."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gateway.state.connection import Connection

KEY_BYTES = 32
_ADD = "INSERT INTO poll_key (place, key) VALUES (1, :key) ON CONFLICT (place) DO NOTHING"
_LIST = "SELECT key FROM poll_key ORDER BY place DESC"


def from_file(path: Path) -> tuple[bytes, ...]:
    """Read a key file (one hexadecimal key a line, newest first), made where it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    return tuple(bytes.fromhex(line) for line in path.read_text(encoding="ascii").split())


def from_table(connection: Connection) -> tuple[bytes, ...]:
    """Read the shared keys, newest first; the first gateway ever makes one."""
    with connection.transaction():
        connection.execute(_ADD, {"key": secrets.token_hex(KEY_BYTES)})
    return tuple(bytes.fromhex(key) for (key,) in connection.rows(_LIST))
