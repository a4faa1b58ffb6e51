"""Hidden rows on a real Trino: every position, expression and kind of row filter.

Two schemas hold the same tables, one with hidden rows and one without. A governed statement
over the first must end as the bare statement over the second: the same rows, or the same error.
Hidden rows break every expression, so each that runs over one of them shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.names import TableName
from gateway.policy.model import CompoundCondition, Condition, FieldCondition
from gateway.sql.conditions import render
from gateway.sql.model import Defaults
from tests.differential.tables import done
from tests.differential.wire import AT_ONCE, Answer, Server, settled
from tests.oracle import barrier
from tests.oracle.locked import governed

_BARRED = '({f}) AND CASE WHEN "system"."builtin".random() < 0 THEN FALSE ELSE ({f}) END'
PRESENT, ABSENT = "x_barrier_present", "x_barrier_absent"
ROWS, HIDDEN_EVERY = 3000, 3

# name: type, value in visible rows (n counts them), value in hidden rows
_COLUMNS = {
    "id": ("bigint", "n", "n"),
    "region": ("varchar", "'EU'", "'US'"),
    "code": ("varchar", "CAST(n % 50 AS varchar)", "concat('secret-', CAST(n AS varchar))"),
    "z": ("integer", "n % 3 + 1", "0"),
    "day": ("varchar", "'2020-01-02'", "'never'"),
    "big": ("bigint", "n", "9223372036854775807"),
    "n": ("integer", "n % 100", "1000"),
    "lo": ("integer", "n % 40", "n % 40 + 5000"),
    "d": ("double", "1.5e0", "9.5e0"),
    "b": ("boolean", "true", "false"),
    "made": ("date", "DATE '2026-01-02'", "DATE '2020-01-02'"),
    "at": ("timestamp(6)", "TIMESTAMP '2026-01-02 03:04:05'", "TIMESTAMP '2020-01-02 00:00:00'"),
    "tz": (
        "timestamp(6) with time zone",
        "TIMESTAMP '2026-01-02 03:04:05 UTC'",
        "TIMESTAMP '2020-01-02 00:00:00 UTC'",
    ),
    "amount": ("decimal(12,2)", "DECIMAL '10.00'", "DECIMAL '99.00'"),
    "seen": ("varchar", "'yes'", "NULL"),
}

TABLES = {
    "s": Table(
        TableName("lake", PRESENT, "s"),
        "test",
        tuple(
            Column(name, DataType.parse(kind), number)
            for number, (name, (kind, _, _)) in enumerate(_COLUMNS.items(), 1)
        ),
    ),
    "o": Table(
        TableName("lake", PRESENT, "o"), "test", (Column("k", DataType.parse("bigint"), 1),)
    ),
}


def _is(operator: str, field: str, value: object) -> FieldCondition:
    return FieldCondition(operator, field, value)  # type: ignore[arg-type]


def _all(operator: str, *parts: Condition) -> CompoundCondition:
    return CompoundCondition(operator, parts)  # type: ignore[arg-type]


PLAIN: dict[str, Condition] = {
    "equal": _is("eq", "region", "EU"),
    "not_equal": _is("ne", "region", "US"),
    "in": _is("in", "region", ("EU", "APAC")),
    "in_300": _is("in", "region", ("EU", *(f"R{n}" for n in range(300)))),
    "not_in": _is("nin", "region", ("US", "APAC")),
    "less": _is("lt", "lo", 1000),
    "between": _all("and", _is("gte", "lo", 0), _is("lte", "lo", 999)),
    "one_column_or": _all("or", _is("eq", "region", "EU"), _is("eq", "region", "DE")),
    "or_null": _all("or", _is("eq", "region", "EU"), _is("is_null", "region", value=True)),
    "not": _all("not", _is("eq", "region", "US")),
    "two_columns": _all("and", _is("eq", "region", "EU"), _is("lt", "lo", 1000)),
    "not_null": _is("is_null", "seen", value=False),
    "boolean": _is("eq", "b", value=True),
    "double": _is("lt", "d", "5.0"),
    "date": _is("gte", "made", "2026-01-01"),
    "timestamp": _is("gte", "at", "2026-01-01T00:00:00"),
    "instant": _is("gte", "tz", "2026-01-01T00:00:00Z"),
    "decimal": _is("lte", "amount", "50.00"),
}
"""Written without the barrier: Trino keeps them below every expression."""

GUARDED: dict[str, Condition] = {
    "prefix": _is("startswith", "region", "E"),
    "suffix": _is("endswith", "region", "U"),
    "infix": _is("contains", "region", "E"),
    "not_infix": _all("not", _is("contains", "region", "S")),
    "or": _all("or", _is("eq", "region", "EU"), _is("lt", "id", 0)),
    "or_and": _all(
        "or", _all("and", _is("eq", "region", "EU"), _is("lt", "lo", 1000)), _is("lt", "id", 0)
    ),
    "not_and": _all("not", _all("and", _is("eq", "region", "US"), _is("gte", "id", 0))),
    "double_not_equal": _is("ne", "d", "9.5"),
}
"""Written with the barrier."""

FILTERS = PLAIN | GUARDED

TEXTS = {
    "function": "lower({s}.region) = 'eu'",
    "columns": "{s}.lo < {s}.id + 1000",
    "arithmetic": "{s}.lo + 1 < 1000",
    "double_differs": "{s}.d <> 9.5e0",
}
"""Filters no policy can write; the barrier's form is tried on them as well."""

