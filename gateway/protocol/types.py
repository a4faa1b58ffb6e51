"""Columns as Trino describes them to clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from gateway.datatypes import MAX_VARCHAR, DataType
from gateway.errors import MeshgateError
from gateway.protocol.values import NESTED, SCALARS
from gateway.results import ResultColumn

PARAMETRIC_DATETIME = "PARAMETRIC_DATETIME"
_DATETIMES = ("time", "timestamp")


def columns_json(columns: Iterable[ResultColumn], *, precise: bool) -> bytes:
    """The ``columns`` of a page, byte for byte as Trino writes them.

    ``precise`` is False for clients without PARAMETRIC_DATETIME, which get bare names.
    """
    return orjson.dumps([_column(column, precise=precise) for column in columns])


def require_encodable(columns: Iterable[ResultColumn]) -> None:
    """Refuse a result holding a type whose values the gateway cannot print as Trino does."""
    for column in columns:
        if (odd := _odd(column.type)) is not None:
            raise MeshgateError(
                "NOT_SUPPORTED",
                f"column {column.name}: values of type {odd.compact()} cannot be returned; "
                "cast it to varchar",
            )


def _odd(kind: DataType) -> DataType | None:
    if kind.base in SCALARS:
        return None
    if kind.base not in NESTED:
        return kind
    if kind.base == "map" and kind.children[0].base in NESTED:
        return kind  # Java prints such keys in a form of its own
    return next((odd for child in kind.children if (odd := _odd(child)) is not None), None)


def _column(column: ResultColumn, *, precise: bool) -> dict[str, Any]:
    kind = column.type if precise else _bare_datetimes(column.type)
    return {"name": column.name, "type": kind.text(), "typeSignature": _signature(kind)}


def _bare_datetimes(kind: DataType) -> DataType:
    fields = tuple((name, _bare_datetimes(child)) for name, child in kind.fields)
    params = () if kind.base.startswith(_DATETIMES) else kind.params
    return replace(kind, params=params, fields=fields)


def _signature(kind: DataType) -> dict[str, Any]:
    return {"rawType": kind.base, "arguments": _arguments(kind)}


def _arguments(kind: DataType) -> list[dict[str, Any]]:
    if kind.base == "row":
        return [{"kind": "NAMED_TYPE", "value": _field(*field)} for field in kind.fields]
    if kind.fields:
        return [{"kind": "TYPE", "value": _signature(child)} for child in kind.children]
    params = kind.params or ((MAX_VARCHAR,) if kind.base == "varchar" else ())
    return [{"kind": "LONG", "value": number} for number in params]


def _field(name: str | None, kind: DataType) -> dict[str, Any]:
    named = {} if name is None else {"fieldName": {"name": name}}
    return {**named, "typeSignature": _signature(kind)}
