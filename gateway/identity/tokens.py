"""API tokens ``mg_<id>_<secret>``: the gateway stores only a hash of the secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

PREFIX = "mg_"
_TOKEN = re.compile(r"mg_(?P<id>[a-z0-9]{1,32})_(?P<secret>[A-Za-z0-9_-]{32,128})")
_KEYS = frozenset({"id", "sha256", "principal", "expires", "purpose"})
_NEEDED = ("id", "sha256", "principal", "expires")
_HEX = re.compile(r"[0-9a-f]{64}")


class TokenFileError(ValueError):
    """The token file cannot be used; the text names the entry and the key."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One issued token. ``purpose`` is the only one its queries may have, if set."""

    id: str
    sha256: str
    principal: str
    expires: datetime
    purpose: str | None = None


class TokenFile:
    """Issued tokens from a YAML or JSON file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._tokens = read_tokens(path)

    def verify(self, text: str, now: datetime) -> ApiToken | None:
        """The token this text is, if issued, unaltered and not expired."""
        self._refresh()
        parts = _TOKEN.fullmatch(text)
        if parts is None:
            return None
        token = self._tokens.get(parts["id"])
        digest = hashlib.sha256(parts["secret"].encode()).hexdigest()
        wanted = token.sha256 if token else "0" * 64
        right = hmac.compare_digest(digest, wanted)
        return token if token and right and now < token.expires else None

    def _stat(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _refresh(self) -> None:
        """Read a changed file; a broken or missing one revokes every token."""
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            tokens = read_tokens(self._path)
        except (OSError, TokenFileError):
            stamp, tokens = (0, 0, 0), {}
        self._stamp, self._tokens = stamp, tokens


def mint(token_id: str) -> tuple[str, str]:
    """Make a new token: its text, shown once, and the hash to store."""
    secret = secrets.token_urlsafe(32)
    return f"{PREFIX}{token_id}_{secret}", hashlib.sha256(secret.encode()).hexdigest()


def read_tokens(path: Path) -> Mapping[str, ApiToken]:
    """Read ``tokens: [{id, sha256, principal, expires, purpose?}]`` by id."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TokenFileError(f"{path}: cannot be read: {error.__class__.__name__}") from None
    entries = document.get("tokens") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise TokenFileError(f"{path}: expected 'tokens', a list")
    found = [_token(entry, f"{path}: token {n}") for n, entry in enumerate(entries, 1)]
    by_id = {token.id: token for token in found}
    if len(by_id) != len(found):
        raise TokenFileError(f"{path}: two tokens have the same id")
    return by_id


def _token(entry: object, at: str) -> ApiToken:
    if not isinstance(entry, Mapping) or not set(entry) <= _KEYS:
        raise TokenFileError(f"{at}: known keys are {', '.join(sorted(_KEYS))}")
    fields: Mapping[str, Any] = entry
    if missing := [key for key in _NEEDED if key not in fields]:
        raise TokenFileError(f"{at}: '{missing[0]}' is missing")
    if not _HEX.fullmatch(str(fields["sha256"])):
        raise TokenFileError(f"{at}: sha256 must be 64 lower-case hexadecimal digits")
    if not re.fullmatch(r"[a-z0-9]{1,32}", str(fields["id"])):
        raise TokenFileError(f"{at}: id must be 1 to 32 lower-case letters or digits")
    purpose = fields.get("purpose")
    return ApiToken(
        str(fields["id"]),
        str(fields["sha256"]),
        str(fields["principal"]),
        _moment(fields["expires"], at),
        None if purpose is None else str(purpose),
    )


def _moment(value: object, at: str) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise TokenFileError(
                f"{at}: expires must be a time like 2027-01-31T00:00:00Z"
            ) from None
    if not isinstance(value, datetime):
        raise TokenFileError(f"{at}: expires must be a time like 2027-01-31T00:00:00Z")
    return value if value.tzinfo else value.replace(tzinfo=UTC)
