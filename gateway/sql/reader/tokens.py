"""Governed text as tokens. Comments, a second statement and odd characters cannot be read."""

from __future__ import annotations

import re
from typing import NamedTuple


class UnreadableError(Exception):
    """The text says something the reader does not know, or not what the decision says."""


class Token(NamedTuple):
    """One token.

    ``kind`` is word, name (quoted identifier), text (string), escaped (DuckDB's ``e'…'``),
    number, hex, hole or sign. ``value`` is upper case for words, unquoted for names and texts.
    """

    kind: str
    value: str


END = Token("end", "")
_FORMS = r"""
      (?P<blank>\s+)
    | (?P<comment>--|/\*)
    | (?P<hex>[xX]'[0-9A-Fa-f]*')
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>"(?:[^"]|"")+")
    | (?P<text>'(?:[^']|'')*')
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_'"]))
    | (?P<sign><>|!=|<=|>=|\|\||->|=>|::|//|[<>=+*/%()\[\],.?{}:&|^~@-])
"""
_TOKEN = re.compile(_FORMS, re.VERBOSE)
_PATTERN = re.compile(r"(?P<hole>:[a-zA-Z]+)|" + _FORMS, re.VERBOSE)


def tokens(text: str, *, holes: bool = False) -> list[Token]:
    """Split the text. ``holes`` reads ``:x`` as a place to fill, for patterns only."""
    found: list[Token] = []
    end, before = 0, ""
    for hit in (_PATTERN if holes else _TOKEN).finditer(text):
        kind, raw = hit.lastgroup or "", hit.group()
        if hit.start() != end or kind == "comment":
            break
        if kind in {"name", "text"} and before in {"word", "number"}:
            raise UnreadableError("a quote that touches a word")
        before, end = kind, hit.end()
        if kind != "blank":
            found.append(Token(kind, _value(kind, raw)))
    if end != len(text):
        raise UnreadableError("a character that governed text never holds")
    return found


def _value(kind: str, raw: str) -> str:
    if kind == "sign":
        return raw
    if kind == "word":
        return raw.upper()
    if kind == "name":
        return raw[1:-1].replace('""', '"')
    if kind == "text":
        return raw[1:-1].replace("''", "'")
    return raw


class Cursor:
    """A place in the tokens."""

    def __init__(self, found: list[Token]) -> None:
        self._found = [*found, END]
        self._last = len(found)
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        """Return the token ``ahead`` of here; ``END`` beyond the last and before the first."""
        at = self.at + ahead
        return self._found[at if at < self._last else self._last]  # noqa: FURB136 - hot

    def next(self) -> Token:
        """Take one token."""
        token = self.peek()
        self.at += 1
        return token

    def since(self, at: int) -> tuple[Token, ...]:
        """The tokens taken since that place."""
        return tuple(self._found[at : self.at])

    def word(self, *values: str, ahead: int = 0) -> bool:
        """Whether the token is one of these words."""
        token = self.peek(ahead)
        return token.kind == "word" and token.value in values

    def sign(self, value: str, ahead: int = 0) -> bool:
        """Whether the token is this sign."""
        return self.peek(ahead) == ("sign", value)

    def take(self, kind: str, value: str) -> bool:
        """Take the token if it is this one."""
        token = self._found[self.at if self.at < self._last else self._last]  # noqa: FURB136 - hot
        if token[1] == value and token[0] == kind:
            self.at += 1
            return True
        return False

    def expect(self, kind: str, value: str | None = None) -> str:
        """Take a token of this kind (and value); raises UnreadableError on any other."""
        token = self.next()
        if token.kind != kind or (value is not None and token.value != value):
            raise UnreadableError(f"expected {value or kind}, found {token.value or token.kind}")
        return token.value

    def words(self, text: str) -> None:
        """Take exactly these words."""
        for value in text.split():
            self.expect("word", value)
