"""Mutants of statements, by words and by what stands in brackets."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Sequence

from tests.fuzz.corpus import Source

_KEYWORDS = """
AS ON NOT IN IS NULL LIKE BETWEEN AND OR CASE WHEN THEN ELSE END OVER FILTER ORDER BY GROUP LIMIT
OFFSET FETCH FIRST ROWS ONLY WITH RECURSIVE SELECT FROM JOIN LEFT RIGHT FULL CROSS NATURAL USING
UNION INTERSECT EXCEPT ALL DISTINCT INTERVAL DAY AT TIME ZONE ARRAY ROW DATE TIMESTAMP EXISTS ANY
WINDOW VALUES TABLE LATERAL UNNEST ORDINALITY TABLESAMPLE BERNOULLI FOR VERSION OF
MATCH_RECOGNIZE CAST TRY GROUPING SETS CUBE ROLLUP HAVING WHERE PARTITION RANGE GROUPS MATERIALIZED
FUNCTION CORRESPONDING AUTO ( ) [ ] , . * - + || ? -> => : ; x y 'a' 1 1.5 NULL TRUE
""".split()  # noqa: SIM905 - a word list reads better as words
_PRIVATE = ['"$g"', '"$g1"', '"$q1"', '"$n"', '"$s0"', '"_col0"', '"$path"', '"orders$files"']
_RESERVED = frozenset(word for word in _KEYWORDS if word.isalpha() and len(word) > 1)
_NAME = re.compile(r'[A-Za-z_][A-Za-z_0-9]*|".*"', re.DOTALL)
_OPEN, _CLOSE = {"(": ")", "[": "]"}, {")", "]"}

Words = list[str]


class Mutator:
    """Draws mutants of a corpus; the same seed draws the same ones."""

    def __init__(self, sources: Sequence[Source], seed: str) -> None:
        self._rng = random.Random(seed)
        self._sources = sources
        self._weights = [_weight(source) for source in sources]
        self._pieces = [word for source in sources for word in source.words]
        self._groups = [g for source in sources for g in _some_groups(source.words)]
        self._tables = sorted({n for source in sources for n in _after(source.words, _FROM)})
        self._changes: list[tuple[Callable[[Words], Words], int]] = [
            (self._swap, 2), (self._delete, 2), (self._double, 2), (self._insert, 3),
            (self._keyword, 2), (self._rename, 10), (self._rename_all, 6), (self._quote, 8),
            (self._case, 6), (self._nest, 8), (self._unnest, 3), (self._splice, 6),
            (self._relation, 8), (self._whole, 10), (self._with, 10), (self._item, 6),
        ]  # fmt: skip
        self._kinds, self._shares = zip(*self._changes, strict=True)

    def draw(self) -> tuple[Source, str]:
        """One mutant, and what it was made from."""
        (source,) = self._rng.choices(self._sources, self._weights)
        found = list(source.words)
        for _ in range(self._rng.choice((1, 1, 1, 1, 2, 2, 3))):
            (change,) = self._rng.choices(self._kinds, self._shares)
            found = change(found) or found
        return source, " ".join(found)

    def _at(self, found: Words) -> int:
        return self._rng.randrange(len(found))

    def _swap(self, found: Words) -> Words:
        one, other = self._at(found), self._at(found)
        found[one], found[other] = found[other], found[one]
        return found

    def _delete(self, found: Words) -> Words:
        at = self._at(found)
        return found[:at] + found[at + self._rng.randint(1, 2) :]

    def _double(self, found: Words) -> Words:
        at = self._at(found)
        span = found[at : at + self._rng.randint(1, 4)]
        return [*found[:at], *span, *found[at:]]

    def _insert(self, found: Words) -> Words:
        at = self._at(found)
        return [*found[:at], self._rng.choice(self._pieces), *found[at:]]

    def _keyword(self, found: Words) -> Words:
        at = self._at(found)
        return [*found[:at], self._rng.choice(_KEYWORDS), *found[at + self._rng.randint(0, 1) :]]

    def _named(self, found: Words) -> int | None:
        places = [at for at, word in enumerate(found) if _is_name(word)]
        return self._rng.choice(places) if places else None

    def _new_name(self, found: Words) -> str:
        """A name of the statement, of a table somewhere, or of our own kind."""
        own = [word for word in found if _is_name(word)]
        drawn = self._rng.random()
        if drawn < 0.7 and own:
            return self._rng.choice(own)
        return self._rng.choice(self._tables if drawn < 0.93 else _PRIVATE)

    def _rename(self, found: Words) -> Words:
        at = self._named(found)
        if at is not None:
            found[at] = self._new_name(found)
        return found

    def _rename_all(self, found: Words) -> Words:
        at = self._named(found)
        if at is None:
            return found
        old, new = found[at].strip('"').lower(), self._new_name(found)
        return [new if _is_name(w) and w.strip('"').lower() == old else w for w in found]

    def _quote(self, found: Words) -> Words:
        at = self._named(found)
        if at is not None:
            word = found[at]
            found[at] = word[1:-1] if word.startswith('"') else f'"{word}"'
        return [word for word in found if word]

    def _case(self, found: Words) -> Words:
        at = self._at(found)
        found[at] = found[at].swapcase()
        return found

    def _operand(self, found: Words) -> tuple[int, int]:
        """A name, number or text with what is dotted to it, or a bracket with its call."""
        start = self._at(found)
        end = start + 1
        if found[start] in _OPEN:
            end = _closing(found, start)
            start -= bool(start) and _is_name(found[start - 1])
        while end + 1 < len(found) and found[end] == "." and _is_name(found[end + 1]):
            end += 2
        return start, end

    def _nest(self, found: Words) -> Words:
        start, end = self._operand(found)
        name = self._new_name(found)
        before, after = self._rng.choice(
            [
                ("(", ")"), ("( SELECT", ")"), ("( VALUES", ")"), ("coalesce (", ")"),
                ("CASE WHEN", "IS NULL THEN 1 END"), ("ARRAY [", "]"), ("ROW (", ")"),
                ("CAST (", "AS varchar )"), ("NOT", ""), ("TRY (", ")"), ("lower (", ")"),
                (f"( SELECT max ( {name} ) FROM {name} WHERE {name} =", ")"),
                (f"( SELECT {name} FROM", ")"), ("EXISTS ( SELECT * FROM", ")"),
                (f"{name} IN ( SELECT", f"FROM {name} )"), ("TABLE (", ")"), (f"{name} (", ")"),
                ("transform ( ARRAY [ 1 ] , x ->", ")"), ("count (", ") OVER ( )"),
            ]
        )  # fmt: skip
        return [*found[:start], *before.split(), *found[start:end], *after.split(), *found[end:]]

    def _group(self, found: Words) -> tuple[int, int] | None:
        places = [at for at, word in enumerate(found) if word in _OPEN]
        if not places:
            return None
        start = self._rng.choice(places)
        return start, _closing(found, start)

    def _unnest(self, found: Words) -> Words:
        group = self._group(found)
        if group is None:
            return found
        start, end = group
        return [*found[:start], *found[start + 1 : end - 1], *found[end:]]

    def _splice(self, found: Words) -> Words:
        group = self._group(found)
        start, end = group or self._operand(found)
        return [*found[:start], *self._rng.choice(self._groups), *found[end:]]

    def _relation(self, found: Words) -> Words:
        """Change what stands after FROM or JOIN."""
        places = [at for at, word in enumerate(found[:-1], 1) if word.upper() in _FROM]
        if not places:
            return found
        start = self._rng.choice(places)
        end = _path_end(found, start)
        path, name = found[start:end], self._new_name(found)
        forms = [
            ["(", *path, ")"], ["(", "SELECT", "*", "FROM", *path, ")"], ["(", "TABLE", *path, ")"],
            [*path, ",", name], [name, ",", *path], ["LATERAL", "(", "TABLE", *path, ")"],
            [*path, "CROSS", "JOIN", name], ["(", *path, "JOIN", name, "ON", "TRUE", ")"],
            [name], [path[-1]], ["lake", ".", "drawn", ".", path[-1]], [*path, "AS", name],
            ["(", "(", *path, ")", ")"], ["UNNEST", "(", "ARRAY", "[", *path, "]", ")"],
        ]  # fmt: skip
        return [*found[:start], *self._rng.choice(forms), *found[end:]]

    def _whole(self, found: Words) -> Words:
        name = self._new_name(found)
        other = self._rng.choices(self._sources, self._weights)[0].words
        forms = [
            ["SELECT", "*", "FROM", "(", *found, ")", "AS", name], ["(", *found, ")"],
            ["WITH", name, "AS", "(", *found, ")", "SELECT", "*", "FROM", name],
            ["WITH", name, "AS", "(", *found, ")", "TABLE", name],
            [*found, "UNION", "ALL", *found], [*found, "EXCEPT", *other], ["EXPLAIN", *found],
            ["SELECT", "1", "WHERE", "EXISTS", "(", *found, ")"], [*found, "LIMIT", "1"],
            ["SELECT", "(", *found, ")", "FROM", name], ["TABLE", name],
            ["SELECT", "*", "FROM", name, "CROSS", "JOIN", "LATERAL", "(", *found, ")", "AS", "l"],
        ]  # fmt: skip
        return self._rng.choice(forms)

    def _with(self, found: Words) -> Words:
        """Put a WITH before the statement or inside a bracket, named like something else."""
        name = self._new_name(found)
        inner = self._rng.choice([["SELECT", "1"], ["TABLE", name], ["SELECT", "*", "FROM", name]])
        recursive = ["RECURSIVE"] if self._rng.random() < 0.1 else []
        element = [name, "AS", "(", *inner, ")"]
        group = self._group(found)
        at = group[0] + 1 if group and self._rng.random() < 0.3 else 0
        if at < len(found) and found[at].upper() == "WITH":
            return [*found[: at + 1], *element, ",", *found[at + 1 :]]
        return [*found[:at], "WITH", *recursive, *element, *found[at:]]

    def _item(self, found: Words) -> Words:
        """Put one more item into a list."""
        places = [at for at, word in enumerate(found) if word == "," or word.upper() == "SELECT"]
        if not places:
            return found
        at = self._rng.choice(places) + 1
        start, end = self._operand(found)
        item = self._rng.choice([found[start:end], ["*"], self._rng.choice(self._groups)])
        return [*found[:at], *item, ",", *found[at:]]


_FROM = frozenset({"FROM", "JOIN"})


def _weight(source: Source) -> float:
    return 1.0 / len(source.words) ** 0.6


def _is_name(word: str) -> bool:
    return _NAME.fullmatch(word) is not None and word.upper() not in _RESERVED


def _path_end(found: Sequence[str], start: int) -> int:
    if found[start] == "(":
        return _closing(found, start)
    end = start + 1
    while end + 1 < len(found) and found[end] == ".":
        end += 2
    return end


def _after(found: Sequence[str], before: frozenset[str]) -> list[str]:
    pairs = itertools.pairwise(found)
    return [word for one, word in pairs if one.upper() in before and _is_name(word)]


def _closing(found: Sequence[str], start: int) -> int:
    """Where the bracket opened at ``start`` has ended."""
    depth = 0
    for at in range(start, len(found)):
        depth += (found[at] in _OPEN) - (found[at] in _CLOSE)
        if depth == 0:
            return at + 1
    return len(found)


def _some_groups(found: Sequence[str]) -> list[list[str]]:
    opened = [at for at, word in enumerate(found) if word in _OPEN]
    groups = [list(found[at : _closing(found, at)]) for at in opened]
    return [group for group in groups if len(group) < 60]
