"""DESCRIBE INPUT and DESCRIBE OUTPUT: what a prepared statement takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from gateway.datatypes import DataType
from gateway.query.plan import Plan
from gateway.results import Answer, ResultColumn
from gateway.sql.model import Kind, Output, Statement
from gateway.sql.prepared import bind_nulls

_VARCHAR, _BIGINT, _BOOLEAN = DataType("varchar"), DataType("bigint"), DataType("boolean")
_INPUT = (ResultColumn("Position", _BIGINT), ResultColumn("Type", _VARCHAR))
_OUTPUT = (
    ResultColumn("Column Name", _VARCHAR),
    ResultColumn("Catalog", _VARCHAR),
    ResultColumn("Schema", _VARCHAR),
    ResultColumn("Table", _VARCHAR),
    ResultColumn("Type", _VARCHAR),
    ResultColumn("Type Size", _BIGINT),
    ResultColumn("Aliased", _BOOLEAN),
)
_SIZES = {
    "boolean": 1, "tinyint": 1, "smallint": 2, "integer": 4, "real": 4, "date": 4,
    "bigint": 8, "double": 8, "time": 8, "timestamp": 8,
}  # fmt: skip


def with_nulls(statement: Statement) -> Statement:
    """The same statement with every parameter NULL: its columns and types, without values."""
    return bind_nulls(statement)


def describe(statement: Statement, inner: Statement, plan: Plan) -> Plan:
    """Answer from the planned inner statement; nothing runs."""
    if statement.kind is Kind.DESCRIBE_INPUT:
        rows: list[Sequence[object]] = [
            list(range(inner.parameters)),
            ["unknown"] * inner.parameters,
        ]
        return replace(plan, statement=statement, answer=_answer(_INPUT, rows))
    outputs = plan.governed.outputs if plan.governed is not None else ()
    columns: list[Sequence[object]] = [
        list(column) for column in zip(*map(_row, outputs), strict=True)
    ]
    return replace(
        plan, statement=statement, answer=_answer(_OUTPUT, columns or [[]] * len(_OUTPUT))
    )


def _row(output: Output) -> tuple[str | int | bool, ...]:
    direct = output.kind == "direct" and len(output.sources) == 1
    table = output.sources[0][0] if direct else None
    kind = output.type or DataType("unknown")
    return (
        output.name,
        table.catalog if table else "",
        table.schema if table else "",
        table.table if table else "",
        kind.display(),
        _SIZES.get(kind.base, 0),
        bool(direct and output.sources[0][1] != output.name.lower()),
    )


def _answer(columns: tuple[ResultColumn, ...], values: Sequence[Sequence[object]]) -> Answer:
    kinds = {"varchar": pa.string(), "bigint": pa.int64(), "boolean": pa.bool_()}
    arrays = [
        pa.array(value, kinds[column.type.base])
        for column, value in zip(columns, values, strict=True)
    ]
    return Answer(columns, pa.table(arrays, names=[column.name for column in columns]))
