"""TPC-H 1 to 22 at scale 0.1: types and rows as Trino gave them."""

from __future__ import annotations

import pytest

from gateway.demo.tpch import DEMO_SCALE, tables
from tests.oracle.answers import lines
from tests.oracle.embedded import Embedded, table, values

_TRINO = {"long": "bigint", "int": "integer", "string": "varchar"}


@pytest.fixture(scope="module")
def engine() -> Embedded:
    schema = lines("tpch_answers.jsonl")[0]["schema"]
    made = {}
    for found in tables(DEMO_SCALE):
        name = found.name.partition(".")[2]
        columns = [(column, _TRINO.get(kind, kind)) for column, kind in schema[name]]
        made[name] = (table(name, columns), found.first)
    return Embedded(made)


@pytest.mark.parametrize("answer", lines("tpch_answers.jsonl")[1:], ids=lambda a: f"q{a['q']}")
def test_equals_trino(engine, answer):
    made = engine.translate(answer["sql"])
    rows = values(engine.run(made), made)
    assert [[o.name, o.type.text()] for o in made.outputs] == answer["columns"]
    assert len(rows) == answer["rows_total"]
    assert rows[: len(answer["rows"])] == answer["rows"]
