"""What of a SELECT shows that it answers about groups alone that are large enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.sql.reader.tokens import Token, UnreadableError, tokens

_MIXING = frozenset({"OR", "NOT", "BETWEEN", "CASE", "IS", "IN", "LIKE"})


@dataclass(slots=True)
class Block:
    """One SELECT: how many relations it reads, the last secured one's alias, its HAVING."""

    relations: int = 0
    alias: str = ""
    having: tuple[Token, ...] = ()


def check_group(block: Block, entity: str, least: int, engine: str) -> None:
    """Return only if the SELECT reads one table and keeps groups of so many entities alone.

    Raises:
        UnreadableError: it does not.

    """
    if block.relations != 1:
        raise UnreadableError("a table read for groups alone is joined")
    wanted = [tuple(tokens(text)) for text in _forms(block.alias, entity, least, engine)]
    if not any(term in wanted for term in _terms(block.having)):
        raise UnreadableError("a SELECT without its smallest group")


def _forms(alias: str, entity: str, least: int, engine: str) -> Iterator[str]:
    count = f"count(DISTINCT {_quoted(alias)}.{_quoted(entity)}) >="
    if engine == "trino":
        yield f"{count} {least}"
    else:
        yield f"{count} CAST(CAST(({least}) AS INTEGER) AS BIGINT)"
        yield f"{count} CAST(({least}) AS BIGINT)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _terms(condition: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """The terms of a condition that AND alone holds together."""
    stack = [tuple(condition)]
    while stack:
        term = stack.pop()
        while term and _closed(term):
            term = term[1:-1]
        depth, start, parts = 0, 0, []
        for at, token in enumerate(term):
            depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "sign" else 0
            if depth == 0 and token == ("word", "AND"):
                parts.append(term[start:at])
                start = at + 1
        if not parts or _mixed(term):
            yield term
        else:
            stack += [*parts, term[start:]]


def _closed(term: Sequence[Token]) -> bool:
    """Whether the first bracket ends with the last."""
    if term[0] != ("sign", "("):
        return False
    depth = 0
    for at, token in enumerate(term):
        depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "sign" else 0
        if depth == 0:
            return at == len(term) - 1
    return False


def _mixed(term: Sequence[Token]) -> bool:
    """Whether something outside brackets binds its terms otherwise."""
    depth = 0
    for token in term:
        depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "sign" else 0
        if depth == 0 and token.kind == "word" and token.value in _MIXING:
            return True
    return False
