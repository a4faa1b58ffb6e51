"""Files of statements, and a report of what became of them: accepted, refused by reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PIECE = re.compile(
    r"""
      (?P<skip>[ \t\r\n]+|--[^\n]*|/\*(?s:.*?)\*/)
    | (?P<end>;)
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | [A-Za-z0-9_]+ | (?s:.)
    """,
    re.VERBOSE,
)
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Written:
    """One statement of a file, without what stands before it; ``line`` is where it begins."""

    line: int
    sql: str


def split(text: str) -> Iterator[Written]:
    """Split a file at each ``;`` outside quotes and comments; blanks alone are no statement."""
    begin = end = None
    for hit in _PIECE.finditer(text):
        if hit.lastgroup == "end":
            if begin is not None:
                yield _written(text, begin, end)
            begin = None
        elif hit.lastgroup != "skip":
            begin = hit.start() if begin is None else begin
            end = hit.end()
    if begin is not None:
        yield _written(text, begin, end)


def _written(text: str, begin: int, end: int | None) -> Written:
    return Written(text.count("\n", 0, begin) + 1, text[begin:end])


@dataclass(slots=True)
class Report:
    """What became of statements; ``refused`` holds the places of each reason."""

    governed: int = 0
    answered: int = 0
    refused: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, place: str, answer: Mapping[str, Any]) -> None:
        """Count one statement, found at a place; ``answer`` is that of ``LinePlanner``."""
        if answer["outcome"] == "refused":
            error = answer["error"]
            reason = error["name"], _reason(error["message"])
            self.refused.setdefault(reason, []).append(place)
        elif answer["outcome"] == "governed":
            self.governed += 1
        else:
            self.answered += 1

    def lines(self) -> Iterator[str]:
        """Write the figures, then each reason with its count, most frequent first."""
        refused = sum(map(len, self.refused.values()))
        total = self.governed + self.answered + refused
        share = f" ({refused / total:.1%})" if total else ""
        yield (
            f"{total} statements: {self.governed} governed, {self.answered} answered by the "
            f"gateway, {refused} refused{share}"
        )
        for (name, reason), places in sorted(self.refused.items(), key=_most_frequent):
            named = ", ".join(places[:_EXAMPLES]) + (", …" if len(places) > _EXAMPLES else "")
            yield f"{len(places):>6}  {name}: {reason}  [{named}]"


def _most_frequent(item: tuple[tuple[str, str], list[str]]) -> tuple[int, tuple[str, str]]:
    return -len(item[1]), item[0]


def _reason(message: str) -> str:
    """Leave the place in the text and the names it quotes out of a message."""
    return re.sub(r"'[^']*'", "'…'", re.sub(r"^line \d+:\d+: ", "", message))
