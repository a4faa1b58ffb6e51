"""Trino's answers to the differential's statements, recorded: what bare machines replay."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.differential.corpus import Shape, shapes
from tests.differential.sides import PEOPLE, Asked
from tests.differential.wire import Answer, settled

FILE = Path(__file__).parents[1] / "oracle" / "data" / "trino_shapes.jsonl"


@dataclass(frozen=True)
class Recorded:
    """One statement of one person with Trino's answer over what that person should see."""

    person: str
    sql: str
    heads: tuple[tuple[str, str], ...] = ()
    rows: tuple[Any, ...] = ()
    error: str = ""

    @property
    def answer(self) -> Answer:
        """As a side of the differential gives it."""
        return Answer(self.heads, self.rows, self.error)


def questions() -> list[tuple[Shape, Asked]]:
    """Every shape as one person, in turn."""
    return [
        (shape, Asked(PEOPLE[at % len(PEOPLE)], shape.sql, shape.ordered))
        for at, shape in enumerate(shapes())
    ]


def recorded() -> dict[tuple[str, str], Recorded]:
    """All answers by person and statement."""
    found = {}
    for line in FILE.read_text("utf-8").splitlines():
        raw = json.loads(line)
        heads = tuple((name, kind) for name, kind in raw.get("heads", ()))
        rows = tuple(tuple(row) for row in raw.get("rows", ()))
        one = Recorded(raw["as"], raw["sql"], heads, rows, raw.get("error", ""))
        found[one.person, one.sql] = one
    return found


def record(answers: Iterable[tuple[Asked, Answer]]) -> None:
    """Write the file anew; rows that have no order are sorted."""
    with FILE.open("w", encoding="utf-8") as file:
        for asked, answer in answers:
            line: dict[str, Any] = {"as": asked.person, "sql": asked.sql}
            if answer.error:
                line["error"] = answer.error
            else:
                line["heads"] = answer.heads
                line["rows"] = settled(answer.rows, ordered=asked.ordered)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
