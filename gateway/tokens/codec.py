"""HT1: keyed tokens of canonical values. Pure functions over bytes and text.

A domain key (32 random bytes per domain and version) yields one token key by HKDF; a
token is HMAC-SHA-256 of the canonical value's UTF-8 bytes under it, rendered in one of
five shapes. The same bytes come out of Python, DuckDB and Trino.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType

KEY_BYTES = 32
_SALT = b"fedgw/ht1"
FINGERPRINT_MESSAGE = "meshgate/ht1/fingerprint"
_FINGERPRINT_DIGITS = 12
_BLOCK = 64
_MASKS = {"i63": 2**63 - 1, "i53": 2**53 - 1}

CanonicalInput = str | int | Decimal | date


def derive_key(domain_key: bytes, domain: str, version: int, use: str = "token") -> bytes:
    """Return the 64 ASCII hex digits that key the HMAC.

    ``use`` separates sub-keys: ``token`` for tokens, ``hash`` for the keyed-hash mask.
    Raises ValueError unless ``domain_key`` has 32 bytes.
    """
    if len(domain_key) != KEY_BYTES:
        raise ValueError("a domain key has exactly 32 bytes")
    pseudorandom = hmac.digest(_SALT, domain_key, "sha256")
    info = f"{use}|{domain}|v{version}".encode("ascii")
    return hmac.digest(pseudorandom, info + b"\x01", "sha256").hex().encode("ascii")


def fingerprint(key: bytes) -> str:
    """Name a derived key without telling it: 12 hex digits."""
    return hmac.new(key, FINGERPRINT_MESSAGE.encode(), "sha256").hexdigest()[:_FINGERPRINT_DIGITS]


class Mac:
    """HMAC-SHA-256 with the key absorbed once; a copy of both states answers each value."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")
        if len(padded) != _BLOCK:
            raise ValueError("a key fits one hash block")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, message: bytes) -> bytes:
        """Return the 32 bytes of the MAC."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return "Mac()"


def render(mac: bytes, shape: str, code: str, version: int) -> str | int:
    """Print a MAC as a token: text for ``text short email hash``, a number for ``i63 i53``."""
    if shape in _MASKS:
        return int.from_bytes(mac[:8], "big") & _MASKS[shape]
    return _TEXTS[shape](mac, f"{code}{version}")


def _text(mac: bytes, label: str) -> str:
    return f"{label}_{base64.b32encode(mac[:15]).decode('ascii')}"


def _short(mac: bytes, label: str) -> str:
    return f"{label}_{base64.b32encode(mac[:10]).decode('ascii')}"


def _email(mac: bytes, label: str) -> str:
    return f"{base64.b32encode(mac[:10]).decode('ascii').lower()}@{label}.invalid"


def _hash(mac: bytes, _: str) -> str:
    return mac.hex()


_TEXTS: Mapping[str, Callable[[bytes, str], str]] = MappingProxyType(
    {"text": _text, "short": _short, "email": _email, "hash": _hash}
)

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_TO_UPPER = str.maketrans(_LOWER, _LOWER.upper())
_TO_LOWER = str.maketrans(_LOWER.upper(), _LOWER)


def _digits(value: CanonicalInput) -> str:
    return re.sub("[^0-9]", "", str(value))


def _upper_alnum(value: CanonicalInput) -> str:
    return re.sub("[^0-9A-Za-z]", "", str(value)).translate(_TO_UPPER)


def _email_address(value: CanonicalInput) -> str:
    return re.sub("[ \t\r\n]", "", str(value)).translate(_TO_LOWER)


def _integer(value: CanonicalInput) -> str:
    number = Decimal(str(value))
    if number != number.to_integral_value():
        raise ValueError("canonicalizer int takes whole numbers")
    return str(int(number))


def _date(value: CanonicalInput) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


CANONICALIZERS: Mapping[str, Callable[[CanonicalInput], str]] = MappingProxyType(
    {
        "raw": str,
        "digits": _digits,
        "upper_alnum": _upper_alnum,
        "email": _email_address,
        "int": _integer,
        "date": _date,
    }
)
"""Only ASCII is ever folded: engines disagree on everything else."""


def canonical(
    value: CanonicalInput | None, canonicalizer: str, null_values: Collection[str] = ()
) -> str | None:
    """Canonicalize; NULL, the empty text and sentinels become None.

    Otherwise all missing values would share one token and join.
    """
    if value is None:
        return None
    text = CANONICALIZERS[canonicalizer](value)
    return None if text == "" or text in null_values else text


def token(
    mac: Mac,
    value: CanonicalInput | None,
    *,
    canonicalizer: str,
    null_values: Collection[str],
    shape: str,
    code: str,
    version: int,
) -> str | int | None:
    """Token of one stored value, None for what counts as missing."""
    text = canonical(value, canonicalizer, null_values)
    if text is None:
        return None
    return render(mac.digest(text.encode()), shape, code, version)
