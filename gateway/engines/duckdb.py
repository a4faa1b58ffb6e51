"""The embedded engine: DuckDB in capped worker processes over bounded Iceberg streams."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gateway.catalog.model import CatalogSnapshot, Column
from gateway.catalog.stores import storage_properties
from gateway.engines.base import RunOptions
from gateway.engines.failures import failure
from gateway.engines.job import QueryJob, ScanColumn, ScanJob, WorkerConfig
from gateway.engines.pool import Pool, PoolLimits
from gateway.engines.rowfilter import fields
from gateway.engines.stream import EmbeddedStream
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.results import ResultColumn
from gateway.secrets import SecretError
from gateway.sql.model import GovernedQuery, Scan
from gateway.tokens.keys import KeyRing
from gateway.tokens.model import TokenFunction

_FUNCTION = re.compile(r'"(mg_[0-9a-f]{24})"')
_WIDTH = {"boolean": 1, "integer": 4, "date": 4, "real": 4, "bigint": 8, "double": 8}
_WIDEST = 99


class EmbeddedEngine:
    """Runs governed DuckDB text. Start it inside the event loop that uses it.

    Args:
        workers: processes, each running one query at a time.
        memory_bytes: address space a query may add to an idle worker.
        threads: DuckDB threads of one worker.
        waiting: queries that may wait for a worker before QUERY_QUEUE_FULL.
        temp_bytes: disk a query may spill; 0 turns spilling off.
        keys: token keys of a snapshot; called once per query, so it should cache.

    """

    def __init__(
        self,
        *,
        workers: int = 2,
        memory_bytes: int = 1 << 30,
        threads: int = 2,
        waiting: int = 32,
        temp_bytes: int = 1 << 30,
        queries_per_worker: int = 500,
        keys: Callable[[CatalogSnapshot], KeyRing] | None = None,
    ) -> None:
        self._temp = Path(tempfile.mkdtemp(prefix="meshgate-"))
        config = WorkerConfig(memory_bytes, threads, str(self._temp), temp_bytes)
        limits = PoolLimits(workers, waiting, queries_per_worker, memory_bytes)
        self._pool = Pool(config, limits)
        self._keys = keys or (lambda _: KeyRing.empty())
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Start and warm all workers."""
        await self._pool.start()

    async def close(self) -> None:
        """Kill all workers and remove what they spilled."""
        await self._pool.close()
        await asyncio.to_thread(shutil.rmtree, self._temp, ignore_errors=True)

    @property
    def worker_pids(self) -> frozenset[int]:
        """Process ids of the living workers."""
        return self._pool.pids

    async def run(
        self,
        governed: GovernedQuery,
        snapshot: CatalogSnapshot,
        options: RunOptions,
        sources: Mapping[TableName, pa.Table],
    ) -> EmbeddedStream:
        """Start a governed query; see ``gateway.engines.base.Engine``."""
        if governed.engine != "duckdb":
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "text for another engine")
        ends = time.monotonic() + options.deadline_seconds
        functions = self._functions(governed.sql, snapshot)
        number = next(self._numbers)
        job = QueryJob(
            id=number,
            sql=governed.sql,
            scans=tuple(
                _stored(scan_job(scan, sources), scan, snapshot)
                for scan in governed.scans
                if scan.table.view is None
            ),
            functions=tuple(functions),
            time_zone=options.time_zone,
            batch_rows=options.batch_rows,
            widths=len(governed.outputs),
        )
        worker = await self._pool.acquire(options.deadline_seconds, options.query_id)
        stream = EmbeddedStream(_columns(governed), worker, self._pool, number, options)
        try:
            await worker.give_keys(functions)
        except BaseException as error:
            # A cancelled caller must not keep the worker either.
            self._pool.release(worker, alive=False)
            if isinstance(error, OSError):
                raise failure("GENERIC_INTERNAL_ERROR", options.query_id) from None
            raise
        await stream.start(pickle.dumps(job), ends - time.monotonic())
        return stream

    def _functions(self, sql: str, snapshot: CatalogSnapshot) -> dict[str, TokenFunction]:
        """Find the token functions a text calls; only these reach its worker."""
        names = dict.fromkeys(_FUNCTION.findall(sql))
        if not names:
            return {}
        ring = self._keys(snapshot)
        return {name: ring.function(name) for name in names}


def scan_job(scan: Scan, sources: Mapping[TableName, pa.Table]) -> ScanJob:
    """Describe one scan: what is used, plus what its row filter reads."""
    name = f"{scan.table.name}:{scan.index}"
    row_filter = scan.decision.row_filter
    wanted = set(scan.used) | (fields(row_filter) if row_filter else set())
    columns = [column for column in scan.table.columns if column.name in wanted]
    if len(columns) != len(wanted):
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "a scan reads a column its table lacks")
    columns = columns or [min(scan.table.columns, key=_width)]
    offered = tuple(ScanColumn(c.name, c.field_id, c.type) for c in columns)
    if scan.table.name in sources:
        rows = _serialized(sources[scan.table.name].select([c.name for c in columns]))
        return ScanJob(name, offered, rows=rows, row_filter=row_filter)
    if scan.table.metadata_location is None:
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "a table has no data to read")
    return ScanJob(
        name,
        offered,
        location=scan.table.metadata_location,
        row_filter=row_filter,
        hints=scan.hints,
        table_uuid=scan.table.uuid,
    )


def _stored(job: ScanJob, scan: Scan, snapshot: CatalogSnapshot) -> ScanJob:
    """Add what its worker needs to read the table's files; keys go there for this query alone."""
    connection = snapshot.connections.get(scan.table.name.catalog)
    if job.location is None or connection is None or connection.storage is None:
        return job
    try:
        return replace(job, store=tuple(storage_properties(connection).items()))
    except SecretError:
        message = "the store of a table cannot be opened: its keys are missing; ask an operator"
        raise MeshgateError("CONFIGURATION_UNAVAILABLE", message) from None


def _width(column: Column) -> int:
    """Counting rows reads the narrowest column."""
    return _WIDTH.get(column.type.base, _WIDEST)


def _serialized(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _columns(governed: GovernedQuery) -> tuple[ResultColumn, ...]:
    if any(output.type is None for output in governed.outputs):
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "an output column has no type")
    return tuple(ResultColumn(o.name, o.type) for o in governed.outputs if o.type)
