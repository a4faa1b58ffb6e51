"""Trino's recorded answers, and the table ``k`` they were asked over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.catalog.model import Table
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.sql.duckdb_casts import cast_term
from gateway.sql.duckdb_terms import Term
from gateway.sql.markers import read_marker
from tests.oracle.embedded import Embedded, table, values

DATA = Path(__file__).parent / "data"
_WIDENED = {"tinyint": "integer", "smallint": "integer", "char": "varchar"}
_CLOCKS = ("timestamp", "time", "timestamp with time zone")
# Values whose literals are refused here: as Iceberg keeps them.
_STORED = {
    "ts41": ("timestamp(6)", "2024-01-01 00:00:00.123457"),
    "ts443": ("timestamp(6)", "2020-01-01 00:00:00.123457"),
    "tz43": ("timestamp(6) with time zone", "2023-12-31 22:00:00"),
    "tz44": ("timestamp(6) with time zone", "2023-12-31 23:00:00"),
    "tz60": ("timestamp(6) with time zone", "2024-01-02 01:00:00"),
    "tz80": ("timestamp(6) with time zone", "2024-01-01 08:00:00"),
    "tz95": ("timestamp(6) with time zone", "2024-03-10 05:00:00"),
    "tz96": ("timestamp(6) with time zone", "2024-03-11 04:00:00"),
}


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is right, refused or wrong."""

    outcome: str
    sql: str
    note: str


def lines(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def stored(kind: DataType) -> DataType:
    """The type Iceberg keeps."""
    if kind.base in _WIDENED:
        return DataType(_WIDENED[kind.base])
    if kind.base == "varchar":
        return DataType("varchar")
    if kind.base in _CLOCKS:
        return DataType(kind.base, (6,))
    fields = tuple(
        (f"field{n}" if kind.base == "row" and name is None else name, stored(child))
        for n, (name, child) in enumerate(kind.fields)
    )
    return DataType(kind.base, kind.params, fields)


def items(setup: str) -> list[tuple[str, str]]:
    """Expression and name of each column of ``CREATE TABLE k AS SELECT …``."""
    found, current, depth, quoted = [], "", 0, False
    for char in setup[setup.index("SELECT ") + 7 :]:
        quoted ^= char == "'"
        depth += 0 if quoted else (char in "([") - (char in ")]")
        if char == "," and depth == 0 and not quoted:
            found.append(current)
            current = ""
        else:
            current += char
    pairs = [part.strip().rpartition(" AS ") for part in [*found, current]]
    return [(expression, name) for expression, _, name in pairs]


def make_k(setup: str) -> tuple[Table, pa.Table]:
    """The table over which the answers were asked, values written by the embedded engine."""
    maker = Embedded({})
    columns, arrays = [], []
    for expression, name in items(setup):
        if name in _STORED:
            kind, text = _STORED[name]
            zone = "+00" if "zone" in kind else ""
            duck = "TIMESTAMPTZ" if zone else "TIMESTAMP"
            sql = f"SELECT {duck} '{text}{zone}' AS x"
            columns.append((name, kind))
        else:
            made = maker.translate(f"SELECT {expression}")
            source = made.outputs[0].type
            kept = stored(source)
            value = cast_term(Term(source, "x"), kept, None).sql
            sql = f"SELECT {value} AS x FROM ({made.sql}) AS t(x)"
            columns.append((name, kept.compact()))
        arrays.append(maker.connection.sql(sql).to_arrow_table()["x"].combine_chunks())
    return table("k", columns), pa.table(arrays, names=[name for name, _ in columns])


def judge(engine: Embedded, answer: dict[str, Any]) -> Verdict:
    """Compare our answer with Trino's."""
    sql = answer["sql"]
    try:
        made = engine.translate(sql)
        ours = run(engine, made)
    except MeshgateError as error:
        ours = error.name
    if isinstance(ours, str):
        if ours == answer.get("error"):
            return Verdict("right", sql, ours)
        return Verdict("refused" if ours == "NOT_SUPPORTED" else "wrong", sql, ours)
    if "error" in answer:
        return Verdict("wrong", sql, f"answered {ours}, Trino: {answer['error']}")
    types, rows = [output.type.text() for output in made.outputs], ours
    wanted = answer["type"] if isinstance(answer["type"], list) else [answer["type"]]
    value = answer["value"]
    expected = value["rows"] if isinstance(value, dict) and list(value) == ["rows"] else [[value]]
    if not made.ordered:
        rows, expected = sorted(rows, key=str), sorted(expected, key=str)
    same = types == wanted and alike(rows, expected)
    return Verdict("right" if same else "wrong", sql, f"{types} {rows}")


def run(engine: Embedded, made: Any) -> list[list[Any]] | str:
    """The rows, or the Trino name of the run-time error."""
    try:
        return values(engine.run(made), made)
    except MeshgateError as error:
        return error.name
    except Exception as error:  # noqa: BLE001 - whatever the engine raises is judged by its name
        return read_marker(str(error)) or f"unknown: {error}"


def alike(one: Any, other: Any) -> bool:
    """Equal JSON; doubles within 1e-12."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= 1e-12 * max(abs(one), abs(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other
