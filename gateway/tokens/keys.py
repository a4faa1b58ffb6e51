"""Token keys in memory: loaded once, named by fingerprints, never printed."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.catalog.model import CatalogSnapshot, TokenDomain, TokenVersion
from gateway.errors import MeshgateError
from gateway.secrets import SecretError, read_secret
from gateway.tokens.codec import KEY_BYTES, derive_key
from gateway.tokens.model import TokenFunction, TokenKey
from gateway.tokens.names import SHAPES, udf_name
from gateway.tokens.selftest import codec_failures

_RETRY_SECONDS = 30.0
_HEX = re.compile(rb"[0-9a-fA-F]{64}")

SecretReader = Callable[[Mapping[str, str], Path], bytes]


class KeyRing:
    """All usable token keys of a catalog snapshot.

    ``problems`` maps a domain whose key is missing or unfit to the reason (it holds
    references and rules, never key material); such a domain's functions do not exist.
    """

    def __init__(
        self,
        keys: Mapping[tuple[str, int, str], TokenKey],
        functions: Mapping[str, TokenFunction],
        problems: Mapping[str, str],
    ) -> None:
        self._keys = dict(keys)
        self.functions: Mapping[str, TokenFunction] = MappingProxyType(dict(functions))
        self.problems: Mapping[str, str] = MappingProxyType(dict(problems))

    @classmethod
    def empty(cls) -> KeyRing:
        """A ring without keys."""
        return cls({}, {}, {})

    @classmethod
    def load(
        cls, snapshot: CatalogSnapshot, base: Path, read: SecretReader = read_secret
    ) -> KeyRing:
        """Read every key that is not retired. Never raises for a bad key: see ``problems``."""
        keys: dict[tuple[str, int, str], TokenKey] = {}
        functions: dict[str, TokenFunction] = {}
        problems: dict[str, str] = {}
        for domain in snapshot.token_domains.values():
            try:
                loaded = list(_domain_keys(domain, base, read))
                functions.update(_domain_functions(domain, loaded))
            except (SecretError, ValueError) as error:
                problems[domain.name] = str(error)
                continue
            keys.update({(key.domain, key.version, key.use): key for key in loaded})
        return cls(keys, functions, problems)

    def key(self, domain: str, version: int, use: str = "token") -> TokenKey:
        """One key; raises ``TOKEN_KEY_UNAVAILABLE``."""
        found = self._keys.get((domain, version, use))
        if found is None:
            raise unavailable(domain)
        return found

    def function(self, name: str) -> TokenFunction:
        """The function of this name; raises ``TOKEN_KEY_UNAVAILABLE``."""
        found = self.functions.get(name)
        if found is None:
            raise unavailable()
        return found

    @property
    def keys(self) -> tuple[TokenKey, ...]:
        """Every usable key; printing one shows its fingerprint alone."""
        return tuple(self._keys.values())

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """``member:v1`` → fingerprint of its token key."""
        return MappingProxyType(
            {
                f"{key.domain}:v{key.version}": key.fingerprint
                for key in self._keys.values()
                if key.use == "token"
            }
        )

    def without(self, problems: Mapping[str, str]) -> KeyRing:
        """The ring less the domains that failed a self-test."""
        return KeyRing(
            {at: key for at, key in self._keys.items() if key.domain not in problems},
            {n: f for n, f in self.functions.items() if f.key.domain not in problems},
            {**self.problems, **problems},
        )

    def __repr__(self) -> str:
        return f"KeyRing({dict(self.fingerprints)})"


class KeyRings:
    """The key ring of the snapshot in force, read once per snapshot version.

    A ring with problems is read again after a while, so that repaired references
    take effect without a restart.
    """

    def __init__(
        self,
        base: Path,
        read: SecretReader = read_secret,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = base
        self._read = read
        self._clock = clock
        self._held: tuple[str, float, KeyRing] | None = None

    def __call__(self, snapshot: CatalogSnapshot) -> KeyRing:
        """Return the keys of a snapshot's token domains; never raises for a bad key."""
        if self._held is not None:
            version, loaded_at, ring = self._held
            stale = bool(ring.problems) and self._clock() - loaded_at > _RETRY_SECONDS
            if version == snapshot.version and not stale:
                return ring
        ring = KeyRing.load(snapshot, self._base, self._read)
        if codec_failures():
            ring = ring.without(dict.fromkeys(snapshot.token_domains, "the self-test failed"))
        self._held = (snapshot.version, self._clock(), ring)
        return ring


def unavailable(domain: str | None = None) -> MeshgateError:
    """The error of a query that needs a key the gateway does not hold."""
    of = f" of token domain '{domain}'" if domain else ""
    return MeshgateError(
        "TOKEN_KEY_UNAVAILABLE",
        f"the key{of} is not available; leave the tokenized column out, or ask the operators "
        "to check the key reference and the token self-test",
    )


def _domain_keys(domain: TokenDomain, base: Path, read: SecretReader) -> Iterator[TokenKey]:
    for version in domain.versions:
        if version.state == "retired":
            continue
        material = _material(version, base, read)
        for use in ("token", "hash"):
            secret = derive_key(material, domain.name, version.v, use)
            yield TokenKey(domain.name, version.v, use, secret)


def _domain_functions(domain: TokenDomain, keys: list[TokenKey]) -> dict[str, TokenFunction]:
    """Only the active version is computed: one query never mixes versions."""
    active = [version.v for version in domain.versions if version.state == "active"]
    if len(active) != 1:
        raise ValueError(f"{len(active)} active key versions, one is needed")
    by_use = {key.use: key for key in keys if key.version == active[0]}
    made: dict[str, TokenFunction] = {}
    for shape in SHAPES:
        key = by_use["hash" if shape == "hash" else "token"]
        name = udf_name(domain.name, key.version, shape)
        made[name] = TokenFunction(name, shape, domain.code, key)
    return made


def _material(version: TokenVersion, base: Path, read: SecretReader) -> bytes:
    return decode_key(read(version.key, base))


def decode_key(secret: bytes) -> bytes:
    """Read 32 key bytes written as 64 hex digits, as base64, or raw. Raises ValueError."""
    text = secret.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.decode("ascii"))
    if len(secret) == KEY_BYTES:
        return secret
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise ValueError("a token key is 32 bytes: 64 hex digits, base64, or raw")
    return decoded
