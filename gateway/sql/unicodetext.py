"""What ``U&'…' UESCAPE 'c'`` means, decoded by Trino's rules."""

from __future__ import annotations

import re

_HEX = "0123456789abcdefABCDEF"
_LAST = 0x10FFFF


def decoded(text: str, escape: str) -> str:
    r"""Decode escapes ``\XXXX``, ``\+XXXXXX`` and the doubled escape character.

    Raises:
        ValueError: not an escape character, not an escape, or no character of a text.

    """
    if not escape:
        raise ValueError("Empty Unicode escape character")
    if len(escape) != 1 or not "!" <= escape <= "~" or escape in _HEX + "\"+'":
        raise ValueError(f"Invalid Unicode escape character: {escape}")
    one = re.escape(escape)
    form = re.compile(rf"{one}(?:({one})|\+([0-9a-fA-F]{{6}})|([0-9a-fA-F]{{4}})|)")
    return form.sub(_character, text)


def _character(hit: re.Match[str]) -> str:
    doubled, long, short = hit.groups()
    if doubled:
        return str(doubled)
    digits = long or short
    if digits is None:
        raise ValueError("Incomplete escape sequence in a Unicode text")
    code = int(digits, 16)
    if code > _LAST:
        raise ValueError(f"Invalid escaped character: {digits}")
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates
        raise ValueError(f"Invalid escaped character: {digits}. It is half of a character")
    if code == 0:
        raise ValueError("Invalid escaped character: NUL cannot stand in a statement")
    return chr(code)
