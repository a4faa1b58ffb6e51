"""Login by JWT: signed by a key of the configured issuer, for us, and still valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from gateway.identity.jwks import ALGORITHMS, KeySource, PublicKey

_MAX_BYTES = 8192
_LEEWAY_SECONDS = 60
_MAX_GROUPS = 1000


class WebTokenError(Exception):
    """A token that is not accepted; the text says why, as far as its sender may know."""


@dataclass(frozen=True, slots=True)
class WebToken:
    """What a verified token says. ``groups`` is None where no claim for them is configured."""

    principal: str
    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """Verifies tokens of one issuer.

    Only RSA and EC signatures by a key of ``keys`` count; a key that a token brings along or
    points to (``jwk``, ``jku``, ``x5u``, ``x5c``) is never looked at. ``groups_claim`` empty:
    groups are the directory's alone.
    """

    keys: KeySource
    issuer: str
    audience: str
    principal_claim: str = "sub"
    groups_claim: str = ""

    async def verify(self, text: str) -> WebToken:
        """Verify a token.

        Raises:
            WebTokenError: it is not accepted.
            KeysUnavailableError: the issuer's keys cannot be had.

        """
        if len(text) > _MAX_BYTES:
            raise WebTokenError("the token is too long")
        algorithm, key = await self._key(text)
        claims = self._claims(text, algorithm, key)
        principal = claims.get(self.principal_claim)
        if not isinstance(principal, str) or not principal:
            raise WebTokenError(f"the token names nobody under '{self.principal_claim}'")
        return WebToken(principal, self._groups(claims))

    async def _key(self, text: str) -> tuple[str, PublicKey]:
        """Return the algorithm and the issuer's key; the token chooses among what is allowed."""
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _invalid() from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or "crit" in header:
            raise WebTokenError("the token's signature is of a kind that is not accepted")
        if key_id is not None and not isinstance(key_id, str):
            raise _invalid()
        keys = await self.keys.keys(key_id)
        if key_id is None and len(keys) == 1:
            key_id = next(iter(keys))
        if key_id is None or key_id not in keys or not keys.fits(key_id, algorithm):
            raise _invalid()
        return algorithm, keys[key_id]

    def _claims(self, text: str, algorithm: str, key: PublicKey) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise WebTokenError("the token has expired; log in again") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise _invalid() from None
        return claims

    def _groups(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        """Return the groups the token names: none where its claim is missing or of another kind."""
        if not self.groups_claim:
            return None
        found = claims.get(self.groups_claim)
        if not isinstance(found, list) or len(found) > _MAX_GROUPS:
            return frozenset()
        return frozenset(group for group in found if isinstance(group, str))


def _invalid() -> WebTokenError:
    return WebTokenError("the token is not valid here")
