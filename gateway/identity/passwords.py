"""Passwords: a file in Trino's format, one ``user:$2y$…`` a line."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import bcrypt
from cachetools import TTLCache

_MIN_COST, _NEW_COST = 8, 12
_MAX_BYTES = 72  # bcrypt reads no more
_CACHE_SECONDS = 300
_CACHE_SIZE = 10_000
_LINE = re.compile(r"(?P<user>[^:\s][^:]*):(?P<hash>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})")


class PasswordFileError(ValueError):
    """The password file cannot be used; the text names the line, never its content."""


class PasswordError(ValueError):
    """A password that cannot be kept; the text says why, never the password."""


class PasswordFile:
    """Checks passwords against bcrypt hashes; the file is read again when it changes.

    Successes are remembered for at most five minutes under a keyed hash, because clients
    send the password with every page. A change of the file forgets them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = secrets.token_bytes(32)
        self._seen: TTLCache[bytes, bool] = TTLCache(_CACHE_SIZE, _CACHE_SECONDS)
        self._stamp = self._stat()
        self._hashes = read_passwords(path)
        self._dummy = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(self._highest_cost()))

    def remembered(self, user: str, password: str) -> bool:
        """Whether exactly this pair was right within the last minutes. Cheap."""
        self._refresh()
        return self._digest(user, password) in self._seen

    def verify(self, user: str, password: str) -> bool:
        """Check a password; slow on purpose, and as slow for unknown users."""
        self._refresh()
        known = self._hashes.get(user)
        secret = password.encode()
        right = bcrypt.checkpw(secret[:_MAX_BYTES], known or self._dummy)
        if known is None or not right or len(secret) > _MAX_BYTES:
            return False
        self._seen[self._digest(user, password)] = True
        return True

    def _digest(self, user: str, password: str) -> bytes:
        text = f"{len(user)}:{user}{password}".encode()
        return hmac.new(self._key, text, hashlib.sha256).digest()

    def _highest_cost(self) -> int:
        costs = [int(found.split(b"$")[2]) for found in self._hashes.values()]
        return max(costs, default=_MIN_COST)

    def _stat(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _refresh(self) -> None:
        """Read a changed file; a broken or missing one leaves nobody able to log in."""
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            hashes = read_passwords(self._path)
        except (OSError, PasswordFileError):
            stamp, hashes = (0, 0, 0), {}
        self._stamp, self._hashes = stamp, hashes
        self._seen.clear()


def hashed(password: str) -> str:
    """The bcrypt hash of a password, as a line of the file holds it.

    Raises:
        PasswordError: empty, or longer than bcrypt reads.

    """
    secret = password.encode("utf-8", "surrogateescape")
    if not secret:
        raise PasswordError("the password is empty")
    if len(secret) > _MAX_BYTES or b"\0" in secret:
        raise PasswordError(f"a password is at most {_MAX_BYTES} bytes long and holds no NUL")
    line = bcrypt.hashpw(secret, bcrypt.gensalt(_NEW_COST)).decode()
    return line.replace("$2b$", "$2y$", 1)  # one hash by two names; Trino knows this one alone


def read_passwords(path: Path) -> Mapping[str, bytes]:
    """Read the file; raises PasswordFileError for weak, doubled or unreadable entries."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordFileError(f"{path}: cannot be read: {error.__class__.__name__}") from None
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise PasswordFileError(
                f"{path}:{number}: expected user:$2y$…, a bcrypt hash (htpasswd -B -C 10)"
            )
        if int(found["cost"]) < _MIN_COST:
            raise PasswordFileError(f"{path}:{number}: bcrypt cost is below {_MIN_COST}")
        if found["user"] in hashes:
            raise PasswordFileError(f"{path}:{number}: this user stands in the file twice")
        hashes[found["user"]] = found["hash"].encode()
    return hashes
