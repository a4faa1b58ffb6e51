"""Row filters: SQL on DuckDB against a separate three-valued oracle, and the barrier."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.policy.model import CompoundCondition, Condition, FieldCondition
from gateway.sql.conditions import is_plain, render, where
from gateway.sql.reader.conditions import plain_domain
from gateway.sql.spelling import spell
from tests.unit.sql.sqlback import NAME, table

F, C = FieldCondition, CompoundCondition
_TEXTS = st.text(st.sampled_from("aAb%_!'\" é\n\\"), max_size=4)
_BIG = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001 - local times
_FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


# column: (type, stored values, how a policy writes one)
COLUMNS: dict[str, tuple[str, st.SearchStrategy[Any], Any]] = {
    "t": ("varchar", _TEXTS, str),
    "i": ("bigint", _BIG, int),
    "k": ("tinyint", st.integers(-128, 127), int),
    "f": ("boolean", st.booleans(), bool),
    "d": ("decimal(12,2)", st.decimals(-99, 99, places=2), lambda v: f"{v:.2f}"),
    "r": ("double", _FLOATS, repr),
    "y": ("date", st.dates(date(1990, 1, 1), date(2040, 1, 1)), lambda v: v.isoformat()),
    "s": ("timestamp(6)", _MOMENTS, _iso),
    "z": ("timestamp(6) with time zone", _MOMENTS, lambda v: _iso(v) + "Z"),
    "g": ("uuid", st.integers(0, 5).map(lambda v: UUID(int=v)), str),
}
TABLE = Table(
    NAME,
    "sales",
    tuple(Column(n, DataType.parse(t), i) for i, (n, (t, _, _)) in enumerate(COLUMNS.items())),
)
_ORDERED = {"eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "is_null"}
_UNORDERED = {"eq", "ne", "in", "nin", "is_null"}
_BY_TYPE = {
    "t": _ORDERED | {"startswith", "endswith", "contains"},
    "f": _UNORDERED,
    "g": _UNORDERED,
    "r": {"lt", "lte", "gt", "gte", "is_null"},
}


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Condition, Any]:
    """One field condition and its values as stored (for the oracle)."""
    name = draw(st.sampled_from(sorted(COLUMNS)))
    _, values, write = COLUMNS[name]
    operator = draw(st.sampled_from(sorted(_BY_TYPE.get(name, _ORDERED))))
    if operator == "is_null":
        flag = draw(st.booleans())
        return F(operator, name, flag), flag
    if operator in {"in", "nin"}:
        listed = draw(st.lists(values, min_size=int(operator == "nin"), max_size=3))
        return F(operator, name, tuple(write(v) for v in listed)), listed
    value = draw(values)
    return F(operator, name, write(value)), value


def _compound(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.tuples(st.sampled_from(["and", "or"]), st.lists(parts, min_size=1, max_size=3))
    return many | st.tuples(st.just("not"), st.lists(parts, min_size=1, max_size=1))


TREES = st.recursive(leaves(), _compound, max_leaves=6)
ROWS = st.lists(
    st.fixed_dictionaries({n: st.none() | values for n, (_, values, _) in COLUMNS.items()}),
    min_size=1,
    max_size=6,
)


def condition_of(tree: Any) -> Condition:
    """The condition of a drawn tree."""
    if isinstance(tree[0], str):
        return C(tree[0], tuple(condition_of(part) for part in tree[1]))
    return tree[0]


def oracle(tree: Any, row: dict[str, Any]) -> bool | None:
    """Three-valued truth, written apart from the SQL."""
    if not isinstance(tree[0], str):
        return _leaf(tree[0], tree[1], row[tree[0].field])
    found = [oracle(part, row) for part in tree[1]]
    if tree[0] == "not":
        return None if found[0] is None else not found[0]
    decisive = tree[0] == "or"
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def _leaf(leaf: FieldCondition, value: Any, cell: Any) -> bool | None:
    if leaf.operator == "is_null":
        return (cell is None) is value
    if leaf.operator == "in" and value == []:
        return False
    if cell is None:
        return None
    truths = {
        "eq": lambda: cell == value,
        "ne": lambda: cell != value,
        "lt": lambda: cell < value,
        "lte": lambda: cell <= value,
        "gt": lambda: cell > value,
        "gte": lambda: cell >= value,
        "in": lambda: cell in value,
        "nin": lambda: cell not in value,
        "startswith": lambda: cell.startswith(value),
        "endswith": lambda: cell.endswith(value),
        "contains": lambda: value in cell,
    }
    return bool(truths[leaf.operator]())


@pytest.fixture(scope="module")
def engine():
    """One in-memory DuckDB with the table."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'America/New_York'")
    columns = ", ".join(f'"{c.name}" {spell(c.type, "duckdb")}' for c in TABLE.columns)
    con.execute(f'CREATE TABLE data ("row" INTEGER, {columns})')
    yield con
    con.close()


