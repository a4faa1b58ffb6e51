"""Rego text into tokens with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>\#[^\n]*)
  | (?P<template>\$(?:"(?:[^"\\\n]|\\.)*"|`[^`]*`))
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<raw>`[^`]*`)
  | (?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<mark>:=|==|!=|<=|>=|[-+*/%&|<>=.,;:(){}\[\]])
    """,
    re.VERBOSE,
)


class RegoSyntaxError(ValueError):
    """Text that is not Rego as this reader knows it."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``gap``: white space stands before it; ``fresh``: it begins a line."""

    kind: str
    text: str
    line: int
    column: int
    gap: bool = True
    fresh: bool = True


def tokens(text: str) -> tuple[Token, ...]:
    """All tokens, comments left out, an ``end`` token last. Raises RegoSyntaxError."""
    found: list[Token] = []
    at, line, start, gap, fresh = 0, 1, 0, True, True
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise RegoSyntaxError(f"unexpected character {text[at]!r}", line, at - start + 1)
        kind, piece = str(match.lastgroup), match.group()
        if kind in {"space", "comment"}:
            gap = True
            fresh = fresh or "\n" in piece
        else:
            found.append(Token(kind, piece, line, at - start + 1, gap, fresh))
            gap = fresh = False
        if "\n" in piece:
            line += piece.count("\n")
            start = at + piece.rindex("\n") + 1
        at = match.end()
    found.append(Token("end", "", line, at - start + 1))
    return tuple(found)
