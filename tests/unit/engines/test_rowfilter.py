"""Row filters against a three-valued oracle of their own, and against the text DuckDB gets."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.engines.rowfilter import RowFilter, fields
from gateway.names import TableName
from gateway.policy.model import CompoundCondition, FieldCondition
from gateway.sql.conditions import render

TEXT = st.text(alphabet="abAB%_!'\\\"\u00e9\u6771 ", max_size=4)
MOMENTS = st.datetimes(datetime(1969, 12, 31, 23), datetime(1970, 1, 1, 1))  # noqa: DTZ001
MOMENTS |= st.datetimes(datetime(1600, 1, 1), datetime(2600, 1, 1))  # noqa: DTZ001
SMALL = st.integers(-3, 3)

ARROW = {
    "flag": pa.bool_(),
    "i": pa.int32(),
    "n": pa.int64(),
    "d": pa.float64(),
    "r": pa.float32(),
    "dec": pa.decimal128(12, 2),
    "s": pa.large_string(),
    "day": pa.date32(),
    "ts": pa.timestamp("us"),
    "tz": pa.timestamp("us", tz="UTC"),
    "u": pa.uuid(),
    "t": pa.time64("us"),
}
TRINO = {
    "flag": "boolean",
    "i": "integer",
    "n": "bigint",
    "d": "double",
    "r": "real",
    "dec": "decimal(12,2)",
    "s": "varchar",
    "day": "date",
    "ts": "timestamp(6)",
    "tz": "timestamp(6) with time zone",
    "u": "uuid",
    "t": "time(6)",
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "i": SMALL | st.integers(-(2**31), 2**31 - 1),
    "n": SMALL | st.integers(-(2**63), 2**63 - 1),
    "d": SMALL.map(float) | st.floats(allow_nan=False, allow_infinity=False),
    "r": SMALL.map(float) | st.floats(width=32, allow_nan=False, allow_infinity=False),
    "dec": st.decimals(-100, 100, places=2) | SMALL.map(lambda i: Decimal(f"{i}.00")),
    "s": TEXT,
    "day": st.integers(-2, 2).map(lambda i: date(1970, 1, 1) + timedelta(i))
    | st.dates(date(1600, 1, 1), date(2600, 1, 1)),
    "ts": MOMENTS,
    "tz": MOMENTS.map(lambda at: at.replace(tzinfo=UTC)),
    "u": SMALL.map(lambda i: uuid.UUID(int=i % 2**128)) | st.uuids(),
    "t": st.times(),
}
ORDERED = ("lt", "lte", "gt", "gte")
EXACT = ("eq", "ne", "in", "nin")


def operators(column: str) -> list[str]:
    found = ["is_null"]
    if column not in {"d", "r"}:
        found += EXACT
    if column not in {"flag", "u"}:
        found += ORDERED
    if column == "s":
        found += ["startswith", "endswith", "contains"] * 2
    return found


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Any, ...]:
    column = draw(st.sampled_from(list(ARROW)))
    operator = draw(st.sampled_from(operators(column)))
    if operator == "is_null":
        return operator, column, draw(st.booleans())
    if operator in {"in", "nin"}:
        least = 1 if operator == "nin" else 0
        return operator, column, draw(st.lists(VALUES[column], min_size=least, max_size=3))
    return operator, column, draw(VALUES[column])


def compounds(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.lists(parts, min_size=1, max_size=3)
    return (
        st.tuples(st.just("not"), parts.map(lambda part: [part]))
        | st.tuples(st.just("and"), many)
        | st.tuples(st.just("or"), many)
    )


TREES = st.recursive(leaves(), compounds, max_leaves=6)


def spelled(value: Any) -> Any:
    """As a policy writes it: booleans and integers as such, everything else as text."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        naive = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return naive + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="microseconds")
    return repr(value) if isinstance(value, float) else str(value)


def condition(tree: tuple[Any, ...]) -> Any:
    if tree[0] in {"and", "or", "not"}:
        return CompoundCondition(tree[0], tuple(condition(part) for part in tree[1]))
    operator, column, value = tree
    if isinstance(value, list):
        return FieldCondition(operator, column, tuple(spelled(v) for v in value))
    return FieldCondition(operator, column, spelled(value))


