"""The issuer's public keys: a JWKS from a file or an address, read again with care."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.identity.addresses import is_loopback

_LOG = structlog.get_logger()
PublicKey = RSAPublicKey | EllipticCurvePublicKey
CURVES: Mapping[str, str] = MappingProxyType(
    {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
)
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", *CURVES)
_MIN_RSA_BITS = 2048
_MAX_BYTES = 1 << 20
_FETCH_SECONDS = 5.0
_REFETCH_SECONDS = 30.0
_REFRESH_SECONDS = 600.0
_STALE_SECONDS = 3600.0


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had; nobody can log in by token until they can."""


class Keys(Mapping[str, PublicKey]):
    """Usable keys by their id, and which algorithm each is for, if it says."""

    def __init__(self, found: Mapping[str, tuple[PublicKey, str | None]]) -> None:
        self._found = dict(found)

    def __getitem__(self, key_id: str) -> PublicKey:
        return self._found[key_id][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def fits(self, key_id: str, algorithm: str) -> bool:
        """Whether this key may have made a signature of this algorithm."""
        key, said = self._found[key_id]
        if said not in {None, algorithm}:
            return False
        if isinstance(key, EllipticCurvePublicKey):
            return CURVES.get(algorithm) == key.curve.name
        return algorithm.startswith(("RS", "PS"))


class KeySource(Protocol):
    """Where keys come from."""

    async def keys(self, wanted: str | None) -> Keys:
        """Return the keys now; ``wanted`` is an id that should be among them.

        Raises:
            KeysUnavailableError: there are none that may still be used.

        """
        ...


class KeyFile:
    """A JWKS file, read again when it changes. A broken one leaves no key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._keys = parse_keys(path.read_bytes())

    async def keys(self, wanted: str | None) -> Keys:  # noqa: ARG002 - a file has no more to tell
        """Return the file's keys as they are now."""
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._keys, self._stamp = parse_keys(self._path.read_bytes()), stamp
        except (OSError, ValueError) as error:
            self._stamp = (0, 0, 0)
            raise KeysUnavailableError(type(error).__name__) from None
        return self._keys

    def _stat(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


class KeyAddress:
    """A JWKS at an issuer's address.

    Fetched again every ten minutes, and for an unknown key id at most once in 30 seconds. An
    issuer that does not answer leaves its last keys usable for an hour.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not local:
            raise ValueError("the JWKS address must be https://, or http:// on this machine")
        self._url = url
        self._clock = clock
        self._keys: Keys | None = None
        self._fetched = self._tried = -_STALE_SECONDS
        self._lock = asyncio.Lock()

    async def keys(self, wanted: str | None) -> Keys:
        """Return the issuer's keys, fetched again where that may help."""
        if self._due(wanted):
            async with self._lock:
                if self._due(wanted):  # not fetched while this waited
                    await self._fetch()
        if self._keys is None or self._clock() - self._fetched > _STALE_SECONDS:
            raise KeysUnavailableError("the issuer's keys cannot be read")
        return self._keys

    def _due(self, wanted: str | None) -> bool:
        now = self._clock()
        if now - self._tried < _REFETCH_SECONDS:
            return False
        unknown = self._keys is None or (wanted is not None and wanted not in self._keys)
        return unknown or now - self._fetched > _REFRESH_SECONDS

    async def _fetch(self) -> None:
        """Fetch once; a failure keeps what there is."""
        self._tried = self._clock()
        try:
            self._keys = parse_keys(await self._read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _LOG.warning("login.keys_unread", url=self._url, cause=type(error).__name__)
            return
        self._fetched = self._clock()

    async def _read(self) -> bytes:
        limit = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as session,
            session.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004 - the one good answer
                raise ValueError("the issuer refused")
            content = await answer.content.read(_MAX_BYTES + 1)
            while len(content) <= _MAX_BYTES and (more := await answer.content.read(_MAX_BYTES)):
                content += more
        if len(content) > _MAX_BYTES:
            raise ValueError("the key set is too large")
        return content


def parse_keys(content: bytes) -> Keys:
    """Read a JWKS; keys of other kinds, and ids that occur twice, are left out.

    Raises:
        ValueError: it is not a JWKS.

    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("the key set is not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the key set has no list of keys")  # noqa: TRY004 - a text's fault
    usable = [entry for entry in entries if isinstance(entry, dict)]
    ids = Counter(str(entry.get("kid", "")) for entry in usable)
    found: dict[str, tuple[PublicKey, str | None]] = {}
    for entry in usable:
        key_id, key = str(entry.get("kid", "")), _key(entry)
        if key is not None and ids[key_id] == 1:
            found[key_id] = key, entry.get("alg")
    return Keys(found)


def _key(entry: Mapping[str, Any]) -> PublicKey | None:
    """Return a public key that may check signatures; None for anything else."""
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHMS[0]) not in ALGORITHMS:
        return None
    if entry.get("kty") not in {"RSA", "EC"}:
        return None
    try:
        key = jwt.PyJWK(dict(entry), algorithm=_any_algorithm(entry)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAPublicKey):
        return key if key.key_size >= _MIN_RSA_BITS else None
    if isinstance(key, EllipticCurvePublicKey):
        return key if key.curve.name in CURVES.values() else None
    return None


def _any_algorithm(entry: Mapping[str, Any]) -> str:
    """Return an algorithm that reads this kind of key; which one it signs with is said apart."""
    if entry["kty"] == "RSA":
        return "RS256"
    return {"P-384": "ES384", "P-521": "ES512"}.get(str(entry.get("crv")), "ES256")
