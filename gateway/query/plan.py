"""What a statement became once everything about it is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

from gateway.catalog.model import CatalogSnapshot
from gateway.names import TableName
from gateway.policy.model import Decision
from gateway.results import Answer, ResultColumn, Warning_
from gateway.sql.model import GovernedQuery, Statement


def _none() -> Mapping[TableName, pa.Table]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Purpose:
    """The declared use and how it was found: stated, default, inferred or unspecified."""

    name: str = "unspecified"
    origin: str = "unspecified"

    @property
    def assumed(self) -> bool:
        """True where the client did not state it."""
        return self.origin in {"default", "inferred"}


@dataclass(frozen=True, slots=True)
class Timings:
    """Microseconds spent before the first row."""

    parse_us: int = 0
    decide_us: int = 0
    rewrite_us: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One admitted statement: exactly one of ``governed``, ``answer``, ``command`` is set.

    ``text`` is the statement that runs, the prepared one where it came by name.

    ``governed`` runs on an engine (with ``sources`` for metadata tables), ``answer`` is
    ready, ``command`` changes the client's session and is the protocol's to answer.
    """

    statement: Statement
    snapshot: CatalogSnapshot
    purpose: Purpose
    governed: GovernedQuery | None = None
    answer: Answer | None = None
    command: Statement | None = None
    decision: Decision | None = None
    sources: Mapping[TableName, pa.Table] = field(default_factory=_none)
    warnings: tuple[Warning_, ...] = ()
    text: str = ""
    timings: Timings = field(default_factory=Timings)

    @property
    def columns(self) -> tuple[ResultColumn, ...]:
        """Headings and types of the rows to come; empty for commands."""
        if self.answer is not None:
            return self.answer.columns
        if self.governed is None:
            return ()
        return tuple(ResultColumn(o.name, o.type) for o in self.governed.outputs if o.type)

    @property
    def outcome(self) -> str:
        """``governed`` where data is read, else ``answered``."""
        reads_data = self.governed is not None and not self.sources
        return "governed" if reads_data and self.answer is None else "answered"

    @property
    def relayed(self) -> bool:
        """True where a cluster runs it, not this gateway's own engine."""
        governed = self.governed
        return governed is not None and governed.engine == "trino" and self.outcome == "governed"

    @property
    def restricted(self) -> bool:
        """True if statistics could tell of hidden rows."""
        return self.governed is not None and self.governed.restricted
