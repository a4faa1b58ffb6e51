"""Dated permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.names import TableName


@dataclass(frozen=True, slots=True)
class TableScope:
    """What a grant leaves of a table: columns (None = all), a UCAST condition, masks by column."""

    columns: tuple[str, ...] | None = None
    rows: Mapping[str, Any] | None = None
    masks: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One approved, dated, purposeful permission on one data product.

    ``grantee`` is ``user:<id>`` or ``group:<name>``; ``scope`` None means the whole product,
    else tables not named in it are not granted. ``kind`` is data_access, or
    masking_exception: then ``waives`` names the mask rules it lifts on the scope's
    columns and ``approved_as`` (steward, platform) says with whose authority.
    """

    id: str
    kind: str
    grantee: str
    product: str
    purpose: str
    valid_from: datetime
    valid_until: datetime
    approved_at: datetime
    approved_by: str = ""
    reason: str = ""
    scope: Mapping[TableName, TableScope] | None = None
    waives: tuple[str, ...] = ()
    approved_as: str = "steward"
