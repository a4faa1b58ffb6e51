"""The lex gate: text to tokens by Trino's token rules, with limits before any parsing.

A token's ``key`` is what grammars compare: the upper-cased text of a word, the text of
an operator, else one of ``STRING UNICODE QUOTED NUMBER HEX``. Quoted text therefore never
equals a keyword.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from gateway.errors import MeshgateError
from gateway.sql.limits import check_shape, check_text, check_token_count

STRING, QUOTED, NUMBER, HEX, END = "<string>", "<quoted>", "<number>", "<hex>", "<EOF>"
UNICODE = "<unicode string>"


class Token(NamedTuple):
    """One token: ``text`` as written, offsets ``start:end``, 1-based ``line`` and ``column``."""

    key: str
    text: str
    start: int
    end: int
    line: int
    column: int

    @property
    def is_word(self) -> bool:
        """Whether this is an unquoted word (keyword or identifier)."""
        first = self.text[:1]
        return self.key not in {HEX, UNICODE} and (first == "_" or first.isalpha())

    @property
    def value(self) -> str:
        """The text meant: quotes undone, hex digits without blanks, numbers in plain digits."""
        if self.key is NUMBER:
            return plain_number(self.text)
        if self.key is STRING:
            return self.text[1:-1].replace("''", "'")
        if self.key is QUOTED:
            return self.text[1:-1].replace('""', '"')
        if self.key is HEX:
            return "".join(self.text[2:-1].split())
        if self.key is UNICODE:
            return self.text[3:-1].replace("''", "'")
        return self.text


_TOKEN = re.compile(
    r"""
      (?P<skip>(?:[ \t\r\n]+|--[^\r\n]*|/\*(?s:.*?)\*/)+)
    | (?P<hex>[xX]'[^']*')
    | (?P<unicode>[uU]&'(?:[^']|'')*')
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<string>'(?:[^']|'')*')
    | (?P<number>(?>
          0[xX](?:_?[0-9A-Fa-f])+ | 0[oO](?:_?[0-7])+ | 0[bB](?:_?[01])+
        | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]+
        | [0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)? | \.[0-9](?:_?[0-9])*
      )(?![A-Za-z0-9_]))
    | (?P<op><>|!=|<=|>=|\|\||->|=>|[<>=+\-*/%()\[\],.?]|:(?![:=]))
    """,
    re.VERBOSE,
)
_BAD_TEXT = re.compile("[\x00\ud800-\udfff]")
_KINDS = {"hex": HEX, "unicode": UNICODE, "quoted": QUOTED, "string": STRING, "number": NUMBER}
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_LONGEST_BITS = 64


def plain_number(text: str) -> str:
    """Write ``1_000``, ``0x1F``, ``0o17`` and ``0b11`` in decimal digits; others stay."""
    if text.isdigit():
        return text
    digits = text.replace("_", "")
    base = _BASES.get(digits[:2].lower())
    if base is None:
        return digits
    number = int(digits, base)
    # thousands of digits cannot be converted, and need not: the grammar refuses them
    return str(number) if number.bit_length() <= _LONGEST_BITS else "9" * _LONGEST_BITS


def own_tokens(text: str) -> tuple[Token, ...]:
    """Split text written here: the limits on what users write were kept before it grew."""
    return tuple(_split(text, text, limited=False))


def tokens(text: str) -> tuple[Token, ...]:
    """Split one statement; a final ``;`` is dropped.

    Raises:
        MeshgateError: QUERY_TEXT_TOO_LARGE, QUERY_REJECTED (limits), SYNTAX_ERROR (not
            Trino's tokens), NOT_SUPPORTED (Trino's, but not read here).

    """
    check_text(text)
    bad = _BAD_TEXT.search(text)
    if bad:
        _fail(text, bad.start(), "the statement holds a NUL or half a surrogate pair; remove it")
    found = _split(_without_semicolon(text), text)
    check_shape(found)
    return tuple(found)


def _split(body: str, text: str, *, limited: bool = True) -> list[Token]:
    found: list[Token] = []
    line, line_start, at, size = 1, 0, 0, len(body)
    match = _TOKEN.match
    while at < size:
        hit = match(body, at)
        if hit is None:
            _refuse(text, at)
        kind, end = hit.lastgroup, hit.end()
        raw = body[at:end]
        if kind != "skip":
            key = raw.upper() if kind == "word" else raw if kind == "op" else _KINDS[kind or ""]
            found.append(Token(key, raw, at, end, line, at - line_start + 1))
            if limited:
                check_token_count(len(found))
        if "\n" in raw and kind in {"skip", "quoted", "string", "hex", "unicode"}:
            line += raw.count("\n")
            line_start = at + raw.rindex("\n") + 1
        at = end
    return found


def _without_semicolon(text: str) -> str:
    """Drop one final ``;`` outside quotes and comments, and the blanks after it."""
    trimmed = text.rstrip(" \t\r\n")
    return trimmed[:-1] if trimmed.endswith(";") else text


def _refuse(text: str, at: int) -> NoReturn:
    """Name what cannot be read at an offset."""
    char = text[at]
    if char in "\"'":
        _fail(text, at, f"mismatched input '{char}': the quote is never closed")
    if char.isdigit() and char.isascii():
        _refuse_number(text, at)
    if not char.isascii():
        _fail(text, at, f"mismatched input '{char}': write such letters in double quotes")
    if char == "&" and text[at - 1 : at] in {"U", "u"} and text[at + 1 : at + 2] == '"':
        raise _unread(text, at - 1, 'a U&"…" name', "write the characters themselves")
    if char == ":":
        raise _unread(text, at, "':'", "of JSON, use json_extract, json_parse and json_format")
    if char == ";":
        _fail(text, at, "mismatched input ';'. Expecting: <EOF> (send one statement at a time)")
    _fail(text, at, f"mismatched input '{char}'")


def _refuse_number(text: str, at: int) -> NoReturn:
    word = re.compile(r"[0-9][0-9A-Za-z_.]*").match(text, at)
    raw = word.group() if word else text[at]
    if re.fullmatch(r"0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9_.]+", raw):
        raise _unread(text, at, f"the number {raw}", "write it in plain decimal digits")
    _fail(text, at, f"mismatched input '{raw}': identifiers must not start with a digit")


def _unread(text: str, at: int, what: str, advice: str) -> MeshgateError:
    line, column = _place(text, at)
    message = f"line {line}:{column}: {what} is not supported: {advice}"
    return MeshgateError("NOT_SUPPORTED", message, line=line, column=column)


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _fail(text: str, at: int, message: str) -> NoReturn:
    line, column = _place(text, at)
    raise MeshgateError(
        "SYNTAX_ERROR", f"line {line}:{column}: {message}", line=line, column=column
    )
