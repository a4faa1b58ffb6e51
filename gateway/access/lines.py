"""YAML with line numbers: every value remembers where it stands, nothing is retyped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.catalog.model import Problem

_TEXT, _INT, _BOOL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:bool"


@dataclass(frozen=True, slots=True)
class Place:
    """One node of a file."""

    node: yaml.Node
    file: str
    report: Callable[[Problem], None]

    def problem(self, code: str, message: str) -> None:
        """Report a finding at this node."""
        mark = self.node.start_mark
        self.report(Problem(self.file, mark.line + 1, mark.column + 1, code, message))

    def mapping(self, required: set[str], optional: set[str] | None = None) -> dict[str, Place]:
        """The entries of a mapping with these keys; findings for any other shape."""
        entries = self.entries()
        allowed = required | (optional or set())
        for key, value in entries.items():
            if key not in allowed:
                value.problem(
                    "unknown_key", f"unknown key {key}; known: {', '.join(sorted(allowed))}"
                )
        for key in sorted(required - entries.keys()):
            self.problem("missing_key", f"{key} is missing")
        return entries

    def entries(self) -> dict[str, Place]:
        """The entries of a mapping with any keys."""
        if not isinstance(self.node, yaml.MappingNode):
            self.problem("wrong_type", "expected a mapping")
            return {}
        found: dict[str, Place] = {}
        for key, value in self.node.value:
            place = Place(value, self.file, self.report)
            name = str(key.value)
            if name in found:
                place.problem("duplicate_key", f"{name} stands twice")
            found[name] = place
        return found

    def items(self) -> list[Place]:
        """The elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.problem("wrong_type", "expected a list")
            return []
        return [Place(child, self.file, self.report) for child in self.node.value]

    def text(self) -> str:
        """A text; YAML's retyped scalars (no, 12, 2026-01-01) must be quoted."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag == _TEXT:
            return str(self.node.value)
        self.problem("wrong_type", "expected a text: put it in quotes")
        return ""

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def plain(self) -> Any:  # noqa: ANN401 - JSON of any shape
        """JSON of texts, integers, booleans, lists and mappings."""
        if isinstance(self.node, yaml.MappingNode):
            return {key: value.plain() for key, value in self.entries().items()}
        if isinstance(self.node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        if self.node.tag == _INT:
            return int(self.node.value)
        if self.node.tag == _BOOL:
            return self.node.value.lower() == "true"
        return self.text()


def compose(path: Path, report: Callable[[Problem], None]) -> Place | None:
    """The root of a YAML file; None (and a finding) if it cannot be read."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        report(Problem(str(path), 1, 1, "unreadable", f"cannot be read: {error}"))
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        report(Problem(str(path), line, column, "yaml", str(error.problem)))
        return None
    except yaml.YAMLError as error:
        report(Problem(str(path), 1, 1, "yaml", str(error).splitlines()[0]))
        return None
    if root is None:
        report(Problem(str(path), 1, 1, "empty", "the file is empty"))
        return None
    return Place(root, str(path), report)
