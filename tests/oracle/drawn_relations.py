"""Random FROM clauses over world ``drawn``: tables, WITH names, derived tables, joins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.oracle.drawn_rows import SCHEMAS, VIEWS
from tests.oracle.drawn_words import KINDS, Draw, Ref, Words

_KIND = {
    "int64": "int",
    "int32": "int",
    "string": "text",
    "date32[day]": "date",
    "timestamp[us]": "ts",
    "bool": "bool",
    "double": "dbl",
}
_ALIASES = ("o", "i", "p", "x", "orders", "items", "T1")


@dataclass(frozen=True)
class Drawn:
    """A query and the kinds of its columns by name; ``ordered`` if its order is total."""

    sql: str
    columns: tuple[tuple[str, str], ...]
    ordered: bool = False


@dataclass
class Relations(ABC):
    """Draws FROM clauses for one person: only of what they may see, with rare exceptions."""

    draw: Draw
    person: str
    portable: bool = False
    scans: int = 0
    names: int = 0
    known: Mapping[str, Drawn] = field(default_factory=dict)

    def words(self, local: Sequence[Ref] = (), outer: Sequence[Ref] = (), depth: int = 2) -> Words:
        return Words(self.draw, local, outer, self.sub_query, depth, self.portable)

    def flat(self, local: Sequence[Ref], outer: Sequence[Ref] = ()) -> Words:
        """Words without sub-queries."""
        return Words(self.draw, local, outer, None, 1, self.portable)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(k for k in KINDS if not (self.portable and k == "dbl"))

    def kind(self) -> str:
        return self.kinds[self.draw(len(self.kinds))]

    def chance(self, one_in: int) -> bool:
        return self.draw(one_in) == one_in - 1

    @abstractmethod
    def query(self, withs: dict[str, Drawn], outer: Sequence[Ref], depth: int) -> Drawn:
        """A query, for a derived table."""

    @abstractmethod
    def sub_query(self, words: Words, kind: str) -> str:
        """A condition with a sub-query."""

    def from_(self, withs: dict[str, Drawn], depth: int) -> tuple[str, list[Ref]]:
        text, local = self.relation(withs, depth, set())
        taken = {local[0].relation} if local else set()
        for _ in range((0, 0, 1, 1, 2, 3)[self.draw(6)]):
            if self.scans > 7:
                break
            other, refs = self.relation(withs, depth - 1, taken)
            taken |= {ref.relation for ref in refs}
            if self.scans < 6 and self.chance(8):
                more, others = self.relation(withs, 0, taken)
                taken |= {ref.relation for ref in others}
                inner, refs = self._join(other, refs, more, others)
                other = f"({inner})"
            text, local = self._join(text, local, other, refs)
        if not self.portable and self.chance(10):
            alias = self._alias(taken)
            words = self.flat(local)
            text += f" CROSS JOIN UNNEST(split({words.column('text')}, ' ')) AS {alias} (part)"
            local = [*local, Ref(alias, "part", "text")]
        elif self.chance(10):
            more, others = self.relation(withs, 0, taken)
            if not _clash(local, others):
                text, local = f"{text}, {more}", [*local, *others]
        return text, local

    def _join(
        self, text: str, local: list[Ref], other: str, refs: list[Ref]
    ) -> tuple[str, list[Ref]]:
        if _clash(local, refs):
            return text, local
        words = self.words([*local, *refs])
        unlike = {"bool", "dbl"} if self.portable else {"bool"}
        pairs = [(a, b) for a in local for b in refs if a.kind == b.kind and a.kind not in unlike]
        alike = [(a, b) for a, b in pairs if a.name == b.name] or pairs
        form = self.draw(8)
        if form >= 6 or not pairs:
            return f"{text} CROSS JOIN {other}", [*local, *refs]
        word = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "INNER JOIN", "LEFT OUTER JOIN")
        one, two = self._pair(alike, pairs)
        names = [ref.name for ref in (*local, *refs)]
        if one.name == two.name and names.count(one.name) == 2 and self.chance(3):
            merged = Ref("", one.name, one.kind)
            left = [ref for ref in local if ref != one]
            right = [ref for ref in refs if ref != two]
            return f"{text} {word[form]} {other} USING ({one.name})", [merged, *left, *right]
        on = f"{one.written} = {two.written}"
        if self.chance(4):
            flat = self.flat(words.local)
            on += f" AND {flat.truth(0)}"
        return f"{text} {word[form]} {other} ON {on}", [*local, *refs]

    def _pair(self, alike: list[tuple[Ref, Ref]], pairs: list[tuple[Ref, Ref]]) -> tuple[Ref, Ref]:
        found = pairs if self.chance(3) else alike
        return found[self.draw(len(found))]

    def relation(
        self, withs: dict[str, Drawn], depth: int, taken: set[str]
    ) -> tuple[str, list[Ref]]:
        self.scans += 1
        form = self.draw(8)
        if form == 7:
            alias = self._alias(taken)
            rows = "(1, CAST('EU' AS varchar)), (2, 'US'), (3, NULL)"
            return f"(VALUES {rows}) AS {alias} (n, region)", [
                Ref(alias, "n", "int"),
                Ref(alias, "region", "text"),
            ]
        if form == 6 and depth > 0 and self.scans < 6:
            made = self.query(withs, (), depth - 1)
            return self._derived(f"({made.sql})", made, taken)
        if form >= 4 and withs:
            name = sorted(withs)[self.draw(len(withs))]
            return self._derived(name, withs[name], taken)
        return self._table(withs, taken)

    def _derived(self, text: str, made: Drawn, taken: set[str]) -> tuple[str, list[Ref]]:
        alias = self._alias(taken)
        return f"{text} AS {alias}", [Ref(alias, name, kind) for name, kind in made.columns]

    def _table(self, withs: dict[str, Drawn], taken: set[str]) -> tuple[str, list[Ref]]:
        visible = VIEWS[self.person]
        names = list(SCHEMAS) if self._astray() else [n for n in SCHEMAS if n in visible]
        name = names[self.draw(len(names))]
        shown = visible.get(name)
        listed = list(shown[0]) if shown and not self._astray() else list(SCHEMAS[name])
        written = (name, f"drawn.{name}", f'lake.drawn."{name}"', f"LAKE.Drawn.{name}")
        text = written[self.draw(4)]
        if name in withs and text == name:
            text = f"drawn.{name}"
        alias = name
        if name in taken or self.chance(2):
            alias = self._alias(taken)
            text += f"{' AS' if self.chance(2) else ''} {alias}"
        refs = [Ref(alias, column, _kind(name, column)) for column in listed]
        return text, refs

    def _astray(self) -> bool:
        """Whether to name what this person may not see."""
        return not self.portable and self.chance(60)

    def _alias(self, taken: set[str]) -> str:
        free = [name for name in _ALIASES if name not in taken]
        if free:
            return free[self.draw(len(free))]
        self.names += 1
        return f"r{self.names}"


def _clash(local: Sequence[Ref], refs: Sequence[Ref]) -> bool:
    """Whether a column merged by USING, which has no relation, would be ambiguous."""
    names = [ref.name for ref in (*local, *refs)]
    return any(names.count(ref.name) > 1 for ref in (*local, *refs) if not ref.relation)


def _kind(table: str, column: str) -> str:
    return _KIND.get(str(SCHEMAS[table][column]), "dec")
