"""Who sent this request: the presented scheme decides, and its failure tries no other."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.identity.addresses import is_loopback
from gateway.identity.attempts import FailedLogins, TooManyFailuresError
from gateway.identity.directory import Directory, reserved
from gateway.identity.jwks import KeysUnavailableError
from gateway.identity.passwords import PasswordFile
from gateway.identity.principal import Principal
from gateway.identity.tokens import PREFIX, TokenFile
from gateway.identity.webtokens import JwtLogin, WebTokenError

__all__ = ["Authenticated", "AuthenticationError", "Authenticator", "Presented", "is_loopback"]

UNAUTHENTICATED, FORBIDDEN, TOO_MANY = 401, 403, 429
_BASIC, _BEARER = 'Basic realm="Meshgate"', 'Bearer realm="Meshgate"'


class AuthenticationError(Exception):
    """An HTTP refusal: ``status`` 401, 403 or 429, a text, and headers to send with it.

    ``claimed`` tells of a credential that was tried and failed: the principal it was tried
    for, empty where there is no such principal. None where nothing was tried, or too often.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        claimed: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.claimed = claimed


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says about its sender, unverified. ``peer`` is the TCP peer's address."""

    authorization: str | None = None
    user: str | None = None
    original_user: str | None = None
    peer: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A verified sender.

    ``actor`` is who logged in, ``principal`` whose rights apply (the same, unless
    impersonated). ``purpose`` is set where the credential is bound to one.
    """

    principal: Principal
    actor: str
    purpose: str | None = None


class Authenticator:
    """The login methods of one gateway.

    Args:
        directory: everyone who exists; nobody else is let in by any method.
        passwords: enables Basic.
        tokens: enables API tokens, as Bearer or as a Basic password.
        web_tokens: enables JWT, as Bearer.
        trust_user_header: enables ``none``: believe ``X-Trino-User``. Loopback binds only.

    """

    def __init__(
        self,
        directory: Callable[[], Directory],
        *,
        passwords: PasswordFile | None = None,
        tokens: TokenFile | None = None,
        web_tokens: JwtLogin | None = None,
        trust_user_header: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._directory = directory
        self._passwords = passwords
        self._tokens = tokens
        self._web_tokens = web_tokens
        self._trust = trust_user_header
        self._now = now
        self._failed = FailedLogins()
        self._key = secrets.token_bytes(32)

    def fingerprint(self, presented: Presented) -> str:
        """A keyed hash of the credential, or empty without one."""
        if not presented.authorization:
            return ""
        text = presented.authorization.encode("utf-8", "surrogateescape")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]

    async def authenticate(self, presented: Presented) -> Authenticated:
        """Verify the sender and whom it speaks for.

        Raises:
            AuthenticationError: 401 without a valid credential, 403 for a credential over
                plain HTTP or a forbidden impersonation, 429 after many failures.

        """
        if presented.authorization is None:
            return self._unverified(presented)
        if not presented.secure and not is_loopback(presented.peer):
            raise AuthenticationError(FORBIDDEN, "credentials need HTTPS")
        scheme, _, value = presented.authorization.partition(" ")
        if scheme.lower() == "bearer":
            return await self._bearer(value.strip(), presented)
        if scheme.lower() == "basic":
            return await self._basic(value.strip(), presented)
        raise self._refused("unknown authentication scheme; use Basic or Bearer")

    def _unverified(self, presented: Presented) -> Authenticated:
        if not self._trust:
            raise self._refused("authentication is required")
        if not is_loopback(presented.peer):
            raise self._refused("unauthenticated access is for this machine alone")
        first = presented.original_user or presented.user
        if not first:
            raise self._refused("name yourself in the header X-Trino-User")
        return self._spoken_for(first, "none", presented)

    async def _bearer(self, text: str, presented: Presented) -> Authenticated:
        """An API token by its prefix, else a JWT where those are accepted."""
        if self._web_tokens is None or text.startswith(PREFIX):
            return self._api_token(text, presented)
        try:
            token = await self._web_tokens.verify(text)
        except WebTokenError as error:
            self._check_failures(presented.peer, None)
            self._failed.add(presented.peer, None)
            raise self._refused(str(error), claimed="") from None
        except KeysUnavailableError:
            raise self._refused(
                "the keys of the tokens' issuer cannot be read now; try again soon"
            ) from None
        return self._spoken_for(token.principal, "jwt", presented, groups=token.groups)

    def _api_token(self, text: str, presented: Presented, user: str | None = None) -> Authenticated:
        token = self._tokens.verify(text, self._now()) if self._tokens else None
        if token is None or (user is not None and user != token.principal):
            self._check_failures(presented.peer, user)
            self._failed.add(presented.peer, user)
            raise self._refused("the token is unknown, expired or revoked", self._named(user))
        return self._spoken_for(token.principal, "token", presented, token.purpose)

    async def _basic(self, value: str, presented: Presented) -> Authenticated:
        user, password = self._decode(value)
        if password.startswith(PREFIX):
            return self._api_token(password, presented, user)
        if self._passwords is None:
            raise self._refused("passwords are not accepted here; use an API token")
        if not self._passwords.remembered(user, password):
            self._check_failures(presented.peer, user)
            known = user in self._directory().entries and not reserved(user)
            right = await asyncio.to_thread(self._passwords.verify, user, password)
            if not right or not known:
                self._failed.add(presented.peer, user)
                raise self._refused("wrong user or password", self._named(user))
        return self._spoken_for(user, "basic", presented)

    def _check_failures(self, peer: str, user: str | None) -> None:
        try:
            self._failed.check(peer, user)
        except TooManyFailuresError as error:
            headers = {"Retry-After": str(error.retry_after)}
            raise AuthenticationError(TOO_MANY, str(error), headers) from None

    def _decode(self, value: str) -> tuple[str, str]:
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise self._refused("the Basic credential cannot be read") from None
        if not colon:
            raise self._refused("the Basic credential cannot be read")
        return user, password

    def _spoken_for(
        self,
        actor: str,
        method: str,
        presented: Presented,
        purpose: str | None = None,
        groups: frozenset[str] | None = None,
    ) -> Authenticated:
        """Follow actor → original user → user, each step allowed by the directory.

        ``groups``, where the credential names some, leave the actor those of the directory's
        that are among them: a credential gives nobody a group.
        """
        directory = self._directory()
        speaker = actor
        if reserved(actor) or directory.principal(actor) is None:
            raise self._refused(_unknown(actor, method))
        for name in (presented.original_user, presented.user):
            if not name or name == speaker:
                continue
            if reserved(name) or not directory.may_impersonate(speaker, name):
                raise AuthenticationError(
                    FORBIDDEN,
                    f"Access Denied: User {speaker} cannot impersonate user {name}",
                    claimed=speaker,
                )
            speaker = name
        principal = directory.principal(speaker, method)
        if principal is None:
            raise self._refused(_unknown(speaker, method))
        if groups is not None and speaker == actor:
            principal = replace(principal, groups=principal.groups & groups)
        return Authenticated(principal, actor, purpose)

    def _named(self, user: str | None) -> str:
        """A name that may be recorded: an unknown one may be a password in the wrong field."""
        return user if user and user in self._directory().entries else ""

    def _refused(self, message: str, claimed: str | None = None) -> AuthenticationError:
        basic = self._passwords or self._tokens
        scheme = _BASIC if basic else _BEARER if self._web_tokens else None
        headers = {"WWW-Authenticate": scheme} if scheme else {}
        return AuthenticationError(UNAUTHENTICATED, message, headers, claimed)


def _unknown(name: str, method: str) -> str:
    if method == "none":
        return f"user '{name}' is not in the directory of principals"
    return "this account is not in the directory of principals"