@given(tree=TREES, rows=ROWS)
def test_conditions_equal_the_oracle_on_duckdb(engine, tree, rows):
    engine.execute("DELETE FROM data")
    for number, row in enumerate(rows):
        cells = [row[name] for name in COLUMNS]
        at = list(COLUMNS).index("z")
        cells[at] = cells[at] and cells[at].replace(tzinfo=UTC)
        marks = ", ".join("?" for _ in range(len(COLUMNS) + 1))
        engine.execute(f"INSERT INTO data VALUES ({marks})", [number, *cells])
    text = render(condition_of(tree), TABLE, "duckdb", "$g")
    sql = f'SELECT "row" FROM data AS "$g" WHERE {text} ORDER BY 1'
    found = [row for (row,) in engine.execute(sql).fetchall()]
    assert found == [number for number, row in enumerate(rows) if oracle(tree, row) is True]


@given(tree=TREES)
def test_writer_and_reader_agree_on_plain_domains(tree):
    condition = condition_of(tree)
    assert is_plain(condition, TABLE) is plain_domain(condition, TABLE)


ALL = table()
EU, ID = F("eq", "region", "EU"), F("lt", "id", 5)


@pytest.mark.parametrize(
    ("condition", "plain"),
    [
        (EU, True),
        (F("ne", "region", "EU"), True),
        (F("nin", "region", ("EU",)), True),
        (F("is_null", "region", value=True), True),
        (C("and", (EU, ID)), True),
        (C("or", (EU, F("is_null", "region", value=True))), True),
        (C("not", (C("or", (EU, F("eq", "region", "US"))),)), True),
        (F("gt", "ratio", "0.5"), True),
        (C("or", (EU, ID)), False),
        (C("not", (C("and", (EU, ID)),)), False),
        (C("and", (EU, C("or", (EU, ID)))), False),
        (F("startswith", "region", "E"), False),
        (F("endswith", "region", "E"), False),
        (F("contains", "region", "E"), False),
        (F("ne", "ratio", "0.5"), False),
        (C("not", (F("lt", "ratio4", "0.5"),)), False),
        (F("is_null", "tags", value=True), False),
        (F("is_null", "missing", value=True), False),
    ],
)
def test_only_plain_domains_go_without_the_barrier(condition, plain):
    assert is_plain(condition, ALL) is plain
    if plain or condition != F("is_null", "missing", value=True):
        text = where(condition, ALL, "trino", "$g")
        assert ('"system"."builtin".random() < 0' in text) is not plain
        assert "random" not in where(condition, ALL, "duckdb", "$g")


def test_a_filter_on_a_view_always_carries_the_barrier():
    assert not is_plain(EU, table(kind="view"))


def test_the_barrier_repeats_the_filter():
    text = where(C("or", (EU, ID)), ALL, "trino", "$g")
    f = '"$g"."region" = \'EU\' OR "$g"."id" < BIGINT \'5\''
    random = '"system"."builtin".random()'
    assert text == f"({f}) AND CASE WHEN {random} < 0 THEN FALSE ELSE ({f}) END"


@pytest.mark.parametrize(
    "condition",
    [
        F("eq", "missing", 1),
        F("eq", "id", "5"),
        F("eq", "id", value=True),
        F("eq", "flag", 1),
        F("eq", "region", 5),
        F("eq", "amount", "NaN"),
        F("eq", "ratio", "inf"),
        F("eq", "day", "yesterday"),
        F("eq", "seen", "2026-01-01T00:00:00Z"),
        F("eq", "moment", "2026-01-01T00:00:00"),
        F("eq", "seen", "2026-01-01T00:00:00.1234567"),
        F("eq", "raw", "00"),
        F("eq", "tags", "x"),
        F("startswith", "id", "1"),
        F("matches", "region", "E"),
        F("nin", "region", ()),
        F("is_null", "region", 1),
        F("eq", "region", "a\x00b"),
        C("and", ()),
        C("or", ()),
        C("not", (EU, ID)),
        C("xor", (EU, ID)),
    ],
)
def test_what_fits_no_column_is_refused(condition):
    for engine_name in ("trino", "duckdb"):
        with pytest.raises(ValueError):
            render(condition, ALL, engine_name, "$g")


@pytest.mark.parametrize(
    ("column", "value", "trino"),
    [
        ("id", -5, "BIGINT '-5'"),
        ("small", 5, "SMALLINT '5'"),
        ("flag", False, "FALSE"),
        ("region", "it's", "'it''s'"),
        ("amount", "1.5", "CAST('1.5' AS decimal(12,2))"),
        ("ratio", "1e3", "DOUBLE '1e3'"),
        ("day", "2026-01-31", "DATE '2026-01-31'"),
        ("seen", "2026-01-31T10:00:00.5", "TIMESTAMP '2026-01-31 10:00:00.500000'"),
        ("moment", "2026-01-31T10:00:00Z", "TIMESTAMP '2026-01-31 10:00:00.000000 UTC'"),
    ],
)
def test_literals_have_the_column_s_type(column, value, trino):
    text = render(F("lt", column, value), ALL, "trino", "$g")
    assert text == f'"$g"."{column}" < {trino}'


def test_decimals_are_exact_on_duckdb(engine):
    text = render(F("eq", "d", "0.10"), TABLE, "duckdb", "$g")
    sql = f'SELECT count(*) FROM (SELECT CAST(? AS DECIMAL(12,2)) AS d) AS "$g" WHERE {text}'
    assert engine.execute(sql, [Decimal("0.10")]).fetchone() == (1,)
