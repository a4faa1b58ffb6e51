"""A running answer with its audit record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pyarrow as pa

from gateway.errors import MeshgateError
from gateway.query.plan import Plan
from gateway.query.recording import OpenRecord
from gateway.results import ResultColumn, ResultStream

_BATCH_ROWS = 10_000


class AnswerStream:
    """Rows that were ready at once, as a stream."""

    def __init__(self, columns: tuple[ResultColumn, ...], rows: pa.Table) -> None:
        self.columns = columns
        self._rows = rows

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Yield the rows in batches."""
        for batch in self._rows.to_batches(max_chunksize=_BATCH_ROWS):
            yield batch

    async def cancel(self) -> None:
        """Nothing runs."""


def answered(plan: Plan) -> ResultStream:
    """The stream of a plan the gateway answers itself."""
    if plan.answer is None:
        return AnswerStream((), pa.table({}))
    return AnswerStream(plan.answer.columns, plan.answer.rows)


class Running:
    """Batches of a started statement; closes its audit record however it ends."""

    def __init__(self, stream: ResultStream, record: OpenRecord) -> None:
        self._stream = stream
        self._record = record
        self.columns = stream.columns

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Yield Arrow batches; the last one is followed by the durable ``finished`` record."""
        try:
            async for batch in self._stream.batches():
                self._record.count(batch.num_rows, batch.nbytes)
                yield batch
        except MeshgateError as error:
            await self._record.failed(error)
            raise
        await self._record.finished()

    async def cancel(self, state: str = "cancelled", error_name: str = "") -> None:
        """Stop the work; ``state`` is cancelled, abandoned, revoked, or failed by a named error."""
        try:
            await self._stream.cancel()
        finally:
            await self._record.closed(state, error_name)
