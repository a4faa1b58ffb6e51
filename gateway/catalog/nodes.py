"""YAML as nodes with line marks, without YAML's surprises.

Anchors, aliases, tags, repeated keys and values that YAML retypes silently (``no``, ``0123``,
``12:30``, dates) are refused: what a steward reads is what the gateway reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import yaml

MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_CANONICAL = re.compile(r"true|false|0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]+")
_resolver = yaml.resolver.Resolver()

Report = Callable[[int, int, str, str], None]


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it stands (1-based). ``plain`` scalars carry YAML's type in ``kind``.

    ``kind`` is map, list, str, int, bool, float or null; ``value`` a scalar's text;
    ``items`` a map's entries as (key node, value node), ``children`` a list's elements.
    """

    kind: str
    line: int
    column: int
    value: str = ""
    items: tuple[tuple[Node, Node], ...] = ()
    children: tuple[Node, ...] = ()


class _Mark(Protocol):
    """A place as both of PyYAML's parsers give it, from 0."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


class _YamlError(Exception):
    def __init__(self, event: yaml.Event, code: str, message: str) -> None:
        super().__init__(message)
        self.at = _at(event)
        self.code = code


def compose(content: bytes, report: Report) -> Node | None:
    """Read one YAML document; problems go to ``report(line, column, code, message)``.

    Gives None after a problem that leaves no tree to look at.
    """
    if len(content) > MAX_BYTES:
        report(1, 1, "syntax", f"larger than {MAX_BYTES:,} bytes")
        return None
    try:
        return _Builder(content.decode(), report).document()
    except _YamlError as error:
        report(*error.at, error.code, str(error))
    except yaml.MarkedYAMLError as error:
        report(*_place(error.problem_mark), "syntax", error.problem or "not YAML")
    except (yaml.YAMLError, UnicodeDecodeError):
        report(1, 1, "syntax", "not YAML in UTF-8")
    return None


class _Builder:
    """Folds the parser's events into nodes; nesting is bounded, so recursion is."""

    def __init__(self, text: str, report: Report) -> None:
        self._events = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._report = report

    def document(self) -> Node | None:
        """Give the only document of the stream."""
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            self._report(1, 1, "syntax", "the file is empty")
            return None
        root = self._node(next(self._events), 0)
        next(self._events)
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _YamlError(following, "syntax", "one document a file")
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _YamlError(event, "alias", "anchors and aliases are refused: write it out")
        if getattr(event, "tag", None) is not None:
            raise _YamlError(event, "alias", "tags are refused")
        if depth > _MAX_DEPTH:
            raise _YamlError(event, "syntax", f"nested deeper than {_MAX_DEPTH}")
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event)

    def _map(self, start: yaml.Event, depth: int) -> Node:
        items: dict[str, tuple[Node, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if key.kind in {"map", "list"}:
                raise _YamlError(event, "syntax", "a key is a plain word")
            if key.value in items:
                first = items[key.value][0].line
                self._report(
                    key.line, key.column, "duplicate-key", f"{key.value} stands in line {first} too"
                )
            items[key.value] = (key, value)
        return Node("map", *_at(start), items=tuple(items.values()))

    def _list(self, start: yaml.Event, depth: int) -> Node:
        children: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            children.append(self._node(event, depth + 1))
        return Node("list", *_at(start), children=tuple(children))

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        if not event.implicit[0] or event.style:
            return Node("str", *_at(event), value=event.value)
        tag = _resolver.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]
        kind = str(tag).rpartition(":")[2]
        if kind in {"str", "int", "bool", "float", "null"} and (
            kind == "str" or _CANONICAL.fullmatch(event.value) or not event.value
        ):
            return Node(kind, *_at(event), value=event.value)
        self._report(
            *_at(event),
            "retyped-scalar",
            f'YAML reads {event.value} as {kind}: write "{event.value}", or true, false, 123, 0.5',
        )
        return Node("str", *_at(event), value=event.value)


def _at(event: yaml.Event) -> tuple[int, int]:
    return _place(event.start_mark)


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
