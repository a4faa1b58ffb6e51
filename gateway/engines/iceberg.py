"""Iceberg tables as pinned file plans, and one data file as Arrow batches.

Every table is opened from one immutable metadata file, so its snapshot cannot move
under a query, and tables and plans can be cached by that file's name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import bind, translate_column_names
from pyiceberg.io.pyarrow import (
    _combine_positional_deletes,
    _get_column_projection_values,
    _get_file_format,
    _read_deletes,
    _to_requested_schema,
    expression_to_pyarrow,
    pyarrow_to_schema,
    schema_to_pyarrow,
)
from pyiceberg.manifest import FileFormat
from pyiceberg.schema import Schema, prune_columns
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.types import ListType, MapType

from gateway.catalog.iceberg import UnsupportedTypeError, trino_type
from gateway.engines.job import ScanColumn, ScanJob
from gateway.errors import MeshgateError

_READABLE = frozenset({FileFormat.PARQUET, FileFormat.ORC})
_MAX_FORMAT = 2
_BATCH_ROWS = 32_768
_READAHEAD = 2
_BUFFER = 1 << 20

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

    def open(self, location: str) -> StaticTable:
        """Open the table of a metadata file."""
        return self._tables.get((location,), lambda: StaticTable.from_metadata(location))

    def plan(self, scan: ScanJob, pruning: Callable[[pa.Schema], BooleanExpression]) -> FilePlan:
        """Plan a scan; refuses what cannot be read exactly.

        Raises:
            MeshgateError: ``NOT_SUPPORTED`` for equality deletes, Avro and newer formats,
                ``GENERIC_INTERNAL_ERROR`` if the table is not the catalog's.

        """
        location = scan.location or ""
        table = self.open(location)
        names = _checked(table, scan)
        projected = table.schema().select(*names)
        schema = scan_schema(projected, scan.columns)
        wanted = pruning(schema)
        tasks = self._plans.get((location, repr(wanted)), lambda: _tasks(table, wanted))
        deletes = self._deletes.get((location, repr(wanted)), lambda: _deletes(table, tasks))
        return FilePlan(table, projected, schema, tasks, deletes, wanted)


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


def read_file(plan: FilePlan, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    """Read one data file as the table's current columns, deleted rows left out."""
    deletes = plan.deletes.get(task.file.file_path)
    with plan.table.io.new_input(task.file.file_path).open() as source:
        fragment = _file_format(task).make_fragment(source)
        physical = fragment.physical_schema
        written = pyarrow_to_schema(
            physical,
            plan.table.metadata.name_mapping(),
            downcast_ns_timestamp_to_us=True,
            format_version=plan.table.metadata.format_version,
        )
        constants = _get_column_projection_values(
            task.file,
            plan.projected,
            plan.table.schema(),
            plan.table.specs().get(task.file.spec_id),
            written.field_ids,
        )
        present = prune_columns(written, _leaf_ids(plan.projected), select_full_types=False)
        if deletes is None:
            fragment = _pruned(fragment, plan, written, constants)
        batches = ds.Scanner.from_fragment(
            fragment,
            schema=physical,
            columns=[field.name for field in present.fields],
            batch_size=_BATCH_ROWS,
            batch_readahead=_READAHEAD,
        ).to_batches()
        for batch in _undeleted(batches, deletes):
            yield _presented(
                _to_requested_schema(
                    plan.projected,
                    present,
                    batch,
                    downcast_ns_timestamp_to_us=True,
                    projected_missing_fields=constants,
                    allow_timestamp_tz_mismatch=True,
                ),
                plan.schema,
            )


def _file_format(task: FileScanTask) -> Any:  # noqa: ANN401 - pyarrow is untyped
    if task.file.file_format is FileFormat.PARQUET:
        return _get_file_format(FileFormat.PARQUET, pre_buffer=True, buffer_size=_BUFFER)
    return _get_file_format(task.file.file_format)


def _pruned(
    fragment: Any,  # noqa: ANN401 - pyarrow is untyped
    plan: FilePlan,
    written: Schema,
    constants: dict[int, Any],
) -> Any:  # noqa: ANN401
    """Drop row groups whose statistics exclude every passing row."""
    if isinstance(plan.pruning, AlwaysTrue) or not isinstance(fragment, ds.ParquetFileFragment):
        return fragment
    bound = bind(plan.table.schema(), plan.pruning, case_sensitive=False)
    in_file = translate_column_names(
        bound, written, case_sensitive=False, projected_field_values=constants
    )
    expression = expression_to_pyarrow(bind(written, in_file, case_sensitive=False), written)
    return fragment.subset(filter=expression, schema=fragment.physical_schema)


def _leaf_ids(schema: Schema) -> set[int]:
    nested = (MapType, ListType)
    return {i for i in schema.field_ids if not isinstance(schema.find_type(i), nested)}


def _undeleted(
    batches: Iterator[pa.RecordBatch], deletes: list[pa.ChunkedArray] | None
) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        end = start + batch.num_rows
        kept = (
            batch
            if deletes is None
            else batch.take(_combine_positional_deletes(deletes, start, end))
        )
        start = end
        if kept.num_rows:
            yield kept


def _presented(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give every batch of every file the one schema of the scan."""
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


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
