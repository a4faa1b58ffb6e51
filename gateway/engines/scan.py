"""Scans: what generated text reads from. Each read opens a fresh, bounded stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import TypeAlias

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression

from gateway.engines.datafile import read_file
from gateway.engines.hints import hint
from gateway.engines.iceberg import FilePlan, Tables
from gateway.engines.job import ScanJob
from gateway.engines.rowfilter import RowFilter
from gateway.policy.model import CompoundCondition, Condition

_READERS = 2
_QUEUED = 2
_PATIENCE_SECONDS = 0.1
_DONE = None

Item: TypeAlias = "pa.RecordBatch | BaseException | None"


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The query was asked to stop."""


def stop_if(cancel: threading.Event) -> None:
    """Raise Cancelled once the flag is set."""
    if cancel.is_set():
        raise Cancelled


class GovernedScan:
    """One scan under its flat name; DuckDB may open it more than once (self-joins).

    Hidden rows never leave it: the row filter runs on every batch before it is offered.

    Where there is a row filter the statement's hints run on every batch too, and not only
    on file statistics. Those describe hidden rows as well: were hints to drop files alone,
    a visible row on which a later expression fails would raise its error or not depending
    on whether a hidden row of its file lies in the asked range. So what leaves the scan is
    a function of the visible rows and the statement; pruning decides only how soon. A scan
    without a row filter has nothing to hide: there its hints drop files and row groups alone.
    """

    def __init__(self, job: ScanJob, tables: Tables, cancel: threading.Event) -> None:
        self.name = job.name
        self._cancel = cancel
        self.failure: Exception | None = None
        self.files = 0
        self._open, self._schema, hints = self._source(job, tables)
        self._filter: RowFilter | None = None
        if job.row_filter:
            exact = CompoundCondition("and", (*hints, job.row_filter))
            self._filter = RowFilter(exact, self._schema)

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self._schema, self._visible())
        return reader.__arrow_c_stream__(requested_schema)

    def _source(
        self, job: ScanJob, tables: Tables
    ) -> tuple[Callable[[], Iterator[pa.RecordBatch]], pa.Schema, tuple[Condition, ...]]:
        """Plan the read; ``files`` is how many data files it needs."""
        if job.rows is not None:
            held = pa.ipc.open_stream(job.rows).read_all()
            return lambda: iter(held.to_batches()), held.schema, ()
        plan = tables.plan(job, lambda schema: _pruning(job, schema))
        self.files = len(plan.tasks)
        hints = _fitting(job.hints, plan.schema)
        return lambda: _prefetched(plan, self._cancel), plan.schema, hints

    def _visible(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._open():
                stop_if(self._cancel)
                passing = self._passing(batch)
                if passing.num_rows:
                    yield passing
        except Exception as error:
            # DuckDB would only hand on its text; the worker reads the error itself here.
            self.failure = error
            raise

    def _passing(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return self._filter.apply(batch) if self._filter else batch


def _fitting(hints: tuple[Condition, ...], schema: pa.Schema) -> tuple[Condition, ...]:
    """Keep the hints that can be evaluated row by row; only these may prune."""
    return tuple(condition for condition in hints if _fits(condition, schema))


def _fits(condition: Condition, schema: pa.Schema) -> bool:
    try:
        RowFilter(condition, schema)
    except (ValueError, KeyError):
        return False
    return True


def _pruning(job: ScanJob, schema: pa.Schema) -> BooleanExpression:
    """Join the row filter and the hints; what cannot be told from statistics is dropped."""
    pruning: BooleanExpression = AlwaysTrue()
    wanted = [*_fitting(job.hints, schema)]
    if job.row_filter is not None:
        wanted.append(job.row_filter)
    for condition in wanted:
        try:
            pruning = And(pruning, hint(condition, schema))
        except (ValueError, KeyError):
            continue
    return pruning


def _prefetched(plan: FilePlan, cancel: threading.Event) -> Iterator[pa.RecordBatch]:
    """Read files in order, the next one ahead, at most two batches of each waiting."""
    stop = threading.Event()
    queues: list[Queue[Item]] = []
    try:
        for position in range(len(plan.tasks)):
            while len(queues) < min(position + _READERS, len(plan.tasks)):
                queues.append(_started(plan, len(queues), stop))
            yield from _drained(queues[position], cancel)
    finally:
        stop.set()


def _started(plan: FilePlan, position: int, stop: threading.Event) -> Queue[Item]:
    queue: Queue[Item] = Queue(_QUEUED)
    arguments = (plan, position, queue, stop)
    threading.Thread(target=_fill, args=arguments, daemon=True).start()
    return queue


def _fill(plan: FilePlan, position: int, queue: Queue[Item], stop: threading.Event) -> None:
    try:
        for batch in read_file(plan, plan.tasks[position]):
            if not _put(queue, batch, stop):
                return
        _put(queue, _DONE, stop)
    except BaseException as error:  # noqa: BLE001 - raised again in the reading thread
        _put(queue, error, stop)


def _put(queue: Queue[Item], item: Item, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            queue.put(item, timeout=_PATIENCE_SECONDS)
        except Full:
            continue
        return True
    return False


def _drained(queue: Queue[Item], cancel: threading.Event) -> Iterator[pa.RecordBatch]:
    while True:
        stop_if(cancel)
        try:
            item = queue.get(timeout=_PATIENCE_SECONDS)
        except Empty:
            continue
        if item is _DONE:
            return
        if isinstance(item, BaseException):
            raise item
        yield item
