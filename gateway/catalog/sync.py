"""Writes Iceberg's field ids into a domain file; every comment, order and word stays.

An id that is there already stays too: where it differs, somebody has to look at the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.catalog.iceberg import IcebergTable
from gateway.catalog.nodes import Node, compose

Lookup = Callable[[str], Mapping[str, int] | None]
"""The field ids of a table (``schema.table``) by lower-case column; None: not known."""

_KEY = re.compile(r"""("[^"]*"|'[^']*'|[A-Za-z0-9_]+)(\s*:(?=\s|$|,|\}))?""", re.MULTILINE)

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class SyncError(ValueError):
    """A file that cannot be changed by place, or whose change would not read back the same."""


@dataclass(frozen=True, slots=True)
class Written:
    """One id that was written: the line in the old file, ``schema.table.column``, the id."""

    line: int
    column: str
    field_id: int


@dataclass(frozen=True, slots=True)
class _Edit:
    at: int
    text: str
    written: Written


def ids_of(table: IcebergTable) -> Mapping[str, int]:
    """The field ids of one table by lower-case column."""
    return {field.name.lower(): field.field_id for field in table.fields}


def sync(content: bytes, lookup: Lookup) -> tuple[bytes, tuple[Written, ...]]:
    """Give the file with the missing field ids, and which those are.

    Raises:
        SyncError: the file has problems of its own, or a form that is not understood.

    """
    root = _tree(content)
    text = content.decode()
    edits = list(_edits(root, _Places(text), lookup))
    for edit in sorted(edits, key=lambda edit: edit.at, reverse=True):
        text = text[: edit.at] + edit.text + text[edit.at :]
    written = tuple(edit.written for edit in edits)
    changed = text.encode()
    if _plain(_tree(changed)) != _expected(root, written):
        raise SyncError("the changed file would say something else: write the ids by hand")
    return changed, written


def _tree(content: bytes) -> Node:
    problems: list[str] = []
    root = compose(
        content, lambda line, column, _, said: problems.append(f"{line}:{column}: {said}")
    )
    if root is None or problems:
        raise SyncError("; ".join(problems) or "the file is empty")
    return root


class _Places:
    """Turns YAML's lines and columns into offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def offset(self, node: Node) -> int:
        return self._starts[node.line - 1] + node.column - 1


def _edits(root: Node, places: _Places, lookup: Lookup) -> Iterator[_Edit]:
    for table, columns in _columns(root):
        known = lookup(table)
        for key, value in columns:
            field_id = (known or {}).get(key.value)
            if field_id is None or _has(value, "field_id"):
                continue
            at, text = _insertion(places, key, value, field_id)
            yield _Edit(at, text, Written(key.line, f"{table}.{key.value}", field_id))


def _columns(root: Node) -> Iterator[tuple[str, tuple[tuple[Node, Node], ...]]]:
    tables = _child(root, "tables")
    for table in tables.children if tables else ():
        name, columns = _child(table, "name"), _child(table, "columns")
        if name is not None and columns is not None:
            yield name.value, columns.items


def _insertion(places: _Places, key: Node, value: Node, field_id: int) -> tuple[int, str]:
    """Where to write, and what: into a map in braces, before a block, or after a bare key."""
    entry = f"field_id: {field_id}"
    if value.kind == "map":
        start = places.offset(value)
        if places.text[start : start + 1] == "{":
            return start + 1, entry + (", " if value.items else "")
        first = value.items[0][0]
        return places.offset(first), f"{entry}\n{' ' * (first.column - 1)}"
    found = _KEY.match(places.text, places.offset(key))
    if value.kind != "null" or value.value or found is None:
        raise SyncError(f"line {key.line}: {key.value} is not understood: write its id by hand")
    colon = "" if found.group(2) else ":"
    return found.end(), f"{colon} {{{entry}}}"


def _child(node: Node, key: str) -> Node | None:
    return next((value for word, value in node.items if word.value == key), None)


def _has(node: Node, key: str) -> bool:
    return _child(node, key) is not None


def _plain(node: Node) -> Node:
    """The same tree without places and without order of keys."""
    items = tuple(
        sorted(
            ((_plain(key), _plain(value)) for key, value in node.items), key=lambda i: i[0].value
        )
    )
    children = tuple(_plain(child) for child in node.children)
    return replace(node, line=0, column=0, items=items, children=children)


def _expected(root: Node, written: tuple[Written, ...]) -> Node:
    """The tree the changed file has to have."""
    ids = {one.column: str(one.field_id) for one in written}

    def with_ids(table: Node) -> Node:
        name = _child(table, "name")
        prefix = name.value if name else ""

        def column(key: Node, value: Node) -> tuple[Node, Node]:
            given = ids.get(f"{prefix}.{key.value}")
            if given is None:
                return key, value
            entry = (Node("str", 0, 0, "field_id"), Node("int", 0, 0, given))
            return key, Node("map", 0, 0, items=(*value.items, entry))

        return _mapped(table, "columns", lambda columns: _each(columns, column))

    def all_tables(tables: Node) -> Node:
        return replace(tables, children=tuple(with_ids(table) for table in tables.children))

    return _plain(_mapped(root, "tables", all_tables))


def _mapped(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    items = tuple((k, change(v) if k.value == key else v) for k, v in node.items)
    return replace(node, items=items)


def _each(node: Node, change: Callable[[Node, Node], tuple[Node, Node]]) -> Node:
    return replace(node, items=tuple(change(key, value) for key, value in node.items))
