"""Iceberg tables as pinned file plans.

Every table is opened from one immutable metadata file, so its snapshot cannot move
under a query, and tables and plans can be cached by that file's name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.io.pyarrow import _read_deletes, schema_to_pyarrow
from pyiceberg.manifest import FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, StaticTable

from gateway.catalog.iceberg import UnsupportedTypeError, trino_type
from gateway.engines.job import ScanColumn, ScanJob
from gateway.errors import MeshgateError

_READABLE = frozenset({FileFormat.PARQUET, FileFormat.ORC})
_MAX_FORMAT = 2

_Value = TypeVar("_Value")


class _Cache(Generic[_Value]):
    """The most recently used values by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[tuple[str, ...], _Value] = OrderedDict()

    def get(self, key: tuple[str, ...], make: Callable[[], _Value]) -> _Value:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        made = make()
        self._held[key] = made
        if len(self._held) > self._size:
            self._held.popitem(last=False)
        return made


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The data files of one pinned read, and what deletes apply to each."""

    table: StaticTable
    projected: Schema
    schema: pa.Schema
    tasks: tuple[FileScanTask, ...]
    deletes: dict[str, list[pa.ChunkedArray]]
    pruning: BooleanExpression


class Tables:
    """Opened tables and file plans, both cached by metadata file."""

    def __init__(self, tables: int = 128, plans: int = 64) -> None:
        self._tables: _Cache[StaticTable] = _Cache(tables)
        self._plans: _Cache[tuple[FileScanTask, ...]] = _Cache(plans)
        self._deletes: _Cache[dict[str, list[pa.ChunkedArray]]] = _Cache(plans // 8)

    def open(self, location: str, store: tuple[tuple[str, str], ...] = ()) -> StaticTable:
        """Open the table of a metadata file; ``store`` are properties of where it lies."""
        return self._tables.get(
            (location, _digest(store)), lambda: StaticTable.from_metadata(location, dict(store))
        )

    def plan(self, scan: ScanJob, pruning: Callable[[pa.Schema], BooleanExpression]) -> FilePlan:
        """Plan a scan; refuses what cannot be read exactly.

        Raises:
            MeshgateError: ``NOT_SUPPORTED`` for equality deletes, Avro and newer formats,
                ``GENERIC_INTERNAL_ERROR`` if the table is not the catalog's.

        """
        location = scan.location or ""
        table = self.open(location, scan.store)
        names = _checked(table, scan)
        projected = table.schema().select(*names)
        schema = scan_schema(projected, scan.columns)
        wanted = pruning(schema)
        key = (location, _digest(scan.store), repr(wanted))
        tasks = self._plans.get(key, lambda: _tasks(table, wanted))
        deletes = self._deletes.get(key, lambda: _deletes(table, tasks))
        return FilePlan(table, projected, schema, tasks, deletes, wanted)


def _digest(store: tuple[tuple[str, str], ...]) -> str:
    """Tell one store's properties from another's without keeping their keys as a name."""
    return sha256(repr(store).encode()).hexdigest() if store else ""


def scan_schema(projected: Schema, columns: tuple[ScanColumn, ...]) -> pa.Schema:
    """Return the Arrow schema a scan presents: catalog names, no field metadata."""
    types = schema_to_pyarrow(projected, include_field_ids=False)
    names = {column.field_id: column.name for column in columns}
    return pa.schema(
        [pa.field(names[f.field_id], types.field(f.name).type) for f in projected.fields]
    )


def _checked(table: StaticTable, scan: ScanJob) -> list[str]:
    """Return the Iceberg names of the columns; field ids and types must be the catalog's."""
    if table.metadata.format_version > _MAX_FORMAT:
        raise _unsupported("its table format is newer than 2")
    if scan.table_uuid and str(table.metadata.table_uuid) != scan.table_uuid:
        raise _moved()
    fields = {field.field_id: field for field in table.schema().fields}
    for column in scan.columns:
        field = fields.get(column.field_id)
        if field is None or field.name.lower() != column.name:
            raise _moved()
        try:
            same = trino_type(field.field_type) == column.type
        except UnsupportedTypeError:
            same = False
        if not same:
            raise _moved()
    return [fields[column.field_id].name for column in scan.columns]


def _tasks(table: StaticTable, pruning: BooleanExpression) -> tuple[FileScanTask, ...]:
    def planned(expression: BooleanExpression) -> tuple[FileScanTask, ...]:
        scan = table.scan(row_filter=expression, case_sensitive=False)
        return tuple(scan.plan_files())

    try:
        tasks = planned(pruning)
    except TypeError:
        # Partitions without a value break pyiceberg's pruning: plan everything.
        tasks = planned(AlwaysTrue())
    except ValueError as error:
        if "equality deletes" in str(error):
            raise _unsupported("it has equality deletes") from None
        raise
    for task in tasks:
        if task.file.file_format not in _READABLE:
            raise _unsupported(f"it has {task.file.file_format.value} files")
    return tasks


def _deletes(
    table: StaticTable, tasks: tuple[FileScanTask, ...]
) -> dict[str, list[pa.ChunkedArray]]:
    found: dict[str, list[pa.ChunkedArray]] = {}
    for delete in {file for task in tasks for file in task.delete_files}:
        if delete.file_format is not FileFormat.PARQUET:
            raise _unsupported(f"it has {delete.file_format.value} deletes")
        for path, positions in _read_deletes(table.io, delete).items():
            found.setdefault(path, []).append(positions)
    return found


def _unsupported(reason: str) -> MeshgateError:
    return MeshgateError(
        "NOT_SUPPORTED",
        f"a table of this query cannot be read: {reason}; ask its owners to rewrite it",
    )


def _moved() -> MeshgateError:
    return MeshgateError(
        "GENERIC_INTERNAL_ERROR",
        "a table of this query changed while it was planned; run the query again",
    )
