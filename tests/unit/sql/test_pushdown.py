"""Which predicates of a statement reach its scans as hints, and which must not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.names import TableName
from gateway.policy.model import (
    ColumnDecision,
    Condition,
    Decision,
    FieldCondition,
    Mask,
    TableDecision,
)
from gateway.session import Session
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, ResolvedQuery
from gateway.sql.parse import parse
from gateway.sql.pushdown import with_hints
from gateway.sql.resolve import resolve
from gateway.sql.sessionfns import session_values

COLUMNS = {
    "i": "integer",
    "b": "bigint",
    "d": "decimal(10,2)",
    "v": "varchar",
    "day": "date",
    "at": "timestamp(6)",
    "zoned": "timestamp(6) with time zone",
    "f": "double",
    "r": "real",
    "t": "boolean",
    "u": "uuid",
    "masked": "bigint",
    "pair": "row(x bigint)",
    "list": "array(bigint)",
}
MASK = Mask("replace-with-null")
NOW = datetime(2024, 5, 17, 13, 45, tzinfo=UTC)


def _table(name: str) -> Table:
    made = (Column(c, DataType.parse(t), at) for at, (c, t) in enumerate(COLUMNS.items(), 1))
    return Table(TableName("lake", "s", name), "d", tuple(made))


TABLES = {table.name: table for table in map(_table, ("t", "o"))}


def _decided(table: Table) -> TableDecision:
    columns = tuple(
        ColumnDecision(c.name, "mask", MASK)
        if c.name == "masked"
        else ColumnDecision(c.name, "allow")
        for c in table.columns
    )
    return TableDecision(table.name, "allow", columns, FieldCondition("gt", "b", 0))


def resolved(sql: str) -> ResolvedQuery:
    statement = parse(sql, Defaults("lake", "s"))
    tables = {ref.name: TABLES[ref.name] for ref in statement.tables}
    decided = {name: _decided(table) for name, table in tables.items()}
    decision = Decision("d", "f", "rego", {}, NOW, "allow", decided)
    values = session_values(Session("lake", "s"), "ana", NOW)
    return resolve(statement, decision, tables, values)


def spelled(condition: Condition) -> str:
    if isinstance(condition, FieldCondition):
        return f"{condition.field} {condition.operator} {condition.value!r}"
    return f" {condition.operator} ".join(spelled(part) for part in condition.parts)


def hints(sql: str) -> list[str]:
    """``alias: column operator value`` for every hint, sorted."""
    scans = with_hints(resolved(sql))
    return sorted(f"{s.alias}: {spelled(hint)}" for s in scans for hint in s.hints)


PREDICATES = {
    "i = 5": "i eq 5",
    "(i) = (5)": "i eq 5",
    "5 < i": "i gt 5",
    "5 <= i": "i gte 5",
    "5 > i": "i lt 5",
    "5 >= i": "i lte 5",
    "i < 5": "i lt 5",
    "i <= -5": "i lte -5",
    "b > 5": "b gt 5",
    "b >= 9223372036854775807": "b gte 9223372036854775807",
    "i BETWEEN 1 AND 3": "i gte 1 and i lte 3",
    "i IN (1, 2, -3)": "i in (1, 2, -3)",
    "i IS NULL": "i is_null True",
    "i IS NOT NULL": "i is_null False",
    "NOT (i IS NULL)": "i is_null False",
    "d = 5": "d eq '5'",
    "d > 1.5": "d gt '1.5'",
    "d > -.25": "d gt '-0.25'",
    "d <= DECIMAL '-7.25'": "d lte '-7.25'",
    "v = 'x'": "v eq 'x'",
    "v IN ('x', '')": "v in ('x', '')",
    "v >= 'Ä'": "v gte 'Ä'",
    "day = DATE '2020-02-29'": "day eq '2020-02-29'",
    "day < current_date": "day lt '2024-05-17'",
    "at < TIMESTAMP '2020-01-02 03:04:05'": "at lt '2020-01-02T03:04:05'",
    "at = TIMESTAMP '2020-01-02 03:04:05.123456'": "at eq '2020-01-02T03:04:05.123456'",
    "zoned IS NULL AND i = 1": "i eq 1",
    "pair.x = 1 AND i = 1": "i eq 1",
}


@pytest.mark.parametrize(("predicate", "wanted"), PREDICATES.items())
def test_exact_comparisons_become_hints(predicate: str, wanted: str) -> None:
    assert hints(f"SELECT 1 FROM t WHERE {predicate}") == [f"t: {wanted}"]


NO_HINT = [
    "i <> 5",
    "NOT (i = 5)",
    "NOT i IN (1)",
    "i NOT BETWEEN 1 AND 2",
    "i = 5 OR b = 6",
    "NOT (i = 5 AND b = 6)",
    "(i = 5 AND b = 6) IS NULL",
    "i = 5.0",
    "i = 5e0",
    "i = DECIMAL '5'",
    "i = 2147483648",
    "i = BIGINT '5'",
    "i = CAST(5 AS integer)",
    "i + 1 = 5",
    "abs(i) = 5",
    "CAST(i AS bigint) = 5",
    "i = b",
    "i = NULL",
    "i IN (1, NULL)",
    "i IN (1, b)",
    "i IN (SELECT o.i FROM o)",
    "i = (SELECT max(o.i) FROM o)",
    "i = ANY (SELECT o.i FROM o)",
    "i BETWEEN 1 AND b",
    "i BETWEEN NULL AND 5",
    "5 BETWEEN i AND 7",
    "i IS DISTINCT FROM 5",
    "i IS NOT DISTINCT FROM 5",
    "coalesce(i, 5) = 5",
    "CASE WHEN i = 5 THEN true ELSE false END",
    "d = 1.234",
    "d = 1e1",
    "d = DECIMAL '1.234'",
    "d = 123456789",
    "d = DOUBLE '1.5'",
    "v LIKE 'x%'",
    "lower(v) = 'x'",
    "v = CAST('x' AS varchar)",
    "v = CAST('x' AS char(3))",
    "day = TIMESTAMP '2020-01-01 00:00:00'",
    "at = DATE '2020-01-01'",
    "at = TIMESTAMP '2020-01-01 00:00:00.1234567'",
    "at = TIMESTAMP '2020-01-01 00:00'",
    "at = TIMESTAMP '2020-01-01 00:00:00 UTC'",
    "zoned = TIMESTAMP '2020-01-01 00:00:00 UTC'",
    "zoned = TIMESTAMP '2020-01-01 00:00:00'",
    "zoned IS NULL",
    "f = 5",
    "f = 5e0",
    "f IS NULL",
    "r > REAL '1.5'",
    "t = true",
    "t",
    "u = UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59'",
    "masked = 5",
    "masked IS NULL",
    "pair.x = 1",
    "pair IS NULL",
    "list[1] = 1",
    "list IS NULL",
    f"i IN ({', '.join(map(str, range(201)))})",
    "1 = 1",
]


@pytest.mark.parametrize("predicate", NO_HINT)
def test_everything_else_does_not(predicate: str) -> None:
    found = hints(f"SELECT 1 FROM t WHERE {predicate}")
    assert [hint for hint in found if hint.startswith("t:")] == []


PLACES = {
    "SELECT 1 FROM t WHERE i = 1 AND (b = 2 AND v = 'x')": [
        "t: b eq 2",
        "t: i eq 1",
        "t: v eq 'x'",
    ],
    "SELECT i FROM t GROUP BY i HAVING i = 1": [],
    "SELECT * FROM (SELECT i FROM t) q WHERE q.i = 1": [],
    "SELECT * FROM (SELECT i FROM t WHERE i = 1) q WHERE q.i = 2": ["t: i eq 1"],
    "WITH q AS (SELECT i FROM t WHERE i = 1) SELECT * FROM q WHERE i = 2": ["t: i eq 1"],
    "WITH q AS (SELECT i FROM t) SELECT * FROM q WHERE i = 2": [],
    "SELECT i FROM t WHERE i = 1 LIMIT 5": ["t: i eq 1"],
    "SELECT * FROM (SELECT i FROM t LIMIT 5) WHERE i = 1": [],
    "SELECT DISTINCT i FROM t WHERE i = 1": ["t: i eq 1"],
    "SELECT count(*) FILTER (WHERE i = 1) FROM t": [],
    "SELECT i FROM t WHERE i = 1 UNION ALL SELECT i FROM o": ["t: i eq 1"],
    "SELECT i FROM t EXCEPT SELECT i FROM o WHERE i = 1": ["o: i eq 1"],
    "SELECT 1 FROM t JOIN o ON t.b = o.b AND t.i = 1 WHERE o.i = 2": ["o: i eq 2", "t: i eq 1"],
    "SELECT 1 FROM t CROSS JOIN o WHERE o.i = 2": ["o: i eq 2"],
    "SELECT 1 FROM t, o WHERE o.i = 2 AND t.i = 1": ["o: i eq 2", "t: i eq 1"],
    "SELECT 1 FROM t JOIN o USING (b) WHERE b = 2 AND o.i = 1": ["o: i eq 1"],
    "SELECT 1 FROM t AS x JOIN t AS y ON x.b = y.b WHERE y.i = 1": ["y: i eq 1"],
    "SELECT 1 FROM t LEFT JOIN o ON t.b = o.b AND o.i = 1 AND t.i = 2": [],
    "SELECT 1 FROM t LEFT JOIN o ON t.b = o.b WHERE t.i = 1": ["t: i eq 1"],
    "SELECT 1 FROM t LEFT JOIN o ON t.b = o.b WHERE o.i = 1": [],
    "SELECT 1 FROM t LEFT JOIN o ON t.b = o.b WHERE o.i IS NULL": [],
    "SELECT 1 FROM t RIGHT JOIN o ON t.b = o.b WHERE t.i = 1 AND o.i = 2": ["o: i eq 2"],
    "SELECT 1 FROM t FULL JOIN o ON t.b = o.b WHERE t.i = 1 AND o.i = 2": [],
    "SELECT 1 FROM t FULL JOIN o ON t.b = o.b JOIN o p ON p.i = 3 WHERE t.i = 1": ["p: i eq 3"],
    "SELECT 1 FROM t x JOIN t y ON x.i = 1 RIGHT JOIN o ON y.b = o.b": [],
    "SELECT 1 FROM t x JOIN t y ON x.i = 1 LEFT JOIN o ON y.b = o.b": ["x: i eq 1"],
    "SELECT 1 FROM t x LEFT JOIN t y ON x.b = y.b JOIN o ON y.i = 1": [],
    "SELECT 1 FROM t LEFT JOIN (o JOIN o p ON p.i = 1) ON t.b = p.b WHERE p.i = 2": [],
    "SELECT 1 FROM o WHERE EXISTS (SELECT 1 FROM t WHERE t.i = 1 AND t.b = o.b)": ["t: i eq 1"],
    "SELECT 1 FROM o WHERE EXISTS (SELECT 1 FROM t WHERE o.i = 1 AND t.b = o.b)": [],
    "SELECT (SELECT max(t.b) FROM t WHERE t.i = 1) FROM o": ["t: i eq 1"],
    "SELECT 1 FROM t CROSS JOIN UNNEST(ARRAY[1]) AS u(x) WHERE t.i = 1 AND u.x = 2": ["t: i eq 1"],
    "SELECT transform(ARRAY[1], i -> i = 1) FROM t": [],
    "SELECT sum(i) OVER (ORDER BY b) FROM t WHERE i = 1": ["t: i eq 1"],
    "SELECT * FROM (SELECT i, rank() OVER (ORDER BY b) AS n FROM t) WHERE i = 1": [],
}


@pytest.mark.parametrize(("sql", "wanted"), PLACES.items())
def test_only_where_the_block_itself_drops_the_row(sql: str, wanted: list[str]) -> None:
    assert hints(sql) == wanted


def test_govern_sets_them_and_the_predicate_stays_in_the_text() -> None:
    governed = govern(resolved("SELECT 1 FROM t WHERE i = 5"), "duckdb", {}, "00")
    assert [spelled(hint) for hint in governed.scans[0].hints] == ["i eq 5"]
    assert 'WHERE ("t"."i" = ' in governed.sql


def test_hints_are_for_the_embedded_engine_and_never_printed() -> None:
    found = resolved("SELECT 1 FROM t WHERE v = 'very private'")
    assert not any(scan.hints for scan in govern(found, "trino", {}, "00").scans)
    scans = govern(found, "duckdb", {}, "00").scans
    assert scans[0].hints
    assert "very private" not in repr(scans)


def test_a_defect_costs_the_hints_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("gateway.sql.pushdown._kept", broken)
    assert hints("SELECT 1 FROM t WHERE i = 5") == []
