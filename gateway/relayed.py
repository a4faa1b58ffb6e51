"""A statement that runs on a cluster, as the gateway sees it: handle, settings, pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.errors import MeshgateError
from gateway.results import Warning_


def _none() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Handle:
    """Where a statement stands on a cluster: serialisable, and names no host.

    ``cluster`` is the operator's alias; ``phase``, ``slug`` and ``token`` are the parts of the
    upstream address of the page to ask for next; ``attempt`` counts submissions from 1.
    ``stage`` is the leaf stage a partial cancel would stop, -1 while there is none.
    """

    cluster: str
    upstream_id: str
    phase: str
    slug: str
    token: int
    attempt: int = 1
    stage: int = -1


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What of a client's session reaches the cluster; everything else is dropped.

    ``user`` is the person under their bare name. ``properties`` are Trino's own session
    properties, already checked and capped; ``trace_token`` names the decision; the
    engine adds the attempt.
    """

    user: str
    trace_token: str
    source: str = ""
    client_tags: tuple[str, ...] = ()
    time_zone: str = "UTC"
    language: str = "en-US"
    capabilities: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class Progress:
    """Trino's statistics of a statement, as far as a client may ever see them."""

    state: str
    queued: bool = False
    scheduled: bool = False
    elapsed_ms: int = 0
    queued_ms: int = 0
    percent: int = 0
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Every other number of ``stats``: shown for unrestricted statements alone."""


@dataclass(frozen=True, slots=True)
class RelayedPage:
    """One page of a cluster. ``columns`` and ``data`` are Trino's bytes, untouched.

    ``data`` is None where the page has no rows; ``rows`` counts those of ``data``. ``next`` is
    None on the last page. ``error`` is already redacted (design: sql.md §9).
    """

    progress: Progress
    columns: bytes | None = None
    data: bytes | memoryview | None = None
    rows: int = 0
    next: Handle | None = None
    error: MeshgateError | None = None
    warnings: tuple[Warning_, ...] = ()
    update_type: str | None = None
    update_count: int | None = None

    def then(self, after: RelayedPage) -> RelayedPage:
        """Both pages as one, ``after`` being the next; no more than one of them has rows."""
        if self.data is not None and after.data is not None:
            raise ValueError("two pages with rows are not one")
        return replace(
            after,
            columns=after.columns or self.columns,
            data=self.data if after.data is None else after.data,
            rows=self.rows + after.rows,
            update_type=after.update_type or self.update_type,
            update_count=self.update_count if after.update_count is None else after.update_count,
        )
