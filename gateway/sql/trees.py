"""Small tools on trees: a fast private copy, fresh names."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from gateway.names import fold
from gateway.sql.scopes import compare_key


def copy_tree(node: exp.Expression) -> exp.Expression:
    """Copy a tree with its ``meta`` (shallow): what ``resolve`` and ``bind`` change."""
    args: dict[str, object] = {}
    for key, value in node.args.items():
        if isinstance(value, exp.Expression):
            args[key] = copy_tree(value)
        elif type(value) is list:
            args[key] = [copy_tree(v) if isinstance(v, exp.Expression) else v for v in value]
        else:
            args[key] = value
    copy = node.__class__(**args)
    if node._meta:  # noqa: SLF001 - the property would make a dict for every node
        copy._meta = dict(node._meta)  # noqa: SLF001
    return copy


class FreshNames:
    """Hands out aliases that no identifier of a tree uses."""

    def __init__(self, tree: exp.Expression) -> None:
        self._tree = tree
        self._taken: set[str] | None = None
        self._count = 0

    def take(self, stem: str) -> str:
        """Return ``stem`` with the next free number."""
        if self._taken is None:
            self._taken = {fold(node.this) for node in self._tree.find_all(exp.Identifier)}
        while True:
            self._count += 1
            name = f"{stem}{self._count}"
            if name not in self._taken:
                return name


def unique_keys(names: Iterable[str | None]) -> list[str]:
    """Name every column of a derived table once: unnamed ones ``_colN``, doubles with ``$N``."""
    given = list(names)
    taken = {compare_key(name) for name in given if name is not None}
    counts: dict[str, int] = {}
    seen: set[str] = set()
    keys = []
    for index, name in enumerate(given):
        key = name
        if name is None or compare_key(name) in seen:
            key = _fresh(f"_col{index}" if name is None else name, taken, counts, bare=name is None)
        assert key is not None
        seen.add(compare_key(key))
        taken.add(compare_key(key))
        keys.append(key)
    return keys


def _fresh(stem: str, taken: set[str], counts: dict[str, int], *, bare: bool) -> str:
    """Name a column like no other; ``counts`` spares every double the numbers already given."""
    if bare and compare_key(stem) not in taken:
        return stem
    count = counts.get(compare_key(stem), int(bare))
    while True:
        count += 1
        key = f"{stem}${count}"
        if compare_key(key) not in taken:
            counts[compare_key(stem)] = count
            return key
