"""Types as they stand in the CASTs of a statement."""

from __future__ import annotations

from gateway.datatypes import DataType
from gateway.sql.reader.tokens import Cursor, UnreadableError
from gateway.sql.reader.words import TYPES

_SIGNS = {"(": 1, ")": -1, ",": 0, "[": 0, "]": 0}
_MOST = 2000


def read_type(cursor: Cursor, engine: str, ends: frozenset[str] = frozenset()) -> None:
    """Read a type up to the bracket that closes its CAST, or a word; raises UnreadableError."""
    parts: list[str] = []
    depth = 0
    while depth or not (cursor.sign(")") or _ends(cursor, ends)):
        token = cursor.next()
        if token.kind == "sign":
            depth += _SIGNS.get(token.value, _MOST)
        if token.kind == "word" and engine == "duckdb" and token.value not in TYPES:
            raise UnreadableError(f"{token.value} is no type")
        if depth >= _MOST or len(parts) > _MOST or token.kind in {"end", "text", "hex", "hole"}:
            raise UnreadableError("a type that cannot be read")
        parts.append(f'"{token.value}"' if token.kind == "name" else token.value)
    if engine == "trino":
        _parse(" ".join(parts))


def _ends(cursor: Cursor, ends: frozenset[str]) -> bool:
    zone = cursor.word("WITH") and cursor.word("TIME", ahead=1)
    return cursor.word(*ends) and not zone


def _parse(text: str) -> None:
    try:
        DataType.parse(text)
    except ValueError as error:
        raise UnreadableError("a type that cannot be read") from error
