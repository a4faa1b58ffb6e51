"""Limits on a statement's size and shape, checked before it is parsed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.errors import MeshgateError

if TYPE_CHECKING:
    from gateway.sql.lex import Token

MAX_TEXT_BYTES = 200_000
MAX_TOKENS = 60_000
MAX_DEPTH = 60
MAX_PREFIX = 8
MAX_CHAIN = 500
MAX_TREE_DEPTH = 900
MAX_TABLES = 300
MAX_DISTINCT_TABLES = 200
MAX_WITH = 500
MAX_RELATIONS = 1_000
MAX_STARRED = 10_000
MAX_COLUMNS = 100_000
HEAVY_TOKENS = 2_000
RECURSION_LIMIT = 3_000

_OPEN = frozenset({"(", "[", "CASE"})
_CLOSE = frozenset({")", "]", "END"})
_PREFIX = frozenset({"NOT", "-", "+"})
_CHAIN = frozenset(
    {"AND", "OR", "+", "-", "*", "/", "%", "||", "->", "UNION", "EXCEPT", "INTERSECT", ".", "["}
    | {"AT", "JOIN"}
)
_RESET = frozenset({",", "WHERE", "HAVING", "FROM", "SELECT", "ON", "WHEN", "THEN", "ELSE"})


def check_text(text: str) -> None:
    """Refuse texts beyond ``MAX_TEXT_BYTES`` UTF-8 bytes (QUERY_TEXT_TOO_LARGE)."""
    size = len(text)
    if size * 4 > MAX_TEXT_BYTES and size <= MAX_TEXT_BYTES:
        size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise MeshgateError(
            "QUERY_TEXT_TOO_LARGE",
            f"Query text length ({size}) exceeds the maximum length ({MAX_TEXT_BYTES}): "
            "move long value lists into a table and join it",
        )


def check_token_count(count: int) -> None:
    """Refuse statements of more than ``MAX_TOKENS`` tokens."""
    if count > MAX_TOKENS:
        raise rejected(f"the statement has more than {MAX_TOKENS} words and signs", "split it")


def check_shape(tokens: Sequence[Token]) -> None:
    """Refuse what would make a parser or a tree walk too deep (QUERY_REJECTED)."""
    chains = [0]
    prefix = 0
    for token in tokens:
        key = token.key
        prefix = prefix + 1 if key in _PREFIX else 0
        if key in _OPEN:
            chains.append(0)
        elif key in _CLOSE:
            if len(chains) > 1:
                chains.pop()
        elif key in _RESET:
            chains[-1] = 0
        if key in _CHAIN:
            chains[-1] += 1
            if chains[-1] > MAX_CHAIN:
                what = f"more than {MAX_CHAIN} operators in a row"
                raise rejected(what, "use IN, a VALUES list or parentheses", token)
        if prefix > MAX_PREFIX:
            what = f"more than {MAX_PREFIX} prefix operators in a row"
            raise rejected(what, "remove the superfluous ones", token)
        if len(chains) - 1 > MAX_DEPTH:
            what = f"brackets and CASE are nested deeper than {MAX_DEPTH}"
            raise rejected(what, "name parts of the query with WITH", token)


def rejected(what: str, advice: str, token: Token | None = None) -> MeshgateError:
    """Build the error of a limit."""
    at = (token.line, token.column) if token else (None, None)
    place = f"line {at[0]}:{at[1]}: " if token else ""
    return MeshgateError("QUERY_REJECTED", f"{place}{what}: {advice}", line=at[0], column=at[1])


def allow_recursion() -> None:
    """Give tree walks the room that the depth limits were chosen for."""
    if sys.getrecursionlimit() < RECURSION_LIMIT:
        sys.setrecursionlimit(RECURSION_LIMIT)
