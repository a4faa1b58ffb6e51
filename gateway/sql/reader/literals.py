"""From a typed literal back to the policy's value, and types in each engine's spelling."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.datatypes import DataType
from gateway.policy.model import Scalar
from gateway.sql.reader.expressions import Tree, type_text
from gateway.sql.reader.tokens import UnreadableError

_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_ZONED = "timestamp with time zone"
_DUCKDB = {
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "varbinary": "BLOB",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
    "timestamp with time zone": "TIMESTAMPTZ",
}
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,12})?)( UTC|\+00|)", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)


def same_type(written: str, kind: DataType, engine: str) -> bool:
    """Whether a ``CAST``'s type is exactly the column's."""
    return written == _written(kind, engine)


@lru_cache(maxsize=2048)
def _written(kind: DataType, engine: str) -> str:
    return type_text(kind.compact() if engine == "trino" else _duckdb(kind))


def _duckdb(kind: DataType) -> str:
    inner = [_duckdb(child) for child in kind.children]
    if kind.base == "array":
        return f"{inner[0]}[]"
    if kind.base == "map":
        return f"MAP({', '.join(inner)})"
    if kind.base == "row":
        names = [(name or "").replace('"', '""') for name, _ in kind.fields]
        parts = [f'"{n}" {c}' for n, c in zip(names, inner, strict=True)]
        return f"STRUCT({', '.join(parts)})"
    if kind.base == "decimal":
        return kind.compact()
    return _DUCKDB.get(kind.base, kind.base)


def read_literal(tree: Tree, kind: DataType, engine: str) -> Scalar:
    """Read a literal of exactly this type; instants come back as ``2026-01-31T10:00:00.000Z``."""
    head, base = tree[0], kind.base
    if base == "boolean" and tree in {("word", "TRUE"), ("word", "FALSE")}:
        return bool(tree[1] == "TRUE")
    if base == "varchar" and head == "text":
        return str(tree[1])
    if base in {"decimal", "char"} and head == "cast" and tree[1][0] == "text":
        if same_type(tree[2], kind, engine):
            return str(tree[1][1])
    elif head == "typed":
        return _typed(str(tree[1]), str(tree[2]), kind, engine)
    raise UnreadableError(f"no literal of type {kind.text()}")


def _typed(word: str, said: str, kind: DataType, engine: str) -> Scalar:
    base = kind.base
    if base in {"timestamp", _ZONED}:
        return _instant(word, said, kind, engine)
    if word != base.upper():
        raise UnreadableError(f"a {word} where {kind.text()} is compared")
    if base in _INTEGERS:
        if not _WHOLE.fullmatch(said):
            raise UnreadableError("a whole number that cannot be read")
        return int(said)
    return said


def _instant(word: str, said: str, kind: DataType, engine: str) -> str:
    found = _INSTANT.fullmatch(said)
    zoned = kind.base == _ZONED
    wanted = ("TIMESTAMPTZ", "+00") if engine == "duckdb" else ("TIMESTAMP", " UTC")
    if found is None or (word, found.group(3)) != (wanted if zoned else ("TIMESTAMP", "")):
        raise UnreadableError(f"no instant of type {kind.text()}")
    digits = found.group(2).partition(".")[2]
    if len(digits) != kind.params[0]:
        raise UnreadableError("an instant of another precision than its column")
    return f"{found.group(1)}T{found.group(2)}{'Z' if zoned else ''}"
