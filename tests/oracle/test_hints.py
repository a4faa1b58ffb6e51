"""Hints change no answer, read fewer files, and tell nothing about hidden rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform, MonthTransform
from pyiceberg.types import (
    DateType,
    DecimalType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)

from gateway.catalog.model import Table
from gateway.engines.rowfilter import RowFilter
from gateway.policy.model import CompoundCondition, Condition, FieldCondition
from gateway.sql.limits import allow_recursion
from tests.oracle.locked import Locked, governed
from tests.unit.engines.lake import Lake

SCHEMA = Schema(
    NestedField(1, "i", IntegerType()),
    NestedField(2, "b", LongType()),
    NestedField(3, "d", DecimalType(10, 2)),
    NestedField(4, "v", StringType()),
    NestedField(5, "day", DateType()),
    NestedField(6, "at", TimestampType()),
)
BY_MONTH = PartitionSpec(PartitionField(5, 1000, MonthTransform(), "day_month"))
BY_WORD = PartitionSpec(PartitionField(4, 1000, IdentityTransform(), "v"))
BEGIN = dt.datetime.fromisoformat("2020-01-01")
WORDS = ("", "a", "ab", "Z", "é", "zz", "a" * 40)
ROWS, APPENDS = 120, 2


def _row(at: int) -> tuple[Any, ...]:
    """Every column is NULL in some rows, alone and together."""
    row: list[Any] = [
        at % 17 - 8,
        (at * 7919) % 1000 - 500,
        Decimal(at * 37 % 2000 - 1000) / 100,
        WORDS[at % len(WORDS)],
        dt.date(2019, 11, 1) + dt.timedelta(days=at),
        BEGIN + dt.timedelta(hours=at * 5, microseconds=at % 3),
    ]
    for column in range(len(row)):
        if at % (5 + column) == 0:
            row[column] = None
    return tuple(row)


def _written(lake: Lake, name: str, spec: PartitionSpec) -> Table:
    table = lake.catalog.create_table(f"s.{name}", SCHEMA, partition_spec=spec)
    names = [field.name for field in SCHEMA.fields]
    for part in range(APPENDS):
        rows = [_row(at) for at in range(part, ROWS, APPENDS)]
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        table.append(pa.table(columns, schema=SCHEMA.as_arrow()))
    return lake.table(name)


class World:
    """The same rows in two partitionings, in several files each."""

    def __init__(self, folder: Path) -> None:
        lake = Lake(folder)
        self.tables = {
            "t": _written(lake, "t", BY_MONTH),
            "u": _written(lake, "u", BY_WORD),
        }
        lake.catalog.close()
        self.locked = Locked(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    allow_recursion()
    made = World(tmp_path_factory.mktemp("hints"))
    yield made
    made.locked.connection.close()


def _whole(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


_CENTS = st.integers(-1100, 1100).map(lambda n: str(Decimal(n) / 100))
_DAYS = st.integers(-5, 130).map(lambda n: dt.date(2019, 11, 1) + dt.timedelta(days=n))
_MOMENTS = st.integers(-5, 610).map(lambda n: BEGIN + dt.timedelta(hours=n))
LITERALS: dict[str, st.SearchStrategy[str]] = {
    "i": _whole(-10, 10),
    "b": _whole(-520, 520) | st.just("9223372036854775807"),
    "d": _CENTS | _whole(-11, 11) | _CENTS.map(lambda text: f"DECIMAL '{text}'"),
    "v": st.sampled_from(WORDS).map(lambda word: f"'{word}'"),
    "day": _DAYS.map(lambda day: f"DATE '{day}'"),
    "at": _MOMENTS.map(lambda moment: f"TIMESTAMP '{moment}'")
    | _MOMENTS.map(lambda moment: f"TIMESTAMP '{moment}.000001'"),
}


@st.composite
def predicates(draw: st.DrawFn, alias: str) -> str:
    column = draw(st.sampled_from(sorted(LITERALS)))
    values = LITERALS[column]
    name = f"{alias}.{column}"
    operator = draw(st.sampled_from(("=", "<", "<=", ">", ">=")))
    return draw(
        st.one_of(
            values.map(lambda value: f"{name} {operator} {value}"),
            values.map(lambda value: f"{value} {operator} {name}"),
            st.tuples(values, values).map(lambda two: f"{name} BETWEEN {two[0]} AND {two[1]}"),
            st.lists(values, min_size=1, max_size=4).map(
                lambda some: f"{name} IN ({', '.join(some)})"
            ),
            st.sampled_from((f"{name} IS NULL", f"{name} IS NOT NULL")),
        )
    )


FROMS = (
    "{t} t WHERE {p} AND {q}",
    "{t} t WHERE ({p}) AND ({q} OR {p})",
    "{t} t JOIN {u} u ON t.b = u.b AND {r} WHERE {p}",
    "{t} t JOIN {u} u ON t.b = u.b AND {p} WHERE {r} AND {q}",
    "{t} t LEFT JOIN {u} u ON t.b = u.b AND {r} WHERE {p}",
    "{t} t LEFT JOIN {u} u ON t.b = u.b AND {p} WHERE {r}",
    "{t} t RIGHT JOIN {u} u ON t.b = u.b AND {p} WHERE {r}",
    "{t} t FULL JOIN {u} u ON t.b = u.b WHERE {p} AND {r}",
    "{t} t, {u} u WHERE t.b = u.b AND {p} AND {r}",
    "{t} t WHERE {p} AND EXISTS (SELECT 1 FROM {u} u WHERE u.b = t.b AND {r})",
    "{t} t WHERE {p} AND t.b NOT IN (SELECT u.b FROM {u} u WHERE {r} AND u.b IS NOT NULL)",
    "(SELECT * FROM {t} t WHERE {p}) t WHERE {q}",
)
FILTERS: tuple[Condition | None, ...] = (
    None,
    FieldCondition("ne", "v", "a"),
    FieldCondition("gt", "i", -3),
)


@given(
    st.sampled_from(FROMS),
    predicates("t"),
    predicates("t"),
    predicates("u"),
    st.sampled_from(FILTERS),
    st.booleans(),
)
def test_answers_are_the_same_with_and_without_hints(
    world: World,
    shape: str,
    p: str,
    q: str,
    r: str,
    row_filter: Condition | None,
    swapped: bool,  # noqa: FBT001 - drawn
) -> None:
    t, u = ("u", "t") if swapped else ("t", "u")
    sql = f"SELECT count(*), min(t.b), max(t.b), sum(t.i) FROM {shape}"
    filters = {} if row_filter is None else {"t": row_filter, "u": row_filter}
    query = governed(sql.format(t=t, u=u, p=p, q=q, r=r), world.tables, filters)
    hinted = world.locked.run(query, world.tables)
    plain = world.locked.run(query, world.tables, hints=False)
    assert plain.error is None, plain.text
    assert hinted == plain


READS = {
    ("t", "day >= DATE '2020-01-05' AND day < DATE '2020-02-01'"): 0.2,
    ("t", "day = DATE '2020-01-06'"): 0.2,
    ("t", "day < DATE '2019-12-01' AND at >= TIMESTAMP '2020-01-01 00:00:00'"): 0.2,
    ("t", "day IS NULL"): 0.2,
    ("u", "v = 'ab'"): 0.2,
    ("u", "v IN ('ab', 'zz') AND i < 100"): 0.3,
    ("u", "i = 100"): 0.0,
}
"""Table and predicate → the share of files that may still be read."""


@pytest.mark.parametrize(("where", "share"), READS.items())
@pytest.mark.parametrize("row_filter", FILTERS)
def test_predicates_prune_files_under_a_row_filter_as_without(
    world: World, where: tuple[str, str], share: float, row_filter: Condition | None
) -> None:
    sql = "SELECT count(*) FROM {} WHERE {}".format(*where)
    filters: dict[str, Condition] = {where[0]: row_filter} if row_filter else {}
    read: list[int] = []
    for given_filters in ({}, filters):
        query = governed(sql, world.tables, given_filters)
        world.locked.run(query, world.tables)
        read.append(world.locked.files)
    world.locked.run(governed(sql, world.tables), world.tables, hints=False)
    assert read[0] <= share * world.locked.files
    assert read[1] <= read[0]


HIDDEN_ID = 100
LURE = "SELECT count(*) FROM s JOIN o ON 10 / s.z > 0 AND s.id = 100"


def _lure(folder: Path, *, with_hidden: bool) -> dict[str, Table]:
    """A visible row that fails, and perhaps a hidden one within the asked range."""
    folder.mkdir()
    lake = Lake(folder)
    ids, regions = [1, 2, 3], ["EU"] * 3
    if with_hidden:
        ids, regions = [*ids, HIDDEN_ID], [*regions, "US"]
    rows = pa.table({"id": ids, "region": regions, "z": [0] * len(ids)})
    made = {"s": lake.write("s", rows), "o": lake.write("o", pa.table({"k": [1, 2]}))}
    lake.catalog.close()
    return made


def _last_alone(condition: Condition, schema: pa.Schema) -> RowFilter:
    """Leave the decision's filter, which stands last, and no hint before it."""
    last = condition.parts[-1] if isinstance(condition, CompoundCondition) else condition
    return RowFilter(last, schema)


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_pruned_does_not_tell_of_hidden_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exact: bool
) -> None:
    """The control lets hints drop files alone: then an error tells that a row exists."""
    present = _lure(tmp_path / "present", with_hidden=True)
    absent = _lure(tmp_path / "absent", with_hidden=False)
    locked = Locked(tmp_path)
    if not exact:
        monkeypatch.setattr("gateway.engines.scan.RowFilter", _last_alone)
    query = governed(LURE, present, {"s": FieldCondition("eq", "region", "EU")})
    assert query.scans[0].hints
    ends = [locked.run(query, tables).error for tables in (present, absent)]
    locked.connection.close()
    assert (ends[0] == ends[1]) is exact, ends
