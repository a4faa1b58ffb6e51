"""Trino and pyiceberg on the same tables, by a JDBC and by a REST catalog: the same rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import EqualTo

from tests.trino.sides import Sides, connections, ordered, tuples, write_connections

CATALOGS = ("lake", "rest")
START = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int32()),
        "region": ["EU", "EU", "US", None],
        "amount": pa.array(
            [Decimal("1.50"), None, Decimal("-7.25"), Decimal("0.00")], pa.decimal128(12, 2)
        ),
        "day": [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(1969, 12, 31), None],
    }
)
# What Trino does to the table, one after the other; all sides are read after each.
STEPS = (
    "INSERT INTO {t} VALUES (5, 'APAC', 3.00, DATE '2024-03-01'), (6, 'EU', 4, NULL)",
    "DELETE FROM {t} WHERE id = 2",
    "UPDATE {t} SET amount = amount + 1 WHERE region = 'EU'",
    "ALTER TABLE {t} ADD COLUMN note varchar",
    "INSERT INTO {t} VALUES (7, 'US', 9.99, DATE '2024-04-01', 'new ✓')",
    "ALTER TABLE {t} ALTER COLUMN id SET DATA TYPE bigint",
    "INSERT INTO {t} VALUES (9007199254740993, 'US', 0.01, NULL, '')",
    "ALTER TABLE {t} RENAME COLUMN region TO area",
    "ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['area']",
    "INSERT INTO {t} VALUES (8, 'EU', 8, DATE '2024-05-01', 'partitioned')",
    "ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['month(day)', 'bucket(id, 4)']",
    """MERGE INTO {t} t USING (VALUES (BIGINT '1', 'merged'), (BIGINT '20', 'added')) s(id, note)
    ON t.id = s.id WHEN MATCHED THEN UPDATE SET note = s.note
    WHEN NOT MATCHED THEN INSERT (id, note) VALUES (s.id, s.note)""",
    "ALTER TABLE {t} ADD COLUMN place row(city varchar, at array(integer))",
    "INSERT INTO {t} (id, place) VALUES (30, ROW('Riga', ARRAY[1, NULL]))",
    "ALTER TABLE {t} ADD COLUMN place.zip varchar",
    "INSERT INTO {t} (id, place) VALUES (31, ROW('Bonn', ARRAY[], '53111'))",
    "ALTER TABLE {t} DROP COLUMN amount",
    "ALTER TABLE {t} ADD COLUMN amount double",
    "DELETE FROM {t} WHERE area = 'EU'",
    "ALTER TABLE {t} EXECUTE optimize",
)


@pytest.fixture
def sides(request: pytest.FixtureRequest, lab: Any, bare: Any, tmp_path: Path, monkeypatch: Any):
    """A schema of the catalog that the test names by parameter."""
    rest = request.param == "rest"
    schema = request.getfixturevalue("rest_scratch" if rest else "scratch")
    python = request.getfixturevalue("rest_lake" if rest else "lake")
    write_connections(tmp_path, connections(lab, monkeypatch))
    return Sides(request.param, schema, bare, python, tmp_path)


both = pytest.mark.parametrize("sides", CATALOGS, indirect=True)


def _created(sides: Sides, rows: pa.Table = START) -> None:
    table = sides.python.create_table((sides.schema, "t"), schema=rows.schema)
    table.append(rows)


@both
def test_every_change_by_trino_shows_the_same_rows(sides: Sides):
    _created(sides)
    assert len(sides.agree()) == START.num_rows
    history = [sides.agree()]
    for step in STEPS:
        sides.run(step)
        history.append(sides.agree())
    assert len(history[-1]) == 8
    assert len(sides.table().snapshots()) >= 10


@both
def test_position_deletes_by_trino_are_applied(sides: Sides):
    """There is one, so that reading without deletes would show the row."""
    _created(sides)
    sides.run("DELETE FROM {t} WHERE id = 3")
    deletes = sides.run(
        f'SELECT count(*) FROM {sides.catalog}.{sides.schema}."t$files" WHERE content = 1'
    )
    assert deletes == [(1,)]
    assert [row[0] for row in sides.agree()] == [1, 2, 4]


@both
def test_changes_by_pyiceberg_show_the_same_rows(sides: Sides):
    _created(sides)
    table = sides.table()
    with table.update_schema() as update:
        update.union_by_name(pa.schema([pa.field("note", pa.string())]))
    table.append(
        pa.table(
            {
                "id": pa.array([9], pa.int32()),
                "region": ["EU"],
                "amount": pa.array([Decimal("2.00")], pa.decimal128(12, 2)),
                "day": [dt.date(2024, 6, 1)],
                "note": ["by pyiceberg"],
            }
        )
    )
    assert len(sides.agree()) == 5
    table.delete(EqualTo("region", "EU"))
    assert len(sides.agree()) == 2
    with table.update_schema() as update:
        update.rename_column("day", "at_day")
    sides.agree()


@both
def test_time_travel_tags_and_branches_agree(sides: Sides):
    _created(sides)
    sides.run("DELETE FROM {t} WHERE id = 1")
    table = sides.table()
    tagged = table.current_snapshot()
    assert tagged is not None
    table.manage_snapshots().create_tag(tagged.snapshot_id, "closed").commit()
    table.manage_snapshots().create_branch(tagged.snapshot_id, "draft").commit()
    sides.run("INSERT INTO {t} VALUES (40, 'EU', 1, NULL)")
    table.refresh()
    table.append(START.slice(0, 1), branch="draft")
    table.refresh()
    counts = []
    for snapshot in table.snapshots():
        read = ordered(tuples(table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()))
        asked = sides.run(f"SELECT * FROM {{t}} FOR VERSION AS OF {snapshot.snapshot_id}")
        assert ordered(asked) == read
        counts.append(len(read))
    for name, rows in (("closed", 3), ("draft", 4)):
        read = ordered(tuples(table.scan().use_ref(name).to_arrow()))
        assert ordered(sides.run(f"SELECT * FROM {{t}} FOR VERSION AS OF '{name}'")) == read
        assert len(read) == rows
    assert sorted(counts) == [3, 4, 4, 4]
    moment = dt.datetime.fromtimestamp(tagged.timestamp_ms / 1000, dt.UTC)
    then = f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f} UTC'"
    assert len(sides.run(f"SELECT * FROM {{t}} FOR TIMESTAMP AS OF {then}")) == 3
    assert len(sides.agree()) == 4


@both
def test_two_writers_lose_nothing(sides: Sides):
    """Both add; whoever comes second commits on top, or is told to try again."""
    _created(sides)
    stale = sides.table()
    sides.run("INSERT INTO {t} VALUES (50, 'EU', 1, NULL)")
    try:
        stale.append(START.slice(0, 1))
    except CommitFailedException:
        stale.refresh()
        stale.append(START.slice(0, 1))
    assert len(sides.agree()) == START.num_rows + 2


@both
def test_a_running_registry_follows_trino(sides: Sides):
    _created(sides)
    registry = sides.registry()
    assert not registry.current.problems
    before = sides.embedded(snapshot=registry.current)
    sides.run("ALTER TABLE {t} ADD COLUMN note varchar")
    sides.run("INSERT INTO {t} VALUES (60, 'EU', 1, NULL, 'x')")
    assert sides.embedded(snapshot=registry.current) == before, "a query keeps what it began with"
    if sides.catalog == "lake":
        assert registry.refresh()
        (table,) = registry.current.tables.values()
        assert table.columns[-1].name == "note"
    sides.run("DROP TABLE {t}")
    assert [problem.code for problem in sides.snapshot().problems] == ["unknown-table"]


@pytest.mark.parametrize("sides", ["lake"], indirect=True)
def test_a_view_of_trino_is_read_as_one(sides: Sides):
    _created(sides)
    sides.tables.append("v")
    sides.run("CREATE VIEW {v} AS SELECT * FROM {t}")
    snapshot = sides.snapshot()
    assert not snapshot.problems
    table, view = sorted(snapshot.tables.values(), key=lambda found: found.view is not None)
    assert table.view is None
    assert view.view is not None
    assert [(c.name, c.type) for c in view.columns] == [(c.name, c.type) for c in table.columns]


@pytest.mark.parametrize("sides", ["lake"], indirect=True)
def test_one_statement_joins_both_catalogs(sides: Sides, rest_lake: Any, rest_scratch: str):
    _created(sides)
    names = pa.table({"region": ["EU", "US"], "head": ["Brussels", "Washington"]})
    rest_lake.create_table((rest_scratch, "heads"), schema=names.schema).append(names)
    joined = sides.run(
        f"SELECT t.id, h.head FROM {{t}} t JOIN rest.{rest_scratch}.heads h USING (region)"
    )
    assert ordered(joined) == [(1, "Brussels"), (2, "Brussels"), (3, "Washington")]
