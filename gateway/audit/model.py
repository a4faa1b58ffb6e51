"""Audit records: who asked what, why, what was decided and what came of it.

No literal of a query, no row value and no token is ever part of one. Times are UTC;
durations are microseconds and sizes bytes, both whole numbers, so that the canonical
body can be hashed and signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import orjson

SCHEMA = "meshgate.audit/1"
STARTED, FINISHED = "started", "finished"
STATES = ("finished", "failed", "refused", "cancelled", "revoked", "abandoned")


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Who:
    """The authenticated principal; ``peer_address`` is where the connection came from."""

    id: str
    kind: str = "user"
    method: str = "none"
    groups: tuple[str, ...] = ()
    peer_address: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """Purpose (and how it was found), the person's own words, and the decision behind it."""

    purpose: str = "unspecified"
    purpose_origin: str = "unspecified"
    reason: str = ""
    decision_id: str = ""
    decision_fingerprint: str = ""
    policy_engine: str = ""
    effect: str = ""
    input_sha256: str = ""
    revisions: Mapping[str, str] = field(default_factory=_nothing)
    catalog_version: str = ""


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One column the statement reads: where it is used and how it was treated."""

    name: str
    field_id: int
    usage: tuple[str, ...]
    treatment: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowFilter:
    """The condition on a table's rows, as the policy wrote it, and the rules behind it."""

    rules: tuple[str, ...]
    condition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableUse:
    """One table named by the statement. ``hidden`` tells what its asker was not told."""

    name: str
    effect: str
    domain: str = ""
    product: str = ""
    table_uuid: str = ""
    grant: str = ""
    hidden: bool = False
    filters: tuple[RowFilter, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    obligations: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementText:
    """The statement without its literals; ``fingerprint`` names its shape."""

    kind: str
    redacted_sql: str
    fingerprint: str
    governed_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How it ended: ``state`` is one of ``STATES``, or empty while it runs."""

    state: str = ""
    error_name: str = ""
    rows: int = 0
    rows_from: str = "gateway"
    bytes: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took: microseconds, bytes and rows."""

    parse_us: int = 0
    decide_us: int = 0
    rewrite_us: int = 0
    queued_us: int = 0
    wall_us: int = 0
    engine_cpu_us: int = 0
    scanned_bytes: int = 0
    scanned_rows: int = 0
    peak_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LineageInput:
    """One column that flows into an output: how (direct, derived, aggregate) and masked by what."""

    table: str
    column: str
    type: str
    masking: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """One output column and where it came from."""

    output: str
    inputs: tuple[LineageInput, ...] = ()


@dataclass(frozen=True, slots=True)
class UsagePlace:
    """Where one column is used (output, filter, join, group, order, window).

    ``by`` is ``user`` for the statement, ``policy`` for row filters and smallest groups.
    """

    table: str
    column: str
    places: tuple[str, ...]
    by: str = "user"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One phase of one statement: ``started`` before its first page, ``finished`` after its last.

    ``claimed`` is what the client says of itself, unverified.
    """

    query_id: str
    phase: str
    time: datetime
    who: Who
    statement: StatementText
    kind: str = "query"
    engine_query_id: str = ""
    claimed: Mapping[str, str] = field(default_factory=_nothing)
    why: Why = field(default_factory=Why)
    tables: tuple[TableUse, ...] = ()
    result: Result = field(default_factory=Result)
    cost: Cost = field(default_factory=Cost)
    lineage: tuple[Lineage, ...] = ()
    usage: tuple[UsagePlace, ...] = ()

    def body(self) -> bytes:
        """Return the record as canonical JSON: sorted ASCII keys, integers, no floats."""
        document = {f.name: getattr(self, f.name) for f in fields(self)}
        document.update(schema=SCHEMA, time=instant(self.time))
        # orjson writes dataclasses fast but unsorted: a second pass sorts every key
        plain = orjson.loads(orjson.dumps(document, default=_plain))
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


def instant(time: datetime) -> str:
    """``2026-11-20T10:15:00.000000Z``; raises ValueError without a time zone."""
    if time.tzinfo is None:
        raise ValueError("audit times carry a time zone")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot stand in an audit record")