SUBQUERY = "in_query"
UNHELD = {SUBQUERY: "{s}.region IN (SELECT r.name FROM lake.x_barrier_present.r)"}
"""A filter that no barrier holds: why policies know no sub-queries."""

POSITIONS = barrier.POSITIONS | {
    "lateral": "SELECT count(*) FROM s CROSS JOIN LATERAL (SELECT {e} AS v) AS t WHERE t.v > 5",
    "lateral_inside": "SELECT count(*) FROM o CROSS JOIN LATERAL "
    "(SELECT max({e}) AS v FROM s WHERE s.id = o.k) AS t WHERE t.v > 5",
    "grouping_sets": "SELECT count(*) FROM (SELECT {e} AS v FROM s) AS t"
    " GROUP BY GROUPING SETS ((t.v), ())",
    "order_inside": "SELECT array_agg(s.id ORDER BY {e}, s.id) FROM s WHERE s.id < 50",
    "window_frame": "SELECT sum({e}) OVER (ORDER BY s.id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"
    " FROM s",
    "lambda": "SELECT count(*) FROM s WHERE any_match(ARRAY[0], x -> x + {e} > 5)",
    "where_if": "SELECT count(*) FROM s WHERE if({e} > 5, true, false)",
    "any_query": "SELECT count(*) FROM s WHERE {e} = ANY (SELECT o.k FROM o)",
    "all_query": "SELECT count(*) FROM s WHERE {e} >= ALL (SELECT 0 - o.k FROM o)",
    "tuple_in": "SELECT count(*) FROM s WHERE ({e}, 1) IN ((1, 1), (2, 1))",
    "where_limit": "SELECT count(*) FROM (SELECT s.id FROM s WHERE {e} >= 0 LIMIT 5) AS t",
    "full_inner_side": "SELECT count(*) FROM o FULL JOIN s ON o.k = {e}",
    "twice_derived": "SELECT count(*) FROM (SELECT v + 1 AS w FROM (SELECT {e} AS v FROM s) AS t)"
    " AS u WHERE u.w > 5",
}

EXPRESSIONS = barrier.EXPRESSIONS | {
    f"{name}_random": f"({text} + CAST(floor(random()) AS integer))"
    for name, text in barrier.EXPRESSIONS.items()
}
"""``random()`` makes Trino evaluate a term before deterministic filters; it changes no value."""

ORACLES = {
    column: f"SELECT count(*) FROM s WHERE s.{column} = {value} "
    "AND 1 / CAST(floor(random()) AS integer) = 1"
    for column, value in {
        "code": "'secret-0'",
        "z": "0",
        "day": "'never'",
        "big": "9223372036854775807",
        "n": "1000",
        "lo": "5000",
        "d": "9.5e0",
        "region": "'US'",
    }.items()
}
"""Equality oracles: the division fails as soon as one row with this value is met."""


@dataclass(frozen=True)
class Probe:
    """One statement under one filter, with what it must come to."""

    kind: str
    position: str
    expression: str
    sql: str


