"""Statements recorded from real clients against Trino 476: reading the files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FILES = ("cli", "jdbc", "sqlalchemy")
"""Clients whose statements run through a whole gateway."""
ALL = (*FILES, "dbt", "ge", "go", "superset")
_DATA = Path(__file__).parent / "data"
_HEAD = r"-- [^\n]*\| n=\d+ \|"


@dataclass(frozen=True, slots=True)
class Capture:
    """One statement and what Trino made of it: rows or an update type, perhaps an error."""

    number: int
    sql: str
    outcome: str
    error: str | None


def load(name: str) -> list[Capture]:
    """Read one client's statements, in the order they were first seen."""
    text = (_DATA / f"{name}.sql").read_text(encoding="utf-8")
    blocks = re.split(rf"\n\n(?={_HEAD})", text)[1:]
    assert len(blocks) == len(re.findall(rf"^{_HEAD}", text, re.MULTILINE))
    return [_capture(number, block) for number, block in enumerate(blocks, 1)]


def _capture(number: int, block: str) -> Capture:
    note, _, sql = block.partition("\n")
    outcome, *error = re.split(r"\| n=\d+ \| ", note)[1].split(" | ")
    return Capture(number, sql.strip().removesuffix(";"), outcome, error[0] if error else None)
