"""Random Trino expressions of a wanted kind over the columns in scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
Draw = Callable[[int], int]
"""``draw(n)`` is one of 0 … n - 1; smaller means simpler."""

KINDS = ("int", "text", "dec", "date", "ts", "bool", "dbl")

LITERALS: dict[str, tuple[str, ...]] = {
    "int": ("1", "0", "2", "7", "100", "-3", "BIGINT '5'", "CAST(NULL AS integer)"),
    "text": ("'EU'", "'open'", "'c-2'", "''", "'A1'", "'12'", "'it''s'", "CAST(NULL AS varchar)"),
    "dec": ("1.50", "100.00", "DECIMAL '0.25'", "-7.25", "CAST(NULL AS decimal(6,2))"),
    "date": ("DATE '2026-01-31'", "DATE '1980-01-01'", "CAST(NULL AS date)"),
    "ts": ("TIMESTAMP '2026-02-01 10:30:00'", "TIMESTAMP '1970-01-01 00:00:00.000000'"),
    "bool": ("TRUE", "FALSE", "CAST(NULL AS boolean)"),
    "dbl": ("1e0", "DOUBLE '0.5'", "CAST(NULL AS double)"),
}

FORMS: dict[str, tuple[str, ...]] = {
    "int": (
        "({int} + {int})",
        "({int} - {int})",
        "({int} * 2)",
        "({int} / 3)",
        "({int} % 4)",
        "length({text})",
        "year({date})",
        "month({ts})",
        "day_of_week({date})",
        "EXTRACT(DAY FROM {date})",
        "abs({int})",
        "mod({int}, 5)",
        "strpos({text}, 'a')",
        "date_diff('day', {date}, {date})",
        "date_diff('hour', {ts}, {ts})",
        "TRY_CAST({text} AS integer)",
        "CAST({bool} AS integer)",
        "sign({int})",
        "greatest({int}, {int})",
        "least({int}, {int})",
        "levenshtein_distance({text}, 'open')",
        "hour({ts})",
        "quarter({date})",
        "cardinality(split({text}, ' '))",
        "bitwise_and({int}, 255)",
    ),
    "text": (
        "({text} || {text})",
        "concat({text}, '-', {text})",
        "lower({text})",
        "upper({text})",
        "substr({text}, 2)",
        "substring({text} FROM 1 FOR 3)",
        "replace({text}, 'o', '0')",
        "trim({text})",
        "reverse({text})",
        "CAST({int} AS varchar)",
        "CAST({date} AS varchar)",
        "CAST({bool} AS varchar)",
        "CAST({dec} AS varchar)",
        "lpad({text}, 5, '*')",
        "split_part({text}, '-', 1)",
        "regexp_replace({text}, '[0-9]', '#')",
        "translate({text}, 'abc', 'xyz')",
        "CAST({text} AS varchar(3))",
        "date_format({ts}, '%Y-%m')",
        "greatest({text}, {text})",
        "lower(to_hex(to_utf8({text})))",
    ),
    "dec": (
        "({dec} + {dec})",
        "({dec} - {dec})",
        "({dec} * 2)",
        "({dec} / 3)",
        "abs({dec})",
        "round({dec}, 1)",
        "CAST({int} AS decimal(24,2))",
        "truncate({dec})",
        "-({dec})",
        "CAST({dec} AS decimal(30,3))",
        "greatest({dec}, {dec})",
    ),
    "date": (
        "date_add('day', 3, {date})",
        "date_trunc('month', {date})",
        "({date} + INTERVAL '1' MONTH)",
        "({date} - INTERVAL '2' DAY)",
        "CAST({ts} AS date)",
        "last_day_of_month({date})",
        "least({date}, {date})",
        "date({ts})",
    ),
    "ts": (
        "date_trunc('hour', {ts})",
        "date_add('minute', 90, {ts})",
        "({ts} + INTERVAL '1' DAY)",
        "CAST({date} AS timestamp(6))",
        "greatest({ts}, {ts})",
    ),
    "dbl": (
        "({dbl} * 2e0)",
        "abs({dbl})",
        "CAST({int} AS double)",
        "CAST({dec} AS double)",
        "floor({dbl})",
        "sqrt(abs({dbl}))",
        "round({dbl})",
    ),
    "bool": (),
}
"""Forms that raise for hardly any value."""

PORTABLE: dict[str, tuple[str, ...]] = {
    "int": (
        "({int} + {int})",
        "({int} - {int})",
        "({int} * 2)",
        "length({text})",
        "year({date})",
        "month({ts})",
        "EXTRACT(DAY FROM {date})",
        "abs({int})",
        "strpos({text}, 'a')",
        "CAST({bool} AS integer)",
    ),
    "text": (
        "({text} || {text})",
        "lower({text})",
        "substr({text}, 2)",
        "replace({text}, 'o', '0')",
        "trim({text})",
        "reverse({text})",
        "CAST({int} AS varchar)",
        "CAST({date} AS varchar)",
        "split_part({text}, '-', 1)",
    ),
    "dec": ("({dec} + {dec})", "({dec} - {dec})", "({dec} * 2)", "abs({dec})"),
    "date": ("CAST({ts} AS date)", "coalesce({date}, {date})"),
    "ts": ("date_trunc('hour', {ts})", "CAST({date} AS timestamp(6))"),
    "dbl": ("CAST({int} AS double)",),
    "bool": (),
}
"""Forms that mean the same to DuckDB as they are written."""

RISKY = (
    "(100 / {qty})",
    "CAST({code} AS integer)",
    "({int} % {qty})",
    "CAST({code} AS bigint) + {qty}",
)
"""Forms that fail on some rows, most of them hidden."""

TESTS = (
    "{x} = {y}",
    "{x} <> {y}",
    "{x} < {y}",
    "{x} >= {y}",
    "{x} IS NULL",
    "{x} IS NOT NULL",
    "{x} IN ({y}, {z})",
    "{x} NOT IN ({y}, {z})",
    "{x} BETWEEN {y} AND {z}",
    "{x} NOT BETWEEN {y} AND {z}",
    "{x} IS DISTINCT FROM {y}",
    "{x} IS NOT DISTINCT FROM {y}",
)
TEXT_TESTS = (
    "{text} LIKE '%a%'",
    "{text} NOT LIKE 'c%'",
    "{text} LIKE '_-%' ESCAPE '!'",
    "starts_with({text}, 'A')",
    "regexp_like({text}, '[0-9]+')",
)


@dataclass(frozen=True)
class Ref:
    """One column that may be named: its relation, its name, its kind."""

    relation: str
    name: str
    kind: str

    @property
    def written(self) -> str:
        return f"{self.relation}.{self.name}" if self.relation else self.name


@dataclass
class Words:
    """Draws expressions. ``local`` may be named bare, ``outer`` only by their relation."""

    draw: Draw
    local: Sequence[Ref] = ()
    outer: Sequence[Ref] = ()
    query: Callable[[Words, str], str] | None = None
    """Draws a boolean with a sub-query of its kind; None where there may be none."""
    depth: int = field(default=2)
    portable: bool = False
    """Only words that mean the same to DuckDB as they are written."""

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.draw(len(choices))]

    def chance(self, one_in: int) -> bool:
        """True once in so many; False is the simpler case."""
        return self.draw(one_in) == one_in - 1

    def column(self, kind: str) -> str:
        """A column of the kind, or a literal where there is none."""
        found = [ref for ref in self.local if ref.kind == kind]
        if self.outer and self.chance(4):
            found = [ref for ref in self.outer if ref.kind == kind] or found
        return self.name(self.of(found)) if found else self.of(LITERALS[kind])

    def name(self, ref: Ref) -> str:
        """Write a reference: bare, by its relation, quoted, in capitals."""
        alone = ref in self.local and sum(r.name == ref.name for r in self.local) == 1
        if not ref.relation:
            return ref.name
        if alone and self.chance(2):
            return self.of((ref.name, f'"{ref.name}"', ref.name.upper()))
        return self.of((ref.written, f'"{ref.relation}".{ref.name.upper()}', ref.written))

    def any(self, kind: str, depth: int | None = None) -> str:
        """An expression of the kind."""
        left = self.depth if depth is None else depth
        if kind == "bool":
            return self.truth(left)
        form = self.draw(10)
        if left <= 0 or form < 4:
            return self.column(kind)
        if form == 4:
            return self.of(LITERALS[kind])
        if form == 5:
            return self._choice(kind, left - 1)
        if kind == "int" and not self.portable and self.chance(12):
            return self._risky(left - 1)
        forms = PORTABLE if self.portable else FORMS
        return self._filled(self.of(forms[kind]), left - 1)

    def _choice(self, kind: str, left: int) -> str:
        one, other = self.any(kind, left), self.any(kind, left)
        return self.of(
            (
                f"coalesce({one}, {other})",
                f"CASE WHEN {self.truth(left)} THEN {one} ELSE {other} END",
                f"CASE WHEN {self.truth(left)} THEN {one} END",
                f"nullif({one}, {other})",
                f"if({self.truth(left)}, {one}, {other})",
                f"CASE {self.column('text')} WHEN 'EU' THEN {one} WHEN 'open' THEN {other} END",
            )
        )

    def _risky(self, left: int) -> str:
        names = {ref.name: ref for ref in self.local if ref.name in {"qty", "code"}}
        fit = [
            form
            for form in RISKY
            if all(n in names for n in ("qty", "code") if "{" + n + "}" in form)
        ]
        if not fit:
            return self.column("int")
        written = {name: self.name(ref) for name, ref in names.items()}
        return self._filled(self.of(fit), left, written)

    def _filled(self, form: str, left: int, fixed: dict[str, str] | None = None) -> str:
        for name, text in (fixed or {}).items():
            form = form.replace("{" + name + "}", text)
        for kind in KINDS:
            while (at := form.find("{" + kind + "}")) >= 0:
                form = form[:at] + self.any(kind, left) + form[at + len(kind) + 2 :]
        return form

    def truth(self, left: int | None = None) -> str:
        """A condition."""
        left = self.depth if left is None else left
        form = self.draw(12)
        if left > 0 and form >= 8:
            return self._joined(form, left)
        if form == 7:
            return self.of(
                (
                    self.column("bool"),
                    self._filled(
                        self.of(TEXT_TESTS[:-1] if self.portable else TEXT_TESTS), left - 1
                    ),
                )
            )
        kinds = ("int", "text", "dec", "date", "ts", "text", "int", "dbl")
        kind = self.of(kinds[:-1] if self.portable else kinds)
        x, y, z = self.any(kind, left - 1), self.any(kind, 0), self.of(LITERALS[kind])
        return self.of(TESTS).format(x=x, y=y, z=z)

    def _joined(self, form: int, left: int) -> str:
        if form == 8 and self.query is not None:
            return self.query(self, self.of(("int", "text")))
        if form == 9:
            return f"NOT ({self.truth(left - 1)})"
        word = self.of(("AND", "OR"))
        return f"({self.truth(left - 1)} {word} {self.truth(left - 1)})"
