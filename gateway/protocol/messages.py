"""Pages as JSON: Trino's keys in Trino's order, absent rather than null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from gateway.errors import MeshgateError
from gateway.results import Warning_


@dataclass(frozen=True, slots=True)
class Stats:
    """What a page tells of progress. ``rows`` are delivered rows, 0 where even that may tell.

    Times are whole milliseconds, ``percent`` is 0 to 100. ``numbers`` are a cluster's own, for
    statements whose volume hides nothing.
    """

    state: str
    elapsed_ms: int = 0
    queued_ms: int = 0
    percent: int = 0
    rows: int = 0
    data_bytes: int = 0
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def document(self) -> dict[str, Any]:
        """All numbers clients read; none is left out, since some do arithmetic on them."""
        done = self.percent if self.state != "QUEUED" else 0
        document = {
            "state": self.state,
            "queued": self.state == "QUEUED",
            "scheduled": self.state != "QUEUED",
            "progressPercentage": float(done),
            "nodes": 1,
            "totalSplits": 100,
            "queuedSplits": 0,
            "runningSplits": 0,
            "completedSplits": done,
            "planningTimeMillis": 0,
            "analysisTimeMillis": 0,
            "cpuTimeMillis": 0,
            "wallTimeMillis": 0,
            "queuedTimeMillis": self.queued_ms,
            "elapsedTimeMillis": self.elapsed_ms,
            "finishingTimeMillis": 0,
            "physicalInputTimeMillis": 0,
            "processedRows": self.rows,
            "processedBytes": self.data_bytes,
            "physicalInputBytes": 0,
            "physicalWrittenBytes": 0,
            "internalNetworkInputBytes": 0,
            "peakMemoryBytes": 0,
            "spilledBytes": 0,
        }
        known = document.keys() & self.numbers.keys()
        return document | {name: self.numbers[name] for name in known} if known else document


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of one answer; ``columns``, ``data``, ``warnings`` are JSON already."""

    query_id: str
    base: str
    stats: Stats
    warnings: bytes = b"[]"
    next_path: str | None = None
    cancel_path: str | None = None
    columns: bytes | None = None
    data: bytes | memoryview | None = None
    error: bytes | None = None
    update_type: str | None = None
    update_count: int | None = None

    def body(self) -> Sequence[bytes | memoryview]:
        """The page as sent, in pieces: rows are not copied."""
        head, tail = self._around()
        return (head + tail,) if self.data is None else (head + b',"data":', self.data, tail)

    def json(self) -> bytes:
        """The page in one piece."""
        return b"".join(self.body())

    def _around(self) -> tuple[bytes, bytes]:
        """What stands before and after ``data``."""
        info = f"{self.base}/ui/query.html?{self.query_id}"
        parts: list[tuple[str, bytes | None]] = [
            ("id", orjson.dumps(self.query_id)),
            ("infoUri", orjson.dumps(info)),
            ("partialCancelUri", self._uri(self.cancel_path)),
            ("nextUri", self._uri(self.next_path)),
            ("columns", self.columns),
        ]
        rest: list[tuple[str, bytes | None]] = [
            ("stats", orjson.dumps(self.stats.document())),
            ("error", self.error),
            ("warnings", self.warnings),
            ("updateType", orjson.dumps(self.update_type) if self.update_type else None),
            ("updateCount", None if self.update_count is None else b"%d" % self.update_count),
        ]
        return b"{" + _members(parts), b"," + _members(rest) + b"}"

    def _uri(self, path: str | None) -> bytes | None:
        return orjson.dumps(self.base + path) if path else None


def _members(parts: Sequence[tuple[str, bytes | None]]) -> bytes:
    return b",".join(b'"%b":%b' % (key.encode(), value) for key, value in parts if value)


def error_json(error: MeshgateError, text: str = "") -> bytes:
    """An ``error``; its location only where it lies inside the user's text."""
    document: dict[str, Any] = {
        "message": error.message,
        "errorCode": error.code.code,
        "errorName": error.code.name,
        "errorType": error.code.type.value,
    }
    if _inside(text, error.line, error.column):
        document["errorLocation"] = {"lineNumber": error.line, "columnNumber": error.column}
    document["failureInfo"] = {
        "type": "io.trino.spi.TrinoException",
        "message": error.message,
        "suppressed": [],
        "stack": [],
    }
    return _dumps(document)


def warnings_json(warnings: Sequence[Warning_]) -> bytes:
    """The list sent unchanged on every page; one warning per code."""
    distinct = {warning.code: warning for warning in reversed(warnings)}
    ordered = [w for w in warnings if distinct[w.code] is w]
    return _dumps(
        [{"warningCode": {"code": w.code, "name": w.name}, "message": w.message} for w in ordered]
    )


def _dumps(document: object) -> bytes:
    """Serialise texts that may echo a user's lone surrogates."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(_cleaned(document))


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _inside(text: str, line: int | None, column: int | None) -> bool:
    if line is None or column is None or line < 1 or column < 1:
        return False
    lines = text.split("\n")
    return line <= len(lines) and column <= len(lines[line - 1])
