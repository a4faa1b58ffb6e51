"""Hidden rows cannot be felt: no expression of a statement ever runs over them.

Every position of a statement, with expressions that fail on hidden rows, under several
kinds of row filters: governed text over the real scan objects in a locked database. With
hidden rows present or absent a statement must end alike: same rows, or the same error.

The positive control switches the scan's filter off and leaves the text's: it must leak,
or this suite proves nothing.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.policy.model import CompoundCondition, Condition, FieldCondition
from gateway.sql.inject import secured
from gateway.sql.model import GovernedQuery
from tests.oracle.barrier import EXPRESSIONS, POSITIONS
from tests.oracle.locked import Locked, Outcome, governed
from tests.unit.engines.lake import Lake

ROWS, HIDDEN_EVERY = 3000, 3

BEYOND = {
    "where": "SELECT count(*) FROM {s} WHERE {e} > random() - 2",
    "where_first": "SELECT count(*) FROM {s} WHERE {e} > random() - 2 AND s.id > 10",
    "on": "SELECT count(*) FROM {s} JOIN {o} ON {e} > random() - 2",
    "on_right": "SELECT count(*) FROM {o} JOIN {s} ON {e} + random() > -2",
    "on_and": "SELECT count(*) FROM {s} JOIN {o} ON s.id = o.k AND {e} > -2",
    "on_equal": "SELECT count(*) FROM {s} JOIN {o} ON {e} = o.k AND {e} > random() - 2",
    "order": "SELECT count(*) FROM (SELECT s.id FROM {s} ORDER BY {e} + random() LIMIT 5)",
    "window": "SELECT count(*) FROM (SELECT sum({e} + random()) OVER () FROM {s})",
    "qualify": "SELECT count(*) FROM (FROM {s} QUALIFY row_number() OVER (ORDER BY {e}) = 1)",
    "lateral": "SELECT count(*) FROM {s}, LATERAL (SELECT {e} AS v) t WHERE t.v > random() - 2",
    "asof": "SELECT count(*) FROM {s} ASOF JOIN {o} ON {e} >= o.k",
    "sample": "SELECT count({e}) FROM {s} USING SAMPLE reservoir(10 ROWS)",
}
"""Positions in DuckDB's own words that translated text never takes, so far."""

BARE = {"cast": "CAST(s.code AS INTEGER)", "divide": "10 // s.z", "overflow": "s.big + 1"}

FILTERS: dict[str, Condition] = {
    "equal": FieldCondition("eq", "region", "EU"),
    "prefix": FieldCondition("startswith", "region", "E"),
    "not_in": FieldCondition("nin", "region", ("US", "APAC")),
    "or": CompoundCondition(
        "or", (FieldCondition("eq", "region", "EU"), FieldCondition("lt", "id", 0))
    ),
    "not": CompoundCondition("not", (FieldCondition("contains", "region", "S"),)),
}


def sample(*, with_hidden: bool) -> pa.Table:
    """Visible rows are harmless; hidden ones break every expression above."""
    rows: dict[str, list[Any]] = {
        name: [] for name in ("id", "region", "code", "z", "day", "big", "n")
    }
    for at in range(ROWS):
        hidden = at % HIDDEN_EVERY == 0
        if hidden and not with_hidden:
            continue
        row = (at, "US", f"secret-{at}", 0, "never", 2**63 - 1, 1000)
        if not hidden:
            row = (at, "EU", str(at % 50), at % 3 + 1, "2020-01-02", at, at % 100)
        for name, value in zip(rows, row, strict=True):
            rows[name].append(value)
    return pa.table(rows)


