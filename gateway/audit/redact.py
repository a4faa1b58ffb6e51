"""SQL text without its literals, for audit records and logs."""

from __future__ import annotations

from hashlib import sha256

from gateway.errors import MeshgateError
from gateway.sql.lex import HEX, NUMBER, QUOTED, STRING, Token, tokens

UNREADABLE = "<unreadable>"
_LITERALS = frozenset([STRING, NUMBER, HEX])


def redact(text: str, *, strict: bool = False) -> str:
    """Replace every literal by ``?`` and drop comments; text that is not Trino's is left out whole.

    ``strict`` hides quoted names too: in a statement that was never bound, ``"…"`` may be a
    value in the wrong quotes.
    """
    try:
        found = tokens(text)
    except MeshgateError:
        return UNREADABLE
    hidden = _LITERALS | {QUOTED} if strict else _LITERALS
    return "".join(_pieces(found, hidden))


def _pieces(found: tuple[Token, ...], hidden: frozenset[str]) -> list[str]:
    pieces: list[str] = []
    end = None
    for token in found:
        if end is not None and token.start > end:
            pieces.append(" ")
        pieces.append("?" if token.key in hidden else token.text)
        end = token.end
    return pieces


def fingerprint(redacted: str) -> str:
    """Name a statement's shape: equal for statements that differ in literals alone."""
    return sha256(redacted.encode()).hexdigest()
