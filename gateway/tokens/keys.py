"""Token keys in memory: loaded once, named by fingerprints, never printed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gateway.catalog.model import CatalogSnapshot, TokenDomain, TokenVersion
from gateway.errors import MeshgateError
from gateway.secrets import SecretError, read_secret
from gateway.tokens.codec import KEY_BYTES, derive_key, fingerprint
from gateway.tokens.names import SHAPES, udf_name

_HEX = re.compile(rb"[0-9a-fA-F]{64}")

SecretReader = Callable[[Mapping[str, str], Path], bytes]


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One derived key. ``use`` is ``token`` or ``hash``; its ``repr`` shows the fingerprint."""

    domain: str
    version: int
    use: str
    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """12 hex digits that name the key."""
        return fingerprint(self.secret)

    def __repr__(self) -> str:
        return f"TokenKey({self.domain}:v{self.version}:{self.use}, {self.fingerprint})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class TokenFunction:
    """One function governed text may call: what it computes, under which key."""

    name: str
    shape: str
    code: str
    key: TokenKey

    @property
    def returns(self) -> str:
        """DuckDB type of the result."""
        return "BIGINT" if self.shape in {"i63", "i53"} else "VARCHAR"


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
