"""Typed pieces of DuckDB text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.sql.markers import marker

_TYPES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "uuid": "UUID",
    "unknown": "INTEGER",
    "json": "VARCHAR",
    "interval day to second": "BIGINT",
    "interval year to month": "INTEGER",
}
_CLOCKS = {"timestamp": "TIMESTAMP", "time": "TIME", "timestamp with time zone": "TIMESTAMPTZ"}
_MICROSECONDS = 6
_LONG = 120


@dataclass(frozen=True, slots=True)
class Term:
    """One expression: its Trino type and DuckDB text of exactly ``duck_type(type)``.

    ``fallible``: evaluating it may raise; ``nan_free``: it is never NaN; ``constant``: the
    value of a literal (str, int), else None.
    """

    type: DataType
    sql: str
    fallible: bool = False
    nan_free: bool = False
    constant: str | int | None = None


def duck_type(kind: DataType) -> str:
    """Name the DuckDB type that carries a Trino type; raises NOT_SUPPORTED."""
    if kind.base in _TYPES:
        return _TYPES[kind.base]
    if kind.base == "decimal":
        return f"DECIMAL({kind.params[0]},{kind.params[1]})"
    if kind.base in _CLOCKS and kind.params[0] <= _MICROSECONDS:
        return _CLOCKS[kind.base]
    if kind.base == "array":
        return f"{duck_type(kind.children[0])}[]"
    if kind.base == "map":
        return f"MAP({', '.join(duck_type(child) for child in kind.children)})"
    if kind.base == "row":
        inner = ", ".join(
            f"{field_name(kind, number)} {duck_type(child)}"
            for number, child in enumerate(kind.children)
        )
        return f"STRUCT({inner})"
    raise unsupported(f"type {kind.compact()}")


def field_name(kind: DataType, number: int) -> str:
    """Name a row's field in DuckDB: its own name, or its position."""
    name = kind.fields[number][0]
    return quote(name if name is not None else f"f{number + 1}")


def unsupported(what: str, node: exp.Expression | None = None) -> MeshgateError:
    """Make the refusal of an expression whose answer is not proven equal to Trino's."""
    return at_node(
        "NOT_SUPPORTED",
        f"{what} is not supported by the embedded engine; use a Trino cluster",
        node,
    )


def at_node(name: str, message: str, node: exp.Expression | None) -> MeshgateError:
    """Make an error that points to a node's place in the user's text."""
    line, column = (node.meta.get("at") if node is not None else None) or (None, None)
    return MeshgateError(name, message, line=line, column=column)


def text(value: str) -> str:
    """Write a DuckDB string literal."""
    return "'" + value.replace("'", "''") + "'"


def cast(sql: str, kind: DataType) -> str:
    """Write a DuckDB cast to the type that carries ``kind``."""
    return f"CAST({sql} AS {duck_type(kind)})"


def null(kind: DataType) -> str:
    """Write a typed NULL."""
    return cast("NULL", kind)


def raising(name: str, kind: DataType) -> str:
    """Write an expression of type ``kind`` that raises a Trino error when evaluated."""
    failing = f"CAST({text(marker(name))} AS INTEGER)"
    if kind.base in {"array", "map", "row"}:
        return f"CAST({text(marker(name))} AS {duck_type(kind)})"
    if kind.base in {"integer", "bigint", "varchar", "double", "decimal", "boolean", "unknown"}:
        return f"CAST({failing} AS {duck_type(kind)})"
    return f"CAST(CAST({failing} AS VARCHAR) AS {duck_type(kind)})"


def let(sql: str, body: Callable[[str], str], name: str = "mg_v") -> str:
    """Use ``sql`` several times in ``body`` without writing a long text several times."""
    if len(sql) <= _LONG:
        return body(sql)
    return f"list_transform([{sql}], lambda {name}: {body(name)})[1]"


def let_two(one: str, other: str, body: Callable[[str, str], str]) -> str:
    """Use two texts several times; neither may stand inside a lambda, where no query can."""
    if len(one) + len(other) <= _LONG:
        return body(one, other)
    pair = f"[struct_pack(a := {one}, b := {other})]"
    return f"list_transform({pair}, lambda mg_v: {body('mg_v.a', 'mg_v.b')})[1]"
