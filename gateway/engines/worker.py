"""A worker process: one query at a time, each in a database of its own, under a memory cap.

Started as ``python -m gateway.engines.worker <socket fd>``; ends when the gateway does.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import pickle
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import duckdb
import pyarrow as pa

from gateway.engines import frames
from gateway.engines.database import check_statement, lock, open_database
from gateway.engines.frames import Closed, Frame, Kind
from gateway.engines.iceberg import Tables
from gateway.engines.job import QueryJob, WorkerConfig
from gateway.engines.naming import engine_error, name_of
from gateway.engines.scan import Cancelled, GovernedScan, stop_if
from gateway.engines.tokenfns import holds, register, selftest
from gateway.errors import MeshgateError
from gateway.tokens.keys import unavailable
from gateway.tokens.model import TokenFunction

_CREDIT_PATIENCE_SECONDS = 0.1
_WARM_UP = "SELECT sum(x) FROM (SELECT range AS x FROM range(300000)) GROUP BY x % 1000"


class Running:
    """The query in hand, as the control thread sees it."""

    def __init__(self, number: int, connection: duckdb.DuckDBPyConnection) -> None:
        self.number = number
        self.cancel = threading.Event()
        self.credit = threading.Semaphore(0)
        self._connection = connection

    def stop(self) -> None:
        """Flag first, so that waiting streams let go; then interrupt the engine."""
        self.cancel.set()
        self._connection.interrupt()

    def await_credit(self) -> None:
        """Wait until the gateway takes another batch."""
        while not self.credit.acquire(timeout=_CREDIT_PATIENCE_SECONDS):
            stop_if(self.cancel)
        stop_if(self.cancel)


class Worker:
    """Owns the socket; the main thread runs queries, a control thread listens."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._jobs: SimpleQueue[Frame] = SimpleQueue()
        self._functions: dict[str, TokenFunction] = {}
        self._tables = Tables()
        self._tokens_agree = False
        self._running: Running | None = None
        self._credit_before: dict[int, int] = {}
        self._cancelled: set[int] = set()
        self._guard = threading.Lock()

    def serve(self) -> None:
        """Answer queries until the gateway closes the socket."""
        start = frames.receive(self._socket)
        config: WorkerConfig = pickle.loads(start.payload)  # noqa: S301 - our own parent
        _warm_up(config)
        self._tokens_agree = selftest()
        _cap_memory(config.memory)
        threading.Thread(target=self._listen, daemon=True).start()
        connection = open_database(config)
        self._say(Kind.READY, 0, _size())
        while True:
            frame = self._jobs.get()
            job: QueryJob = pickle.loads(frame.payload)  # noqa: S301 - our own parent
            self._answer(job, connection)
            connection.close()
            connection = open_database(config)
            gc.collect()
            self._say(Kind.READY, job.id, _size())

    def _listen(self) -> None:
        try:
            while True:
                self._heed(frames.receive(self._socket))
        except BaseException:  # noqa: BLE001 - whatever ended it, nobody is left to answer
            os._exit(0)

    def _heed(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.QUERY:
                self._jobs.put(frame)
            case Kind.KEYS:
                given: dict[str, TokenFunction] = pickle.loads(frame.payload)  # noqa: S301
                self._functions.update(given)
            case Kind.CREDIT:
                self._credit(frame.query)
            case Kind.CANCEL:
                self._cancel(frame.query)
            case _:
                raise Closed

    def _credit(self, number: int) -> None:
        with self._guard:
            if self._running and self._running.number == number:
                self._running.credit.release()
            else:
                self._credit_before[number] = self._credit_before.get(number, 0) + 1

    def _cancel(self, number: int) -> None:
        with self._guard:
            if self._running and self._running.number == number:
                self._running.stop()
            else:
                self._cancelled.add(number)

    def _answer(self, job: QueryJob, connection: duckdb.DuckDBPyConnection) -> None:
        running = self._begin(job, connection)
        scans: list[GovernedScan] = []
        try:
            rows = self._run(job, connection, running, scans)
        except BaseException as error:  # noqa: BLE001 - the edge: every failure becomes a name
            self._fail(job.id, _cause(error, scans, running))
        else:
            self._say(Kind.END, job.id, {"rows": rows})
        finally:
            with self._guard:
                self._running = None

    def _begin(self, job: QueryJob, connection: duckdb.DuckDBPyConnection) -> Running:
        running = Running(job.id, connection)
        with self._guard:
            self._running = running
            for _ in range(self._credit_before.pop(job.id, 0)):
                running.credit.release()
            if job.id in self._cancelled:
                running.cancel.set()
            # Messages about earlier queries come late and mean nothing now.
            self._cancelled.clear()
            self._credit_before.clear()
        return running

    def _run(
        self,
        job: QueryJob,
        connection: duckdb.DuckDBPyConnection,
        running: Running,
        scans: list[GovernedScan],
    ) -> int:
        stop_if(running.cancel)
        lock(connection, job.time_zone)
        for name in job.functions:
            register(connection, self._function(name))
        for scan in job.scans:
            governed = GovernedScan(scan, self._tables, running.cancel)
            scans.append(governed)
            connection.register(governed.name, governed)
        check_statement(connection, job.sql)
        reader = connection.sql(job.sql).to_arrow_reader(job.batch_rows)
        return self._stream(job, reader, running)

    def _stream(self, job: QueryJob, reader: pa.RecordBatchReader, running: Running) -> int:
        if len(reader.schema) != job.widths:
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "generated text has other columns")
        self._send(Kind.SCHEMA, job.id, reader.schema.serialize())
        rows = 0
        for batch in _batches(reader):
            if batch.num_rows == 0:
                continue
            running.await_credit()
            self._send(Kind.BATCH, job.id, batch.serialize())
            rows += batch.num_rows
        return rows

    def _function(self, name: str) -> TokenFunction:
        found = self._functions.get(name)
        if found is None or not self._tokens_agree or not holds(found):
            raise unavailable()
        return found

    def _fail(self, number: int, error: BaseException) -> None:
        said: dict[str, Any] = {"name": name_of(error), "cause": type(error).__name__}
        if isinstance(error, MeshgateError):
            said["message"] = error.message
        if isinstance(error, Cancelled):
            said["name"] = "USER_CANCELED"
        self._say(Kind.FAILED, number, said)

    def _say(self, kind: Kind, number: int, words: dict[str, Any]) -> None:
        self._send(kind, number, json.dumps(words).encode())

    def _send(self, kind: Kind, number: int, payload: bytes) -> None:
        try:
            frames.send(self._socket, Frame(kind, number, bytes(payload)))
        except OSError:
            os._exit(0)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The reader's batches; files are read by scans, so an OSError here is the engine's."""
    try:
        yield from reader
    except OSError as error:
        raise engine_error(error) from None


def _cause(error: BaseException, scans: list[GovernedScan], running: Running) -> BaseException:
    """Prefer what a scan raised itself; DuckDB wraps it in a text of its own."""
    if running.cancel.is_set():
        return Cancelled()
    return next((scan.failure for scan in scans if scan.failure), error)


def _warm_up(config: WorkerConfig) -> None:
    """Touch what reserves address space, so that the cap starts from a settled size."""
    connection = open_database(config)
    connection.register("warm", pa.table({"x": list(range(1000))}))
    connection.sql("SELECT count(*) FROM warm").to_arrow_reader(10).read_all()
    connection.sql(_WARM_UP).fetchall()
    connection.close()


def _cap_memory(budget: int) -> None:
    size = int(_status("VmSize")) * 1024 + budget
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _size() -> dict[str, int]:
    """Resident bytes, and how much address space is left below the cap."""
    cap = resource.getrlimit(resource.RLIMIT_AS)[0]
    return {
        "rss": int(_status("VmRSS")) * 1024,
        "room": cap - int(_status("VmSize")) * 1024,
    }


def _status(key: str) -> str:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(key + ":"))


def main() -> None:
    """Serve the socket whose descriptor is the only argument."""
    faulthandler.disable()
    for ignored in (signal.SIGINT, signal.SIGTERM):
        # The gateway drains on these; it ends its workers itself.
        signal.signal(ignored, signal.SIG_IGN)
    gc.freeze()
    try:
        Worker(socket.socket(fileno=int(sys.argv[1]))).serve()
    except Closed:
        pass
    finally:
        # Skip interpreter shutdown: it would print the engine's leak report.
        os._exit(0)


if __name__ == "__main__":
    main()
