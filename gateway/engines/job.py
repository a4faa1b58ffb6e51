"""What the gateway tells a worker: plain values, sent once per worker or per query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.datatypes import DataType
from gateway.policy.model import Condition


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Limits of one worker. Sizes are bytes; ``memory`` is the budget above start-up."""

    memory: int
    threads: int
    temp_directory: str
    temp_bytes: int


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """One column a scan offers: its name, Iceberg field id and Trino type."""

    name: str
    field_id: int
    type: DataType


@dataclass(frozen=True, slots=True)
class ScanJob:
    """One governed table reference. ``name`` is its flat name in generated text.

    Exactly one of ``location`` (an Iceberg metadata file) and ``rows`` (an Arrow IPC
    stream) is set. ``row_filter`` is enforced on every batch. ``hints`` are predicates the
    text applies as well: they prune files and row groups, under a row filter rows too.
    ``store`` are pyiceberg's properties for reading the files, keys included: never printed.
    """

    name: str
    columns: tuple[ScanColumn, ...]
    location: str | None = None
    rows: bytes | None = field(default=None, repr=False)
    row_filter: Condition | None = None
    hints: tuple[Condition, ...] = ()
    table_uuid: str = ""
    store: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class QueryJob:
    """One query. ``functions`` are the token functions its text calls."""

    id: int
    sql: str
    scans: tuple[ScanJob, ...]
    functions: tuple[str, ...]
    time_zone: str
    batch_rows: int
    widths: int
    """Number of output columns the gateway expects."""


Keys = Mapping[str, tuple[str, str, int, bytes]]
"""Function name → (shape, code, version, derived key): sent once per worker, never as text."""