def make(server: Server) -> None:
    """Write the tables of both schemas."""
    for schema in (PRESENT, ABSENT):
        done(server, f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")
        hidden = f"n % {HIDDEN_EVERY} = 0"
        columns = ", ".join(
            f'CAST(if({hidden}, {unseen}, {seen}) AS {kind}) AS "{name}"'
            for name, (kind, seen, unseen) in _COLUMNS.items()
        )
        rows = f"SELECT {columns} FROM UNNEST(sequence(0, {ROWS - 1})) AS t (n)"
        keep = "" if schema == PRESENT else f" WHERE NOT ({hidden})"
        keys = "SELECT n AS k FROM UNNEST(sequence(0, 39)) AS t (n)"
        names = "SELECT name FROM (VALUES 'EU', 'DE') AS t (name)"
        for name, select in (("s", rows + keep), ("o", keys), ("r", names)):
            done(server, f"DROP TABLE IF EXISTS lake.{schema}.{name}")
            done(server, f"CREATE TABLE lake.{schema}.{name} AS {select}")


def probes(kinds: Sequence[str]) -> Iterator[Probe]:
    """All of them: every kind with every position and expression, and the equality oracles."""
    for kind in kinds:
        for position, expression in itertools.product(POSITIONS, EXPRESSIONS):
            sql = POSITIONS[position].format(e=EXPRESSIONS[expression])
            yield Probe(kind, position, expression, sql)
        for column, sql in ORACLES.items():
            yield Probe(kind, "oracle", column, sql)


_EACH = 4
"""How many expressions a sample tries at one position, over all kinds."""


def sampled(kinds: Sequence[str], start: int) -> Iterator[Probe]:
    """Every position under every kind, each with one expression; ``start`` chooses which."""
    names = list(EXPRESSIONS)
    for at, kind in enumerate(kinds):
        for turn, position in enumerate(POSITIONS):
            step = at % _EACH * (len(names) // _EACH)
            expression = names[(start + 3 * turn + step) % len(names)]
            yield Probe(
                kind, position, expression, POSITIONS[position].format(e=EXPRESSIONS[expression])
            )
        for column, sql in ORACLES.items():
            yield Probe(kind, "oracle", column, sql)


def text(probe: Probe, *, guard: bool = True) -> str:
    """Governed text of a probe; without its barrier as a control."""
    condition = FILTERS.get(probe.kind, FILTERS["or"])
    query = governed(probe.sql, TABLES, {"s": condition}, "trino", Defaults("lake", PRESENT))
    if probe.kind in PLAIN:
        return query.sql
    plain = render(condition, TABLES["s"], "trino", "$g")
    barred = _BARRED.format(f=plain)
    if barred not in query.sql:
        raise AssertionError(f"no barrier in {query.sql}")
    written = (TEXTS | UNHELD).get(probe.kind)
    wanted = written.format(s='"$g"') if written else plain
    return query.sql.replace(barred, _BARRED.format(f=wanted) if guard else wanted)


@dataclass(frozen=True)
class Felt:
    """A probe that ended otherwise with hidden rows than without."""

    probe: Probe
    found: Answer
    wanted: Answer


class Barrier:
    """Runs probes on one Trino; the answers without hidden rows are asked for once."""

    def __init__(self, server: Server) -> None:
        self._present = replace(server, catalog="lake", schema=PRESENT)
        self._absent = replace(server, catalog="lake", schema=ABSENT)
        self._wanted: dict[str, Answer] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def close(self) -> None:
        """End threads and connections."""
        self._pool.shutdown()
        self._present.close()
        self._absent.close()

    def felt(self, wanted: Sequence[Probe], *, guard: bool = True) -> list[Felt]:
        """The probes that betray hidden rows."""
        texts = [text(probe, guard=guard) for probe in wanted]
        self._ask({probe.sql for probe in wanted})
        answers = self._pool.map(self._present.run, texts)
        found = []
        for probe, answer in zip(wanted, answers, strict=True):
            expected = self._wanted[probe.sql]
            if not same(answer, expected):
                found.append(Felt(probe, answer, expected))
        return found

    def failing(self) -> list[str]:
        """Expressions that fail where hidden rows are read: all, or the suite is blind."""
        texts = [f"SELECT max({text}) FROM s" for text in EXPRESSIONS.values()]
        answers = self._pool.map(self._present.run, texts)
        return [name for name, found in zip(EXPRESSIONS, answers, strict=True) if found.error]

    def unsound(self) -> list[tuple[str, Answer]]:
        """Statements asked so far that fail without hidden rows: none, or they prove nothing."""
        return [(sql, found) for sql, found in self._wanted.items() if found.error]

    def _ask(self, statements: set[str]) -> None:
        new = sorted(statements - self._wanted.keys())
        self._wanted.update(zip(new, self._pool.map(self._absent.run, new), strict=True))


def same(one: Answer, other: Answer) -> bool:
    """Equal rows and headings, or errors of one name; never a hidden value in a text."""
    if "secret" in one.text or one.error != other.error:
        return False
    return one.heads == other.heads and settled(one.rows, ordered=False) == settled(
        other.rows, ordered=False
    )
