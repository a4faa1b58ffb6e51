"""Shapes in which answers travel from engines and metadata to the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from gateway.datatypes import DataType


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of an answer: its heading and Trino type."""

    name: str
    type: DataType


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running query may tell: completed share 0..100 and rows delivered."""

    percent: int
    rows: int


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - Trino's word, and Python's own is a builtin
    """One governance note: ``code`` = 0x4D470000 + position, a closed name, what to read."""

    code: int
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows the gateway answers itself (SHOW, DESCRIBE, EXPLAIN ACCESS): an Arrow table.

    ``update_type`` is set for those Trino gives one.
    """

    columns: tuple[ResultColumn, ...]
    rows: pa.Table
    update_type: str | None = None


class ResultStream(Protocol):
    """A running answer. Batches are Arrow record batches, columns in order.

    ``batches`` may be iterated once; ``cancel`` is idempotent and makes it end.
    Failures surface as ``MeshgateError`` with scrubbed texts.
    """

    columns: tuple[ResultColumn, ...]

    def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Yield the answer's batches, bounded: at most two wait unread."""
        ...

    async def cancel(self) -> None:
        """Stop the work; frees the worker."""
        ...
