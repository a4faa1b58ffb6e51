"""Names of key rows on Trino, and of the functions of the embedded engine."""

from __future__ import annotations

import hashlib

SHAPES = ("text", "short", "email", "i63", "i53", "hash")
"""Token shapes, and ``hash`` for the keyed-hash mask (64 hex digits)."""

KEY_CATALOG, KEY_SCHEMA, KEY_TABLE = "gov", "gw", "keys"
"""Where Trino reads keys: columns ``id``, ``k``, ``fp``. The catalog's name is reserved."""

_PREFIX = "mg_"
_HEX_DIGITS = 24


def udf_name(domain: str, version: int, shape: str) -> str:
    """Name the function of one (token domain, key version, shape).

    The name is deterministic, so governed text has one form and can be verified;
    it tells nothing about the key.
    """
    digest = hashlib.sha256(f"{domain}|{version}|{shape}".encode()).hexdigest()
    return _PREFIX + digest[:_HEX_DIGITS]


def key_id(domain: str, version: int, use: str = "token") -> str:
    """Name the row of one key: ``member:v1``, for keyed hashes ``member:v1:hash``."""
    row = f"{domain}:v{version}"
    return row if use == "token" else f"{row}:{use}"
