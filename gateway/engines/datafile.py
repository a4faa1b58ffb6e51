"""One Iceberg data file as Arrow batches of the table's current columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.visitors import bind, translate_column_names
from pyiceberg.io.pyarrow import (
    _combine_positional_deletes,
    _get_column_projection_values,
    _get_file_format,
    _to_requested_schema,
    expression_to_pyarrow,
    pyarrow_to_schema,
)
from pyiceberg.manifest import FileFormat
from pyiceberg.schema import Schema, prune_columns
from pyiceberg.table import FileScanTask
from pyiceberg.types import ListType, MapType

from gateway.engines.iceberg import FilePlan

_BATCH_ROWS = 16_384
_READAHEAD = 2
_BUFFER = 1 << 20
_LOCAL = ("file:", "/")


def read_file(plan: FilePlan, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    """Read one data file as the table's current columns, deleted rows left out."""
    deletes = plan.deletes.get(task.file.file_path)
    with plan.table.io.new_input(task.file.file_path).open() as source:
        fragment = _file_format(task).make_fragment(source)
        written = pyarrow_to_schema(
            fragment.physical_schema,
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
        columns = [field.name for field in present.fields]
        remote = not task.file.file_path.startswith(_LOCAL)
        batches = _batches(source, fragment, columns, ahead=remote)
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


def _batches(
    source: Any,  # noqa: ANN401 - pyarrow is untyped
    fragment: Any,  # noqa: ANN401
    columns: list[str],
    *,
    ahead: bool,
) -> Iterator[pa.RecordBatch]:
    """Decode in small steps: the first rows come early and little waits in memory.

    ``ahead`` asks for all column chunks at once, which pays where each read travels.
    """
    plain = columns and not any("." in name for name in columns)
    if plain and isinstance(fragment, ds.ParquetFileFragment):
        file = pq.ParquetFile(source, metadata=fragment.metadata, pre_buffer=ahead)
        groups = [group.id for group in fragment.row_groups]
        yield from file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=columns)
        return
    scanner = ds.Scanner.from_fragment(
        fragment,
        schema=fragment.physical_schema,
        columns=columns,
        batch_size=_BATCH_ROWS,
        batch_readahead=_READAHEAD,
    )
    yield from scanner.to_batches()


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
    try:
        return fragment.subset(filter=expression, schema=fragment.physical_schema)
    except pa.ArrowNotImplementedError:
        # No statistics logic for a type: nothing is pruned, the exact filter still runs.
        return fragment


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
