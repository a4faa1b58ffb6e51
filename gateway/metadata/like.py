"""Trino's LIKE over a few names, for SHOW … LIKE."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.errors import MeshgateError


def matcher(pattern: str | None, escape: str | None = None) -> Callable[[str], bool]:
    """Return a test for a LIKE pattern; None matches everything.

    Raises:
        MeshgateError: INVALID_FUNCTION_ARGUMENT, in Trino's words, for a bad escape.

    """
    if pattern is None:
        return lambda _: True
    if escape is not None and len(escape) != 1:
        raise MeshgateError("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character")
    compiled = re.compile("".join(_pieces(pattern, escape)), re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def _pieces(pattern: str, escape: str | None) -> list[str]:
    pieces = []
    chars = iter(pattern)
    for char in chars:
        if char == escape:
            pieces.append(_escaped(next(chars, None), escape))
        elif char == "%":
            pieces.append(".*")
        else:
            pieces.append("." if char == "_" else re.escape(char))
    return pieces


def _escaped(char: str | None, escape: str) -> str:
    if char is None or char not in {"%", "_", escape}:
        raise MeshgateError(
            "INVALID_FUNCTION_ARGUMENT",
            "Escape character must be followed by '%', '_' or the escape character itself",
        )
    return re.escape(char)
