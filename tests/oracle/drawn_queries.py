"""Random Trino queries over world ``drawn``; every one has one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.oracle.drawn_relations import Drawn, Relations
from tests.oracle.drawn_words import Ref, Words

_WITH_NAMES = ("w", "v", "orders", "areas")
_AGGREGATES = (
    ("count(*)", "int"),
    ("count({text})", "int"),
    ("count(DISTINCT {text})", "int"),
    ("sum({int})", "int"),
    ("sum({dec})", "dec"),
    ("avg({dec})", "dec"),
    ("avg({int})", "dbl"),
    ("min({text})", "text"),
    ("max({int})", "int"),
    ("max({date})", "date"),
    ("min({ts})", "ts"),
    ("bool_or({bool})", "bool"),
    ("bool_and({bool})", "bool"),
    ("count_if({bool})", "int"),
    ("count(*) FILTER (WHERE {bool})", "int"),
    ("sum({int}) FILTER (WHERE {bool})", "int"),
    ("max({dec})", "dec"),
    ("min({dbl})", "dbl"),
)

_OTHERWISE = ("avg({dec})", "{dbl}", "count_if")
"""Aggregates that DuckDB types or answers in another way."""


@dataclass
class Queries(Relations):
    """Draws queries for one person: only of what they may see, with rare exceptions."""

    def whole(self) -> Drawn:
        """A statement."""
        return self.query({}, (), 2)

    def query(self, withs: dict[str, Drawn], outer: Sequence[Ref], depth: int) -> Drawn:
        """WITH, a body, ORDER BY, LIMIT."""
        head, known = "", dict(withs)
        if depth > 0 and self.chance(4):
            head, known = self._with(known, depth)
        body = self._body(known, outer, depth)
        sql, ordered = head + body.sql, False
        if self.chance(3):
            numbers = [str(n) for n in range(1, len(body.columns) + 1)]
            turn = self.draw(len(numbers))
            keys = [n + self._direction() for n in (*numbers[turn:], *numbers[:turn])]
            sql += " ORDER BY " + ", ".join(keys)
            ordered = True
            if self.chance(2):
                sql += (f" OFFSET {self.draw(4)} ROWS" if self.chance(3) else "") + (
                    f" LIMIT {self.draw(6)}"
                )
        return Drawn(sql, body.columns, ordered)

    def _direction(self) -> str:
        return ("", " DESC", " NULLS FIRST", " DESC NULLS LAST")[self.draw(4)]

    def _with(self, known: dict[str, Drawn], depth: int) -> tuple[str, dict[str, Drawn]]:
        parts = []
        for _ in range(1 + self.draw(2)):
            name = _WITH_NAMES[self.draw(len(_WITH_NAMES))]
            if name in {part.split(" ")[0] for part in parts}:
                continue
            made = self.query(known, (), depth - 1)
            listed = ""
            if self.chance(3):
                made = replace(
                    made, columns=tuple((f"k{n}", k) for n, (_, k) in enumerate(made.columns))
                )
                listed = f" ({', '.join(n for n, _ in made.columns)})"
            parts.append(f"{name}{listed} AS ({made.sql})")
            known = {**known, name: made}
        return f"WITH {', '.join(parts)} ", known

    def _body(self, withs: dict[str, Drawn], outer: Sequence[Ref], depth: int) -> Drawn:
        first = self._select(withs, outer, depth, None)
        if depth <= 0 or not self.chance(5):
            return first
        kinds = [kind for _, kind in first.columns]
        word = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
        other = self._select(withs, outer, depth - 1, kinds)
        sql = f"{first.sql} {word[self.draw(len(word))]} {other.sql}"
        if self.chance(4):
            third = self._select(withs, outer, 0, kinds)
            sql = f"({sql}) {word[self.draw(4)]} {third.sql}"
        return Drawn(sql, first.columns)

    def _select(
        self,
        withs: dict[str, Drawn],
        outer: Sequence[Ref],
        depth: int,
        kinds: list[str] | None,
    ) -> Drawn:
        self.known = withs
        from_, local = self.from_(withs, depth)
        self.known = withs
        words = self.words(local, outer, 2 if depth > 0 else 1)
        where = f" WHERE {words.truth()}" if self.chance(2) else ""
        if kinds is None and self.chance(3):
            return self._grouped(from_, where, words)
        merged = any(not ref.relation for ref in local)
        starred = _distinct(local) and not (merged and self.portable)
        if kinds is None and starred and self.chance(6):
            return self._star(from_, where, local)
        wanted = kinds or [self.kind() for _ in range(1 + self.draw(4))]
        items, columns = [], []
        windows = kinds is None and self.chance(4)
        for kind in wanted:
            made = words.any(kind), kind
            if self.chance(10):
                made = f"coalesce({self._scalar(words, kind)}, {made[0]})", kind
            if windows and self.chance(2):
                made = self._window(words)
            columns.append((self._name(), made[1]))
            items.append(f"{made[0]} AS {columns[-1][0]}")
        distinct = "DISTINCT " if not windows and self.chance(6) else ""
        return Drawn(f"SELECT {distinct}{', '.join(items)} FROM {from_}{where}", tuple(columns))

    def _star(self, from_: str, where: str, local: list[Ref]) -> Drawn:
        one = local[self.draw(len(local))].relation
        if one and self.chance(2):
            columns = tuple((ref.name, ref.kind) for ref in local if ref.relation == one)
            return Drawn(f"SELECT {one}.* FROM {from_}{where}", columns)
        return Drawn(f"SELECT * FROM {from_}{where}", tuple((r.name, r.kind) for r in local))

    def _name(self) -> str:
        self.names += 1
        return f"c{self.names}"

    def _grouped(self, from_: str, where: str, words: Words) -> Drawn:
        flat = self.flat(words.local)
        keys = [self.kind() for _ in range(self.draw(3))]
        texts = [(flat.any(kind), kind) for kind in keys]
        constant = any(not any(_mentions(t, r) for r in words.local) for t, _ in texts)
        if constant:
            texts = []
        found = list(texts)
        for _ in range(1 + self.draw(2)):
            form, kind = self._aggregate()
            found.append((flat._filled(form, 1), kind))
        columns = [(self._name(), kind) for _, kind in found]
        items = [f"{t} AS {n}" for (t, _), (n, _) in zip(found, columns, strict=True)]
        group = ""
        if texts:
            listed = ", ".join(
                str(n) if self.chance(3) else text for n, (text, _) in enumerate(texts, 1)
            )
            group = f" GROUP BY {listed}"
            if self.chance(8):
                group = f" GROUP BY ROLLUP ({', '.join(t for t, _ in texts)})"
                if not all(_is_column(t) for t, _ in texts):
                    group = f" GROUP BY {listed}"
        having = ""
        if self.chance(4):
            test = (
                "count(*) > 1",
                "max({int}) > 2",
                "count(DISTINCT {text}) < 3",
                "min({dec}) IS NULL",
            )
            having = " HAVING " + flat._filled(test[self.draw(4)], 0)
        return Drawn(
            f"SELECT {', '.join(items)} FROM {from_}{where}{group}{having}", tuple(columns)
        )

    def _aggregate(self) -> tuple[str, str]:
        found = [
            (form, kind)
            for form, kind in _AGGREGATES
            if not self.portable or not any(word in form for word in _OTHERWISE)
        ]
        return found[self.draw(len(found))]

    def _window(self, words: Words) -> tuple[str, str]:
        total = ", ".join(ref.written + self._direction() for ref in words.local)
        part = f"PARTITION BY {words.column('text')} " if self.chance(2) else ""
        some = words.column("int")
        near = "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"
        forms = (
            (f"row_number() OVER ({part}ORDER BY {total})", "int"),
            (f"rank() OVER ({part}ORDER BY {some})", "int"),
            (f"dense_rank() OVER ({part}ORDER BY {words.column('date')} DESC)", "int"),
            (f"count(*) OVER ({part})", "int"),
            (f"sum({some}) OVER ({part})", "int"),
            (f"sum({words.column('dec')}) OVER ({part}ORDER BY {some})", "dec"),
            (f"max({words.column('text')}) OVER ({part})", "text"),
            (f"lag({some}) OVER ({part}ORDER BY {total})", "int"),
            (f"lead({words.column('text')}, 2) OVER ({part}ORDER BY {total})", "text"),
            (f"first_value({words.column('text')}) OVER ({part}ORDER BY {total})", "text"),
            (f"sum({some}) OVER ({part}ORDER BY {total} {near})", "int"),
        )
        return forms[self.draw(len(forms))]

    def _tail(self, words: Words, kind: str) -> tuple[str, str] | None:
        """A column of the kind and the FROM and WHERE of a sub-query, correlated or not."""
        if self.scans > 7:
            return None
        text, refs = self.relation(dict(self.known), 0, set())
        inner = [ref.written for ref in refs if ref.kind == kind]
        if not inner:
            return None
        taken = {ref.relation for ref in refs}
        outer = [ref for ref in words.local if ref.relation and ref.relation not in taken]
        column = inner[self.draw(len(inner))]
        where = []
        keys = [ref.written for ref in outer if ref.kind == kind]
        if keys and self.chance(2):
            where.append(f"{column} = {keys[self.draw(len(keys))]}")
        if self.chance(2):
            where.append(self.flat(refs, outer if self.chance(3) else ()).truth(0))
        return column, f" FROM {text}" + (f" WHERE {' AND '.join(where)}" if where else "")

    def sub_query(self, words: Words, kind: str) -> str:
        """A condition with a sub-query."""
        found = self._tail(words, kind)
        if found is None:
            return words.truth(0)
        inner, tail = found
        mine = words.column(kind)
        forms = (
            f"EXISTS (SELECT 1{tail})",
            f"{mine} IN (SELECT {inner}{tail})",
            f"{mine} NOT IN (SELECT {inner}{tail})",
            f"NOT EXISTS (SELECT {inner}{tail})",
            f"{mine} >= (SELECT max({inner}){tail})",
            f"(SELECT count(*){tail}) > 1",
        )
        return forms[self.draw(len(forms))]

    def _scalar(self, words: Words, kind: str) -> str:
        """A scalar sub-query."""
        found = self._tail(words, kind)
        if found is None:
            return words.column(kind)
        return f"(SELECT {'bool_or' if kind == 'bool' else 'max'}({found[0]}){found[1]})"


def _distinct(refs: Sequence[Ref]) -> bool:
    return len({ref.name for ref in refs}) == len(refs)


def _mentions(text: str, ref: Ref) -> bool:
    return ref.name in text.lower()


def _is_column(text: str) -> bool:
    return text.replace(".", "").replace('"', "").replace("_", "").isalnum()


@st.composite
def queries(draw: st.DrawFn, people: Sequence[str], *, portable: bool = False) -> tuple[str, Drawn]:
    """A person and a query for them."""
    person = draw(st.sampled_from(people))

    def choose(count: int) -> int:
        return draw(st.integers(0, count - 1)) if count > 1 else 0

    return person, Queries(choose, person, portable).whole()
