"""What policies are asked and what they decide. Holds no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal
from gateway.names import TableName

Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """``column operator value``.

    Operators: eq ne lt lte gt gte in nin startswith endswith contains is_null.
    """

    operator: str
    field: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class CompoundCondition:
    """``and``, ``or`` of one or more parts, ``not`` of exactly one."""

    operator: str
    parts: tuple[Condition, ...]


Condition = FieldCondition | CompoundCondition


KEYED_MASKS = frozenset({"token", "keyed-hash"})
"""The kinds of mask that need the key of a token domain."""


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask of the closed vocabulary; ``params`` sorted by name."""

    kind: str
    params: tuple[tuple[str, Scalar], ...] = ()

    def param(self, name: str) -> Scalar:
        """A parameter's value; KeyError if the kind has none of that name."""
        return dict(self.params)[name]

    @property
    def keyed(self) -> bool:
        """Whether its values are made with the key of the column's token domain."""
        return self.kind in KEYED_MASKS


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one element of a decision is as it is. ``rule`` is e.g. ``domains.claims/region``."""

    rule: str
    on: str
    message: str
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class Obligation:
    """A condition on use: min_group_size, max_rows, require_filter, audit, notice."""

    kind: str
    params: tuple[tuple[str, Any], ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnDecision:
    """``effect`` is allow, mask or deny; ``rules`` are all that led there."""

    name: str
    effect: str
    mask: Mask | None = None
    rules: tuple[str, ...] = ()
    discoverable: bool = False


@dataclass(frozen=True, slots=True)
class TableDecision:
    """Dense: one entry for every column of the table, in schema order."""

    table: TableName
    effect: str
    columns: tuple[ColumnDecision, ...]
    row_filter: Condition | None = None
    grant: str | None = None
    rights: frozenset[str] = frozenset()
    discoverable: bool = False
    obligations: tuple[Obligation, ...] = ()
    reasons: tuple[Reason, ...] = ()
    unavailable: bool = False
    """True after a policy failure, for holders of a grant in that domain."""

    def column(self, name: str) -> ColumnDecision | None:
        """The decision about one column by exact name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def readable(self) -> tuple[ColumnDecision, ...]:
        """Columns that may be selected, masked or not."""
        return tuple(c for c in self.columns if c.effect in {"allow", "mask"})

    @property
    def restricted(self) -> bool:
        """Filtered, masked, or with hidden columns."""
        return self.row_filter is not None or any(c.effect != "allow" for c in self.columns)


@dataclass(frozen=True, slots=True)
class Decision:
    """The merged answer for all tables of one query."""

    decision_id: str
    fingerprint: str
    engine: str
    revisions: Mapping[str, str]
    expires_at: datetime
    effect: str
    tables: Mapping[TableName, TableDecision]
    obligations: tuple[Obligation, ...] = ()
    reasons: tuple[Reason, ...] = ()
    input_sha256: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """One question about all tables of a query. Policies have no clock: ``now`` is given."""

    principal: Principal
    purpose: str
    tables: tuple[Table, ...]
    snapshot: CatalogSnapshot
    grants: tuple[Grant, ...]
    now: datetime
    channel: str = "gateway"
    grant_choice: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
