"""Arrow tables written into a Trino, one statement each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.differential.wire import Server, WireError

_TYPES = {"string": "varchar", "int64": "bigint", "int32": "integer", "bool": "boolean"}
_MORE = {"double": "double", "date32[day]": "date", "timestamp[us]": "timestamp(6)"}


def write(server: Server, catalog: str, schema: str, tables: Mapping[str, pa.Table]) -> None:
    """Create the schema and its tables anew; raises WireError if Trino refuses."""
    done(server, f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema}")
    for name, table in tables.items():
        done(server, f"DROP TABLE IF EXISTS {catalog}.{schema}.{name}")
        done(server, f"CREATE TABLE {catalog}.{schema}.{name} AS {_select(table)}")


def done(server: Server, sql: str) -> None:
    """Run a statement that must succeed."""
    found = server.run(sql)
    if found.error:
        raise WireError(f"{sql[:200]}: {found.error} {found.text}")


def _select(table: pa.Table) -> str:
    kinds = {field.name: _type(field.type) for field in table.schema}
    if not table.num_rows:
        columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in kinds.items())
        return f"SELECT {columns} WHERE false"
    rows = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in table.to_pylist())
    casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in kinds.items())
    names = ", ".join(f'"{name}"' for name in kinds)
    return f"SELECT {casts} FROM (VALUES {rows}) AS t ({names})"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return {**_TYPES, **_MORE}[str(kind)]


def literal(value: Any) -> str:
    """One value as Trino writes it."""
    for kind, written in _LITERALS:
        if isinstance(value, kind):
            return written(value)
    raise TypeError(f"no literal for {type(value).__name__}")


def _number(value: float) -> str:
    return "nan()" if math.isnan(value) else f"CAST('{value!r}' AS double)"


_LITERALS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "NULL"),
    (bool, lambda v: "true" if v else "false"),
    (int, str),
    (str, lambda v: "'" + v.replace("'", "''") + "'"),
    (datetime, lambda v: f"TIMESTAMP '{v.isoformat(sep=' ', timespec='microseconds')}'"),
    (date, lambda v: f"DATE '{v.isoformat()}'"),
    (Decimal, lambda v: f"DECIMAL '{v}'"),
    (float, _number),
)
