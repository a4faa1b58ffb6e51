"""What every engine offers: run governed text, stream the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from gateway.catalog.model import CatalogSnapshot
from gateway.names import TableName
from gateway.results import ResultStream
from gateway.sql.model import GovernedQuery


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Limits and session values of one run.

    ``deadline_seconds`` counts from ``run`` to the last batch, waiting included.
    ``max_rows`` and ``max_bytes`` (Arrow bytes) end the query with an error, never
    with a shorter answer. ``time_zone`` is an IANA name or ``±HH:MM``.
    """

    query_id: str = ""
    deadline_seconds: float = 600.0
    max_rows: int | None = None
    max_bytes: int | None = None
    time_zone: str = "UTC"
    batch_rows: int = 10_000


class Engine(Protocol):
    """Runs governed queries. Nothing else may reach an engine."""

    async def run(
        self,
        governed: GovernedQuery,
        snapshot: CatalogSnapshot,
        options: RunOptions,
        sources: Mapping[TableName, pa.Table],
    ) -> ResultStream:
        """Start a query and return its stream once a worker has it.

        ``sources`` are in-memory tables by name; every other scan reads Iceberg.

        Raises:
            MeshgateError: ``QUERY_QUEUE_FULL``, ``TOKEN_KEY_UNAVAILABLE``,
                ``EXCEEDED_TIME_LIMIT``; later failures surface from the stream.

        """
        ...
