"""Random Trino queries over world ``drawn``; every one has one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

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


@dataclass(frozen=True)
class Drawn:
    """A query and the kinds of its columns by name; ``ordered`` if its order is total."""

    sql: str
    columns: tuple[tuple[str, str], ...]
    ordered: bool = False


@dataclass
class Queries:
    """Draws queries for one person: only of what they may see, with rare exceptions."""

    draw: Draw
    person: str
    scans: int = 0
    names: int = 0

    def words(self, local: Sequence[Ref] = (), outer: Sequence[Ref] = (), depth: int = 2) -> Words:
        return Words(self.draw, local, outer, self._sub_query, depth)

    def chance(self, one_in: int) -> bool:
        return self.draw(one_in) == one_in - 1

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
            made = self._named(self.query(known, (), depth - 1))
            listed = ""
            if self.chance(3):
                made = replace(
                    made, columns=tuple((f"k{n}", k) for n, (_, k) in enumerate(made.columns))
                )
                listed = f" ({', '.join(n for n, _ in made.columns)})"
            parts.append(f"{name}{listed} AS ({made.sql})")
            known = {**known, name: made}
        return f"WITH {', '.join(parts)} ", known

    @staticmethod
    def _named(made: Drawn) -> Drawn:
        """Every column has a name of its own already; see ``_select``."""
        return made

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
        from_, local = self._from(withs, depth)
        words = self.words(local, outer, 2 if depth > 0 else 1)
        where = f" WHERE {words.truth()}" if self.chance(2) else ""
        if kinds is None and self.chance(3):
            return self._grouped(from_, where, words)
        if kinds is None and not outer and self.chance(6) and _distinct(local):
            star = tuple((ref.name, ref.kind) for ref in local)
            return Drawn(f"SELECT * FROM {from_}{where}", star)
        wanted = kinds or [KINDS[self.draw(len(KINDS))] for _ in range(1 + self.draw(4))]
        items, columns = [], []
        windows = kinds is None and self.chance(4)
        for kind in wanted:
            text = words.any(kind)
            if windows and self.chance(2):
                text, kind = self._window(words)
            columns.append((self._name(), kind))
            items.append(f"{text} AS {columns[-1][0]}")
        distinct = "DISTINCT " if not windows and self.chance(6) else ""
        return Drawn(
            f"SELECT {distinct}{', '.join(items)} FROM {from_}{where}", tuple(columns)
        )

    def _name(self) -> str:
        self.names += 1
        return f"c{self.names}"

    def _grouped(self, from_: str, where: str, words: Words) -> Drawn:
        flat = Words(words.draw, words.local, (), None, 1)
        keys = [KINDS[self.draw(len(KINDS))] for _ in range(self.draw(3))]
        texts = [(flat.any(kind), kind) for kind in keys]
        constant = any(not any(_mentions(t, r) for r in words.local) for t, _ in texts)
        if constant:
            texts = []
        found = list(texts)
        for _ in range(1 + self.draw(2)):
            form, kind = _AGGREGATES[self.draw(len(_AGGREGATES))]
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
            test = ("count(*) > 1", "max({int}) > 2", "count(DISTINCT {text}) < 3", "min({dec}) IS NULL")
            having = " HAVING " + flat._filled(test[self.draw(4)], 0)
        return Drawn(f"SELECT {', '.join(items)} FROM {from_}{where}{group}{having}", tuple(columns))

    def _window(self, words: Words) -> tuple[str, str]:
        total = ", ".join(ref.written + self._direction() for ref in words.local)
        part = f"PARTITION BY {words.column('text')} " if self.chance(2) else ""
        some = words.column("int")
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
            (
                f"sum({some}) OVER ({part}ORDER BY {total} "
                "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
                "int",
            ),
        )
        return forms[self.draw(len(forms))]

    def _from(self, withs: dict[str, Drawn], depth: int) -> tuple[str, list[Ref]]:
        text, local = self._relation(withs, depth, set())
        taken = {local[0].relation} if local else set()
        for _ in range((0, 0, 1, 1, 2, 3)[self.draw(6)]):
            if self.scans > 7:
                break
            other, refs = self._relation(withs, depth - 1, taken)
            taken |= {ref.relation for ref in refs}
            text, local = self._join(text, local, other, refs)
        return text, local

    def _join(
        self, text: str, local: list[Ref], other: str, refs: list[Ref]
    ) -> tuple[str, list[Ref]]:
        words = self.words([*local, *refs])
        pairs = [(a, b) for a in local for b in refs if a.kind == b.kind and a.kind != "bool"]
        alike = [(a, b) for a, b in pairs if a.name == b.name] or pairs
        form = self.draw(8)
        if form >= 6 or not pairs:
            comma = form == 7 and " JOIN " not in text
            return f"{text}{', ' if comma else ' CROSS JOIN '}{other}", [*local, *refs]
        word = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "INNER JOIN", "LEFT OUTER JOIN")
        one, two = (alike if self.chance(2) else pairs)[0] if False else self._pair(alike, pairs)
        on = f"{one.written} = {two.written}"
        if self.chance(4):
            flat = Words(self.draw, words.local, (), None, 1)
            on += f" AND {flat.truth(0)}"
        return f"{text} {word[form]} {other} ON {on}", [*local, *refs]

    def _pair(self, alike: list[tuple[Ref, Ref]], pairs: list[tuple[Ref, Ref]]) -> tuple[Ref, Ref]:
        found = pairs if self.chance(3) else alike
        return found[self.draw(len(found))]

    def _relation(
        self, withs: dict[str, Drawn], depth: int, taken: set[str]
    ) -> tuple[str, list[Ref]]:
        self.scans += 1
        form = self.draw(8)
        if form == 7:
            alias = self._alias(taken)
            rows = "(1, 'EU'), (2, 'US'), (3, NULL)"
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
        names = list(SCHEMAS) if self.chance(60) else [n for n in SCHEMAS if n in visible]
        name = names[self.draw(len(names))]
        shown = visible.get(name)
        listed = list(shown[0]) if shown and not self.chance(60) else list(SCHEMAS[name])
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

    def _alias(self, taken: set[str]) -> str:
        free = [name for name in _ALIASES if name not in taken]
        if free:
            return free[self.draw(len(free))]
        self.names += 1
        return f"r{self.names}"

    def _sub_query(self, words: Words, kind: str) -> str:
        """A condition with a sub-query, correlated or not."""
        if self.scans > 7 or words.depth < 1:
            return words.truth(0)
        text, refs = self._relation({}, 0, set())
        outer = [ref for ref in words.local if ref.relation not in {r.relation for r in refs}]
        fitting = [ref.written for ref in refs if ref.kind == kind]
        if not fitting:
            return words.truth(0)
        inner = fitting[self.draw(len(fitting))]
        flat = Words(self.draw, refs, (), None, 1)
        where = [flat.truth(0)] if self.chance(2) else []
        keys = [ref.written for ref in outer if ref.kind == kind and ref.relation]
        if keys and self.chance(2):
            where.append(f"{inner} = {keys[self.draw(len(keys))]}")
        tail = f" FROM {text}" + (f" WHERE {' AND '.join(where)}" if where else "")
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


def _kind(table: str, column: str) -> str:
    return _KIND.get(str(SCHEMAS[table][column]), "dec")


def _distinct(refs: Sequence[Ref]) -> bool:
    return len({ref.name for ref in refs}) == len(refs)


def _mentions(text: str, ref: Ref) -> bool:
    return ref.name in text.lower()


def _is_column(text: str) -> bool:
    return text.replace(".", "").replace('"', "").replace("_", "").isalnum()


@st.composite
def queries(draw: st.DrawFn, people: Sequence[str]) -> tuple[str, Drawn]:
    """A person and a query for them."""
    person = draw(st.sampled_from(people))

    def choose(count: int) -> int:
        return draw(st.integers(0, count - 1)) if count > 1 else 0

    return person, Queries(choose, person).whole()
