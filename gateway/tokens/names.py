"""Names of the functions that compute tokens inside the embedded engine."""

from __future__ import annotations

import hashlib

SHAPES = ("text", "short", "email", "i63", "i53", "hash")
"""Token shapes, and ``hash`` for the keyed-hash mask (64 hex digits)."""

_PREFIX = "mg_"
_HEX_DIGITS = 24


def udf_name(domain: str, version: int, shape: str) -> str:
    """Name the function of one (token domain, key version, shape).

    The name is deterministic, so governed text has one form and can be verified;
    it tells nothing about the key.
    """
    digest = hashlib.sha256(f"{domain}|{version}|{shape}".encode()).hexdigest()
    return _PREFIX + digest[:_HEX_DIGITS]
