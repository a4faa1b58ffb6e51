"""Typed access to YAML nodes; every breach becomes a problem with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from gateway.catalog.model import Problem
from gateway.catalog.nodes import Node

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Reader:
    """Collects the problems of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def report(self, line: int, column: int, code: str, message: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(self.file, line, column, code, message))

    def at(self, node: Node, code: str, message: str) -> None:
        """Note one problem where the node stands."""
        self.report(node.line, node.column, code, message)

    def text(self, node: Node) -> str:
        """Give a text; numbers and booleans must be quoted to be text."""
        if node.kind in {"map", "list"}:
            self.at(node, "wrong-type", f"expected text, found a {node.kind}")
            return ""
        if node.kind != "str":
            self.at(node, "retyped-scalar", f'expected text: write "{node.value}"')
        return node.value

    def name(self, node: Node) -> str:
        """Give an identifier."""
        text = self.text(node)
        if not _NAME.fullmatch(text):
            self.at(node, "bad-name", f'"{text}" is not of the form [a-z][a-z0-9_]*')
        return text

    def choice(self, node: Node, options: Iterable[str]) -> str:
        """Give one of a closed list of words."""
        text, allowed = self.text(node), tuple(options)
        if text not in allowed:
            self.at(node, "bad-value", f'"{text}" is none of {", ".join(allowed)}')
        return text

    def elements(self, node: Node) -> tuple[Node, ...]:
        """Give a list's elements."""
        if node.kind != "list":
            self.at(node, "wrong-type", f"expected a list, found {node.kind}")
        return node.children

    def integer(self, node: Node) -> int:
        """Give a whole number; 0 after a problem."""
        if node.kind != "int":
            self.at(node, "wrong-type", f"expected a whole number, found {node.kind}")
            return 0
        return int(node.value)

    def flag(self, node: Node) -> bool:
        """Give true or false."""
        if node.kind != "bool":
            self.at(node, "wrong-type", f"expected true or false, found {node.kind}")
        return node.value == "true"


class Fields:
    """A map with a closed set of keys; absent required keys are reported at once."""

    def __init__(
        self,
        reader: Reader,
        node: Node,
        *,
        required: Sequence[str] = (),
        optional: Sequence[str] = (),
    ) -> None:
        self.reader = reader
        self.mark = node
        self._nodes: dict[str, Node] = {}
        if node.kind != "map":
            reader.at(node, "wrong-type", f"expected a map, found {node.kind}")
            return
        known = (*required, *optional)
        for key, value in node.items:
            if key.value in known:
                self._nodes[key.value] = value
            else:
                reader.at(key, "unknown-key", _unknown(key.value, known))
        for key_name in required:
            if self.node(key_name) is None:
                reader.at(self.mark_of(key_name), "missing-key", f"{key_name} is required here")

    def node(self, key: str) -> Node | None:
        """Give the value's node; None when absent, or left empty."""
        node = self._nodes.get(key)
        return None if node is None or node.kind == "null" else node

    def mark_of(self, key: str) -> Node:
        """Give the place to blame: the value, else the map."""
        return self._nodes.get(key, self.mark)

    def text(self, key: str, default: str = "") -> str:
        """Give a text."""
        node = self.node(key)
        return default if node is None else self.reader.text(node)

    def name(self, key: str) -> str:
        """Give an identifier."""
        node = self.node(key)
        return "" if node is None else self.reader.name(node)

    def choice(self, key: str, options: Iterable[str], default: str = "") -> str:
        """Give one of a closed list of words."""
        node = self.node(key)
        return default if node is None else self.reader.choice(node, options)

    def integer(self, key: str) -> int | None:
        """Give a whole number."""
        node = self.node(key)
        return None if node is None else self.reader.integer(node)

    def flag(self, key: str) -> bool:
        """Give true or false; false when absent."""
        node = self.node(key)
        return node is not None and self.reader.flag(node)

    def elements(self, key: str) -> tuple[Node, ...]:
        """Give a list's nodes."""
        node = self.node(key)
        return () if node is None else self.reader.elements(node)

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a list of texts."""
        return tuple(self.reader.text(node) for node in self.elements(key))

    def maps(
        self, key: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> Iterator[Fields]:
        """Give a list of maps."""
        for node in self.elements(key):
            yield Fields(self.reader, node, required=required, optional=optional)

    def entries(self, key: str) -> tuple[tuple[Node, Node], ...]:
        """Give a map with free keys as (key, value) nodes."""
        node = self.node(key)
        if node is not None and node.kind != "map":
            self.reader.at(node, "wrong-type", f"expected a map, found {node.kind}")
        return () if node is None else node.items


def _unknown(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"{key} is not a key here; {hint}"
