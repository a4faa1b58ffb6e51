"""What the demo data must be: rows and a content hash of every table, checked in.

``python -m gateway.demo.hashes`` prints the hashes of what the generators give now.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo import flights, health, tpch
from gateway.demo.data import DemoTable

Expected = Mapping[str, Mapping[str, Mapping[str, Any]]]


class DemoDataError(Exception):
    """Generated data that differs from what was reviewed."""


def expected() -> Expected:
    """Give rows and hash of each table, by set and table name."""
    text = files("gateway.demo").joinpath("hashes.json").read_text("utf-8")
    return cast("Expected", json.loads(text))


def describe(table: DemoTable) -> dict[str, Any]:
    """Give a table's rows (per part) and the hash of all it will ever hold."""
    digest = hashlib.sha256()
    for part in table.parts:
        _update(digest, part)
    rows = [part.num_rows for part in table.parts]
    return {"rows": rows, "sha256": digest.hexdigest()}


def verify(table: DemoTable, wanted: Mapping[str, Any]) -> None:
    """Refuse a table that is not the reviewed one."""
    found = describe(table)
    if found != wanted:
        raise DemoDataError(
            f"{table.name} differs from gateway/demo/hashes.json: {found}, expected {wanted}; "
            "was another version of its source installed?"
        )


def _update(digest: hashlib._Hash, table: pa.Table) -> None:
    """Hash values and NULLs, independent of chunks, offsets and what lies below a NULL."""
    for column_field, column in zip(table.schema, table.columns, strict=True):
        head = f"{column_field.name} {column_field.type} {column_field.nullable} {len(column)}\n"
        digest.update(head.encode())
        values = column.combine_chunks()
        valid = values.is_valid()
        digest.update(np.packbits(valid.to_numpy(zero_copy_only=False)).tobytes())
        digest.update(_bytes(pc.if_else(valid, values, _zero(values.type))))


def _zero(kind: pa.DataType) -> pa.Scalar:
    zero: object = 0
    if pa.types.is_string(kind):
        zero = ""
    elif pa.types.is_boolean(kind):
        zero = False
    elif pa.types.is_decimal(kind):
        zero = Decimal(0)
    return pa.scalar(zero, kind)


def _bytes(values: pa.Array) -> bytes:
    if pa.types.is_string(values.type):
        _, offsets, data = values.buffers()
        ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
        text = data.to_pybytes()[ends[0] : ends[-1]] if data is not None else b""
        return np.diff(ends).astype("<i4").tobytes() + text
    if pa.types.is_boolean(values.type):
        return cast("bytes", values.to_numpy(zero_copy_only=False).tobytes())
    width = values.type.bit_width // 8
    data = values.buffers()[1].to_pybytes()
    return cast("bytes", data[values.offset * width : (values.offset + len(values)) * width])


def _describe_all(tables: Iterable[DemoTable]) -> dict[str, dict[str, Any]]:
    return {table.name: describe(table) for table in tables}


def main() -> None:
    """Print the document that belongs in ``hashes.json``."""
    document = {
        "health": _describe_all(health.tables()),
        "flights": _describe_all(flights.tables()),
        "tpch": _describe_all(tpch.tables(tpch.DEMO_SCALE)),
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
