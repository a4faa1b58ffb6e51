"""The one script every client runs: statements with the answers they must give."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.datatypes import DataType

Row = tuple[str | None, ...]
_LATE = re.compile(r"^(time|timestamp)( with time zone)(\(\d+\))$")


@dataclass(frozen=True, slots=True)
class Step:
    """Statements of one connection; the last one's answer, as text, is what counts."""

    name: str
    who: str
    sql: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[Row, ...] = ()
    error: str | None = None
    message: str = ""
    warnings: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client heard; what it cannot tell is None."""

    columns: tuple[tuple[str, str], ...] | None = None
    rows: tuple[Row, ...] = ()
    error: str | None = None
    message: str | None = None
    warnings: tuple[str, ...] | None = None

    def check(self, step: Step) -> None:
        """Compare with what the script says, as far as the client can tell."""
        if step.error is not None:
            assert self.message is not None, f"{step.error} expected, got {self.rows[:3]}"
            assert step.message in self.message
            assert self.error in {step.error, None}
            return
        assert self.message is None, self.message
        assert self.rows == step.rows
        if self.columns is not None:
            assert _typed(self.columns) == _typed(step.columns)
        if self.warnings is not None and step.warnings is not None:
            assert self.warnings == step.warnings


def _typed(columns: tuple[tuple[str, str], ...]) -> list[tuple[str, DataType]]:
    """Types by meaning: JDBC drivers write ``decimal(12,2)``, ``timestamp with time zone(6)``."""
    return [(name, DataType.parse(_LATE.sub(r"\1\3\2", kind))) for name, kind in columns]


def load() -> list[Step]:
    """Read the script."""
    text = (Path(__file__).parent / "data" / "script.json").read_text(encoding="utf-8")
    return [_step(entry) for entry in json.loads(text)]


def _step(entry: dict[str, Any]) -> Step:
    return Step(
        entry["name"],
        entry["as"],
        tuple(entry["sql"]),
        tuple((name, kind) for name, kind in entry.get("columns", ())),
        tuple(tuple(row) for row in entry.get("rows", ())),
        entry.get("error"),
        entry.get("message", ""),
        tuple(entry["warnings"]) if "warnings" in entry else None,
    )


def text(value: Any) -> str | None:
    """A client's value as the protocol writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        zone = f" {value.tzname()}" if value.tzinfo else ""
        return value.replace(tzinfo=None).isoformat(" ", "microseconds") + zone
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
