"""Secret references: configuration names where a secret is, never what it is."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

_SUPPORTED = frozenset({"env", "file"})
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


class SecretError(Exception):
    """A secret that cannot be had. The message names the reference, never a value."""


def check_reference(ref: Mapping[str, str]) -> str | None:
    """Say what is wrong with a reference, or None: exactly one of ``env`` and ``file``."""
    if len(ref) != 1 or not set(ref) <= _SUPPORTED:
        return 'a secret is written {env: NAME} or {file: "path#key"}, never as its value'
    return None if next(iter(ref.values())) else "the reference is empty"


def read_secret(ref: Mapping[str, str], base: Path) -> bytes:
    """Read one secret.

    ``{env: NAME}`` is the variable's text. ``{file: "path"}`` is the whole file without its
    final line break, ``{file: "path#key"}`` the text under ``key`` of a JSON object. A relative
    path starts at ``base``. Files that anyone but their owner may touch are refused.

    Raises:
        SecretError: literal, missing, unreadable, too open or empty.

    """
    wrong = check_reference(ref)
    if wrong:
        raise SecretError(wrong)
    secret = _from_env(ref["env"]) if "env" in ref else _from_file(ref["file"], base)
    if not secret:
        raise SecretError(f"the secret at {_shown(ref)} is empty")
    return secret


def _shown(ref: Mapping[str, str]) -> str:
    return " ".join(f"{kind} {place}" for kind, place in ref.items())


def _from_env(name: str) -> bytes:
    value = os.environ.get(name)
    if value is None:
        raise SecretError(f"environment variable {name} is not set")
    return value.encode()


def _from_file(reference: str, base: Path) -> bytes:
    place, marked, key = reference.rpartition("#")
    path = base / (place if marked else reference)
    content = _read_private(path)
    if not marked:
        return content.removesuffix(b"\n").removesuffix(b"\r")
    return _under_key(content, key, path)


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS_MAY:
                raise SecretError(f"{path} is open to others: chmod 400 {path}")
            return file.read()
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}") from None


def _under_key(content: bytes, key: str, path: Path) -> bytes:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        # The parser's own message would quote the file.
        raise SecretError(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise SecretError(f"{path} is not a JSON object")
    value = cast("dict[str, object]", document).get(key)
    if not isinstance(value, str):
        raise SecretError(f'{path} has no text under "{key}"')
    return value.encode()