class World:
    """The same two tables with and without hidden rows, one locked database."""

    def __init__(self, folder: Path) -> None:
        self.present = self._lake(folder / "present", with_hidden=True)
        self.absent = self._lake(folder / "absent", with_hidden=False)
        self.locked = Locked(folder)

    def _lake(self, folder: Path, *, with_hidden: bool) -> dict[str, Table]:
        folder.mkdir()
        lake = Lake(folder)
        keys = pa.table({"k": pa.array(range(40), pa.int64())})
        made = {"s": lake.write("s", sample(with_hidden=with_hidden)), "o": lake.write("o", keys)}
        lake.catalog.close()
        return made

    def govern(self, sql: str, row_filter: Condition) -> GovernedQuery:
        return governed(sql, self.present, {"s": row_filter})

    def run(
        self, query: GovernedQuery, tables: dict[str, Table], *, scan_filter: bool = True
    ) -> Outcome:
        return self.locked.run(query, tables, scan_filter=scan_filter)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("barrier"))
    yield made
    made.locked.connection.close()


EVERYTHING = "PROOF_SECONDS" in os.environ
"""The closing run takes every filter with every pair; else each pair meets one, in turn."""

MAX_REFUSED = 0.02
"""Share of the statements the embedded engine may refuse: what is refused proves nothing."""


def statements(kind: str) -> Iterator[tuple[str, str, str]]:
    kinds = list(FILTERS)
    pairs = itertools.product(POSITIONS.items(), EXPRESSIONS.items())
    for at, ((position, template), (expression, text)) in enumerate(pairs):
        if EVERYTHING or kinds[at % len(kinds)] == kind:
            yield position, expression, template.format(e=text)


def attempt(world: World, sql: str, row_filter: Condition) -> GovernedQuery | None:
    """Govern a statement; None where the embedded engine refuses it."""
    try:
        return world.govern(sql, row_filter)
    except MeshgateError as error:
        if error.name != "NOT_SUPPORTED":
            raise
        return None


def test_the_suite_is_as_wide_as_it_says() -> None:
    assert len(POSITIONS) >= 55
    assert len(EXPRESSIONS) >= 14
    assert len(set(POSITIONS.values())) == len(POSITIONS)


@pytest.mark.parametrize("kind", FILTERS)
def test_hidden_rows_cannot_be_felt(world: World, kind: str) -> None:
    felt, refused, ran = [], Counter[str](), 0
    for position, expression, sql in statements(kind):
        query = attempt(world, sql, FILTERS[kind])
        if query is None:
            refused[expression] += 1
            continue
        ran += 1
        present, absent = world.run(query, world.present), world.run(query, world.absent)
        if present.error != absent.error or "secret" in present.text:
            felt.append((position, expression, present.error, absent.error))
        elif present.rows != absent.rows:
            felt.append((position, expression, "rows", "differ"))
    assert felt == []
    assert ran > 100
    assert refused.total() <= MAX_REFUSED * (ran + refused.total()), refused


def test_without_the_scans_filter_hidden_rows_are_felt(world: World) -> None:
    leaks = Counter[str]()
    for position in ("on_alone", "on_alone_right", "on_alone_self", "on_alone_three"):
        for expression, text in EXPRESSIONS.items():
            query = attempt(world, POSITIONS[position].format(e=text), FILTERS["or"])
            if query is None:
                continue
            assert "WHERE" in query.sql, "the text still filters"
            found = world.run(query, world.present, scan_filter=False)
            leaks[expression] += found.error != world.run(query, world.absent).error
    assert leaks.total() >= 20, leaks
    assert len(+leaks) >= 8, leaks


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("scan_filter", [True, False])
def test_text_that_is_never_written_feels_no_hidden_row_either(
    world: World, kind: str, *, scan_filter: bool
) -> None:
    felt = 0
    query = world.govern("SELECT s.*, o.* FROM s CROSS JOIN o", FILTERS[kind])
    used = {scan.alias: scan for scan in query.scans}
    o = secured(used["o"], "duckdb", {}, "00")
    s = secured(used["s"], "duckdb", {}, "00")
    for text, expression in itertools.product(BEYOND.values(), BARE.values()):
        sql = text.format(s=s, o=o, e=expression)
        written = replace(query, sql=sql)
        assert world.run(written, world.absent).error is None, sql
        felt += world.run(written, world.present, scan_filter=scan_filter).error is not None
    assert felt == 0 if scan_filter else felt >= 6
