"""The demo's token keys: made on this machine, never checked in."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

KEYS = ("member:1", "ssn:1")
_FILE = "keys.json"
_OWNER_READS = 0o400
_BYTES = 32


def ensure_keys(data_dir: Path) -> Path:
    """Give the key file (32 random bytes each, as hex); make it if it is not there yet."""
    path = data_dir / _FILE
    if path.exists():
        return path
    document = {name: secrets.token_hex(_BYTES) for name in KEYS}
    # Complete before it has its name, and never readable by others.
    temporary = data_dir / f".{_FILE}.{os.getpid()}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS)
    with os.fdopen(handle, "w") as file:
        json.dump(document, file)
    temporary.replace(path)
    return path