def key(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def truth(tree: tuple[Any, ...], row: dict[str, Any]) -> bool | None:  # noqa: PLR0911
    """SQL's logic, written without any library's."""
    match tree[0]:
        case "not":
            inner = truth(tree[1][0], row)
            return None if inner is None else not inner
        case "and":
            found = [truth(part, row) for part in tree[1]]
            return False if False in found else None if None in found else True
        case "or":
            found = [truth(part, row) for part in tree[1]]
            return True if True in found else None if None in found else False
    operator, column, wanted = tree
    value = row[column]
    if operator == "is_null":
        return (value is None) is wanted
    if operator == "in" and not wanted:
        return False
    if value is None:
        return None
    value, wanted = (
        key(value),
        [key(v) for v in wanted] if isinstance(wanted, list) else key(wanted),
    )
    return {
        "eq": lambda: value == wanted,
        "ne": lambda: value != wanted,
        "lt": lambda: value < wanted,
        "lte": lambda: value <= wanted,
        "gt": lambda: value > wanted,
        "gte": lambda: value >= wanted,
        "in": lambda: value in wanted,
        "nin": lambda: value not in wanted,
        "startswith": lambda: value[: len(wanted)] == wanted,
        "endswith": lambda: value.endswith(wanted),
        "contains": lambda: value.find(wanted) >= 0,
    }[operator]()


ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}),
    min_size=1,
    max_size=6,
)
TABLE = Table(
    TableName("lake", "s", "t"),
    "claims",
    tuple(Column(name, DataType.parse(kind), at) for at, (name, kind) in enumerate(TRINO.items())),
)
CONNECTION = duckdb.connect(":memory:")
CONNECTION.execute("SET TimeZone = 'UTC'")


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = pa.schema([("row", pa.int64()), *ARROW.items()])
    columns = [pa.array(range(len(rows)), pa.int64())]
    for name, kind in ARROW.items():
        values = [row[name] for row in rows]
        if name == "u":
            values = [None if v is None else v.bytes for v in values]
        columns.append(pa.array(values, kind))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@settings(max_examples=max(300, settings.default.max_examples), deadline=None)
@given(TREES, ROWS)
def test_filter_oracle_and_text_agree(tree: tuple[Any, ...], rows: list[dict[str, Any]]) -> None:
    batch = batch_of(rows)
    expected = [at for at, row in enumerate(rows) if truth(tree, row) is True]
    passing = RowFilter(condition(tree), batch.schema).apply(batch)
    assert passing.column("row").to_pylist() == expected
    text = render(condition(tree), TABLE, "duckdb", "g")
    CONNECTION.register("rows_", pa.Table.from_batches([batch]))
    said = CONNECTION.execute(f'SELECT row FROM rows_ AS "g" WHERE {text} ORDER BY row').fetchall()
    assert [row[0] for row in said] == expected


def test_nan_is_never_less_nor_greater() -> None:
    batch = pa.record_batch({"d": pa.array([float("nan"), 1.0, None])})
    for operator in ("lt", "gt", "lte", "gte"):
        found = RowFilter(FieldCondition(operator, "d", "1"), batch.schema).apply(batch)
        assert found.num_rows == (1 if operator in {"lte", "gte"} else 0)


def test_a_batch_that_passes_whole_is_not_copied() -> None:
    batch = pa.record_batch({"i": pa.array([1, 2], pa.int64())})
    assert RowFilter(FieldCondition("gt", "i", 0), batch.schema).apply(batch) is batch


def test_fields_are_found_in_every_part() -> None:
    tree = ("or", [("not", [("eq", "i", 1)]), ("and", [("eq", "n", 1), ("is_null", "s", True)])])
    assert fields(condition(tree)) == {"i", "n", "s"}


@pytest.mark.parametrize(
    ("operator", "column", "value"),
    [
        ("eq", "absent", 1),
        ("eq", "i", True),
        ("eq", "i", "1"),
        ("eq", "i", 2**31),
        ("eq", "flag", 1),
        ("eq", "dec", "1.234"),
        ("eq", "dec", 1),
        ("eq", "day", "2020-13-01"),
        ("eq", "ts", "2020-01-01 00:00:00Z"),
        ("eq", "tz", "2020-01-01 00:00:00"),
        ("eq", "ts", "2020-01-01 00:00:00.1234567"),
        ("gt", "d", "NaN"),
        ("gt", "d", "1_0"),
        ("startswith", "i", "1"),
        ("like", "s", "a"),
        ("nin", "s", ()),
        ("eq", "s", ("a",)),
        ("in", "s", "a"),
        ("is_null", "s", "yes"),
    ],
)
def test_what_does_not_fit_is_refused(operator: str, column: str, value: Any) -> None:
    schema = pa.schema(list(ARROW.items()))
    with pytest.raises(ValueError):
        RowFilter(FieldCondition(operator, column, value), schema)


@pytest.mark.parametrize("operator", ["and", "or", "xor"])
def test_empty_and_unknown_compounds_are_refused(operator: str) -> None:
    with pytest.raises(ValueError, match="unknown condition"):
        RowFilter(CompoundCondition(operator, ()), pa.schema(list(ARROW.items())))
