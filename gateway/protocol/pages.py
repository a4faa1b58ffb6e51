"""Result pages: rows of Arrow batches as JSON chunks of about one mebibyte."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.errors import MeshgateError
from gateway.protocol.values import column_texts
from gateway.results import ResultColumn

TARGET_BYTES = 1 << 20
_BETWEEN_ROWS = "],["


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows: their JSON without the outermost brackets, and how many they are."""

    json: bytes
    rows: int


def data_json(chunks: Sequence[Chunk]) -> bytes:
    """The ``data`` of one page."""
    return b"[[" + _BETWEEN_ROWS.encode().join(chunk.json for chunk in chunks) + b"]]"


class RowWriter:
    """Writes batches of one result as chunks.

    Args:
        columns: names and types, in the order of the batches' columns.
        precise: whether the client takes date and time values of any precision.
        target: bytes after which a chunk ends; a single larger row is one chunk.

    """

    def __init__(
        self, columns: Sequence[ResultColumn], *, precise: bool, target: int = TARGET_BYTES
    ) -> None:
        self._columns = tuple(columns)
        self._precise = precise
        self._target = target

    def chunks(self, batch: pa.RecordBatch) -> Iterator[Chunk]:
        """Yield the rows of a batch in order, encoding no more than needed at a time."""
        if batch.num_columns != len(self._columns):
            raise MeshgateError(
                "GENERIC_INTERNAL_ERROR", "the result does not have the announced columns"
            )
        step = self._rows_at_once(batch)
        for start in range(0, batch.num_rows, step):
            yield from self._cut(self._rows(batch.slice(start, step)))

    def _rows_at_once(self, batch: pa.RecordBatch) -> int:
        """Rows expected to fill one chunk, from their size in memory."""
        per_row: int = batch.nbytes // max(1, batch.num_rows) + 3 * len(self._columns)
        rows: int = min(batch.num_rows, self._target // per_row)
        return max(1, rows)

    def _rows(self, batch: pa.RecordBatch) -> pa.Array:
        try:
            texts = [
                column_texts(values, column.type, precise=self._precise)
                for values, column in zip(batch.columns, self._columns, strict=True)
            ]
        except (pa.ArrowException, ValueError, KeyError) as error:
            raise MeshgateError(
                "GENERIC_INTERNAL_ERROR", "a value does not have the announced type"
            ) from error
        return _joined(texts)

    def _cut(self, rows: pa.Array) -> Iterator[Chunk]:
        ends = pc.cumulative_sum(pc.binary_length(rows).cast(pa.int64()))
        total = ends[len(ends) - 1].as_py()
        if total <= self._target:
            yield _chunk(rows)
            return
        start = done = 0
        while start < len(rows):
            at = bisect_left(ends, done + self._target, start, len(rows) - 1, key=_plain)
            yield _chunk(rows.slice(start, at + 1 - start))
            start, done = at + 1, ends[at].as_py()


def _joined(columns: Sequence[tuple[bool, pa.Array]]) -> pa.Array:
    """Rows of texts; quotes and commas between columns go in as one piece."""
    pieces: list[Any] = []
    between = ""
    for quoted, text in columns:
        quote = '"' if quoted else ""
        between += quote
        pieces += [between, text] if between else [text]
        between = quote + ","
    end = between.removesuffix(",")
    return pc.binary_join_element_wise(*pieces, *([end] if end else []), "")


def _plain(number: pa.Scalar) -> int:
    return int(number.as_py())


def _chunk(rows: pa.Array) -> Chunk:
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    text = pc.binary_join(whole, _BETWEEN_ROWS)[0]
    return Chunk(text.as_buffer().to_pybytes(), len(rows))
