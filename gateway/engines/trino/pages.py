"""One upstream page: what it says is parsed, its columns and rows stay Trino's own bytes.

While the fields keep their known order, ``data`` lies between the first ``,"data":`` and the last
``,"stats":``: a quote inside a string is escaped, so neither text occurs inside one, and no field
before ``data`` or after ``stats`` has such a key. Head, rows and tail must each parse, which
proves the cut. Any surprise is read again by a scanner of the whole object that does not care
for order; what that cannot read either is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

_DATA: Final = b',"data":'
_STATS: Final = b',"stats":'
STATES: Final = frozenset(
    {
        "QUEUED",
        "WAITING_FOR_RESOURCES",
        "DISPATCHING",
        "PLANNING",
        "STARTING",
        "RUNNING",
        "FINISHING",
        "FINISHED",
        "FAILED",
    }
)


class PageError(ValueError):
    """A page that cannot be proven whole; the text holds nothing of it."""


class Stats(msgspec.Struct, rename="camel", frozen=True):
    """``stats`` as far as a client may ever see them; the stages stay behind."""

    state: str
    queued: bool = False
    scheduled: bool = False
    progress_percentage: float | None = None
    elapsed_time_millis: int = 0
    queued_time_millis: int = 0
    nodes: int = 0
    total_splits: int = 0
    queued_splits: int = 0
    running_splits: int = 0
    completed_splits: int = 0
    planning_time_millis: int = 0
    analysis_time_millis: int = 0
    cpu_time_millis: int = 0
    wall_time_millis: int = 0
    finishing_time_millis: int = 0
    physical_input_time_millis: int = 0
    processed_rows: int = 0
    processed_bytes: int = 0
    physical_input_bytes: int = 0
    physical_written_bytes: int = 0
    internal_network_input_bytes: int = 0
    peak_memory_bytes: int = 0
    spilled_bytes: int = 0


class UpstreamError(msgspec.Struct, rename="camel", frozen=True):
    """``error`` of a page: its text is the engine's and goes no further than the scrubber."""

    error_name: str
    error_code: int
    error_type: str = ""
    message: str = ""


class _Column(msgspec.Struct, rename="camel", frozen=True):
    """What must be there of one entry of ``columns``."""

    name: str
    type: str
    type_signature: dict[str, msgspec.Raw]


class _Head(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What stands before the rows, and nothing else: an error there must not be overlooked."""

    id: str
    info_uri: str | None = None
    partial_cancel_uri: str | None = None
    next_uri: str | None = None
    columns: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Tail(msgspec.Struct, rename="camel"):
    """What stands behind the rows."""

    stats: Stats
    error: UpstreamError | None = None
    update_type: str | None = None
    update_count: int | None = None
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    partial_cancel_uri: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    next_uri: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    columns: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def misplaced(self) -> bool:
        """Whether a field of another place stands here."""
        parts = (self.id, self.partial_cancel_uri, self.next_uri, self.columns, self.data)
        return any(part is not msgspec.UNSET for part in parts)


class Page(msgspec.Struct, frozen=True):
    """One page, read. ``columns`` and ``data`` are slices of the answer's bytes.

    ``data`` is None without rows; ``rows`` counts those of ``data``.
    """

    id: str
    stats: Stats
    next_uri: str | None = None
    partial_cancel_uri: str | None = None
    columns: bytes | None = None
    data: memoryview | None = None
    rows: int = 0
    error: UpstreamError | None = None
    update_type: str | None = None
    update_count: int | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_TAIL: Final = msgspec.json.Decoder(_Tail)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COLUMNS: Final = msgspec.json.Decoder(list[_Column])
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD_FIELDS: Final = frozenset(_Head.__struct_encode_fields__)
_LIST: Final = ord("[")
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def read_page(body: bytes) -> Page:
    """Read one answer of ``/v1/statement``.

    Raises:
        PageError: it is no page of the known shape, or its rows are not one list of lists
            (an object there is a spooled result, which would pass the gateway by).

    """
    page = _cut(body)
    if page is None:
        try:
            page = _scanned(body)
        except _UNREADABLE:
            raise PageError("a page of the cluster does not read") from None
    if page.stats.state not in STATES:
        raise PageError("a page of the cluster tells an unknown state")
    if page.rows and page.columns is None:
        raise PageError("a page of the cluster has rows without columns")
    return page


def _cut(body: bytes) -> Page | None:
    """Cut where the known order puts the rows; None for any surprise."""
    stats_at = body.rfind(_STATS)
    if stats_at < 0:
        return None
    data_at = body.find(_DATA, 0, stats_at)
    data = None if data_at < 0 else memoryview(body)[data_at + len(_DATA) : stats_at]
    try:
        head = _HEAD.decode(body[: stats_at if data_at < 0 else data_at] + b"}")
        tail = _TAIL.decode(b"{" + body[stats_at + 1 :])
        return None if tail.misplaced else _page(head, tail, data)
    except _UNREADABLE:
        return None


def _scanned(body: bytes) -> Page:
    """Read the fields of the whole object in any order, rows and columns as bytes.

    Each field once and no blank between them, or the lengths would not add up: of two fields of
    one name nobody could say which the client would read.
    """
    fields = _FIELDS.decode(body)
    if len(body) != 1 + sum(len(name.encode()) + len(raw) + 4 for name, raw in fields.items()):
        raise PageError("a page of the cluster has a field twice, or blanks between fields")
    data = fields.pop("data", None)
    head = _HEAD.decode(_object(fields, _HEAD_FIELDS))
    tail = _TAIL.decode(_object(fields, fields.keys() - _HEAD_FIELDS))
    return _page(head, tail, None if data is None else memoryview(data))


def _object(fields: Mapping[str, msgspec.Raw], names: Collection[str]) -> bytes:
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name in names})


def _page(head: _Head, tail: _Tail, data: memoryview | None) -> Page:
    columns = None if head.columns is msgspec.UNSET else bytes(head.columns)
    if columns is not None:
        _COLUMNS.decode(columns)
    rows = 0 if data is None else _rows(data)
    return Page(
        head.id,
        tail.stats,
        head.next_uri,
        head.partial_cancel_uri,
        columns,
        data if rows else None,
        rows,
        tail.error,
        tail.update_type,
        tail.update_count,
    )


def _rows(data: memoryview) -> int:
    """Count the rows of what this proves to be one JSON list, and of lists by its first row."""
    rows = _ROWS.decode(data)
    if rows and memoryview(rows[0])[0] != _LIST:
        raise PageError("a page of the cluster has a row that is no list")
    return len(rows)
