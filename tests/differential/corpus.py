"""The statements of the differential, one a line in ``corpus/*.txt``, by topic.

Before a statement, a line ``! reason`` declares that the gateway refuses it although Trino answers
(for some person at least), ``~ reason`` that Trino's native enforcement refuses what the gateway
answers; a line ``#`` is a heading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Shape:
    """One statement; ``stricter`` and ``looser`` say why one side alone refuses it."""

    topic: str
    line: int
    sql: str
    stricter: str = ""
    looser: str = ""

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.topic}:{self.line}"

    @property
    def ordered(self) -> bool:
        """Whether the order of rows is part of the answer."""
        depth, quote, kept = 0, "", ""
        for char in self.sql:
            if quote or char in "'\"":
                quote = "" if char == quote else quote or char
                continue
            depth += (char == "(") - (char == ")")
            kept += char if depth == 0 else ""
        return "ORDER BY" in kept or ("ORDER BY" in self.sql and "EXECUTE" in kept)


def shapes() -> list[Shape]:
    """All of them; raises ValueError for a statement that stands there twice."""
    found: list[Shape] = []
    for path in sorted(FOLDER.glob("*.txt")):
        stricter = looser = ""
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.startswith("! "):
                stricter = line[2:]
            elif line.startswith("~ "):
                looser = line[2:]
            elif line and not line.startswith("#"):
                found.append(Shape(path.stem, number, line, stricter, looser))
                stricter = looser = ""
    seen = [shape.sql for shape in found]
    if twice := {sql for sql in seen if seen.count(sql) > 1}:
        raise ValueError(f"twice: {sorted(twice)}")
    return found
