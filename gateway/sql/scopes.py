"""What names mean where: fields, relations, and scopes that are searched outward."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sqlglot import exp

from gateway.names import TableName, fold

Source = tuple[Literal["scan", "derived"], int]
Origin = tuple[TableName, str]


@dataclass(slots=True)
class Relation:
    """One relation of a FROM clause.

    ``qualifier`` are the folded parts a reference may end with (``("sch", "t")``; empty
    for a derived table without alias); ``hides`` says that the decision hides columns,
    ``denied`` which (compare key to table and column): for the audit record alone.
    """

    alias: exp.Identifier
    qualifier: tuple[str, ...]
    source: Source
    node: exp.Expression
    hides: bool = False
    denied: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    folded: str = field(init=False)

    def __post_init__(self) -> None:
        self.folded = fold(self.alias.this)

    def answers_to(self, prefix: tuple[str, ...]) -> bool:
        """Whether a folded prefix names this relation (a suffix of its qualifier)."""
        return bool(prefix) and self.qualifier[-len(prefix) :] == prefix


@dataclass(slots=True)
class Field:
    """One column in scope: ``name`` as seen (None: unnamed), ``key`` as its relation spells it.

    ``relation`` is None for a column that stays bare (USING, output names in ORDER BY);
    ``starred`` is False for columns that ``*`` leaves out.
    """

    name: str | None
    key: str
    relation: Relation | None
    bare: Literal["order", "using"] | None = None
    kind: str = "direct"
    sources: frozenset[Origin] = frozenset()
    parts: tuple[Field, ...] = ()
    starred: bool = True
    match: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.match = None if self.name is None else compare_key(self.name)


class Found(NamedTuple):
    """A reference's field, how many parts named it, and the scopes passed on the way."""

    field: Field
    used: int
    passed: tuple[Scope, ...]


@dataclass
class Scope:
    """Fields and relations of one level; ``parent`` is searched when a name is not here.

    ``same_query``: the output names that ORDER BY sees before its query's own relations.
    """

    fields: list[Field]
    relations: list[Relation]
    parent: Scope | None = None
    same_query: bool = False
    _index: dict[str, list[Field]] | None = field(default=None, init=False)
    _pairs: dict[tuple[str, str], list[Field]] = field(default_factory=dict, init=False)
    _loose: dict[str, str] | None = field(default=None, init=False)

    def find(self, names: Sequence[str]) -> list[Field]:
        """Fields of this level that a dotted name means."""
        if self._index is None:
            self._index = {}
            for one in self.fields:
                if one.match is None:
                    continue
                self._index.setdefault(one.match, []).append(one)
                if one.relation is not None and one.relation.qualifier:
                    self._pairs.setdefault((one.relation.qualifier[-1], one.match), []).append(one)
        found = self._index.get(compare_key(names[-1]), [])
        if len(names) > 1 and found:
            if len(names) == 2:  # noqa: PLR2004 - alias.column, nearly every reference
                return self._pairs.get((fold(names[0]), compare_key(names[-1])), [])
            prefix = tuple(fold(name) for name in names[:-1])
            return [f for f in found if f.relation is not None and f.relation.answers_to(prefix)]
        return found

    def names_relation(self, names: Sequence[str]) -> bool:
        """Whether a leading part of a dotted name is a relation of this level."""
        prefixes = [tuple(map(fold, names[:size])) for size in range(1, len(names))]
        return any(relation.answers_to(p) for relation in self.relations for p in prefixes)

    def denied(self, names: Sequence[str]) -> tuple[str, str] | None:
        """The hidden column a name that means nothing here would have meant."""
        prefix = tuple(map(fold, names[:-1]))
        key = compare_key(names[-1])
        for relation in self.relations:
            if key in relation.denied and (not prefix or relation.answers_to(prefix)):
                return relation.denied[key]
        return None

    @property
    def hides(self) -> bool:
        """Whether a relation of this level has hidden columns."""
        return any(relation.hides for relation in self.relations)

    def captures(self, alias: str) -> bool:
        """Whether ``alias.column`` written inside this level would bind here."""
        folded = fold(alias)
        if any(relation.folded == folded for relation in self.relations):
            return True
        return bool(self.find([alias]))

    def looks_like(self, name: str) -> bool:
        """Whether a field differs from a name only where Unicode folds differ."""
        if self._loose is None:
            named = [f.name for f in self.fields if f.name is not None]
            self._loose = {_loose(one): compare_key(one) for one in named}
        other = self._loose.get(_loose(name))
        return other is not None and other != compare_key(name)


def compare_key(name: str) -> str:
    """Map two names to one key exactly if Java's ``equalsIgnoreCase`` holds them equal."""
    if name.isascii():
        return name.lower()
    return "".join(_lower(_upper(char)) for char in name)


def _upper(char: str) -> str:
    mapped = char.upper()
    return mapped if len(mapped) == 1 else char


def _lower(char: str) -> str:
    mapped = char.lower()
    return mapped if len(mapped) == 1 else char


def _loose(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
