"""What a governed statement makes the engine read: told to the second lock before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.names import TableName
from gateway.sql.conditions import columns_of
from gateway.sql.model import GovernedQuery, Scan
from gateway.sql.native import native_filter


def reads_of(governed: GovernedQuery) -> Mapping[TableName, frozenset[str]]:
    """Every column the governed text names, by table: those it uses and those filters test.

    A mask reads the column it masks and no other. A table may come with no column at all.
    Views are not named there: their queries are.
    """
    found: dict[TableName, set[str]] = {}
    for scan in _named(governed):
        columns = found.setdefault(scan.table.name, set())
        columns.update(scan.used)
        if scan.decision.row_filter is not None:
            columns.update(columns_of(scan.decision.row_filter))
    return MappingProxyType({name: frozenset(columns) for name, columns in found.items()})


def filters_of(governed: GovernedQuery) -> Mapping[TableName, str]:
    """The row filter of each table that has one, in the words of Trino's own row filters."""
    found: dict[TableName, str] = {}
    for scan in _named(governed):
        text = native_filter(scan.decision, scan.table)
        if text is not None:
            found[scan.table.name] = text
    return MappingProxyType(found)


def _named(governed: GovernedQuery) -> list[Scan]:
    return [scan for scan in governed.scans if scan.table.view is None]


def keyed(governed: GovernedQuery) -> bool:
    """Whether a mask of the governed text reads the key table."""
    return any(_keyed(scan) for scan in governed.scans)


def _keyed(scan: Scan) -> bool:
    decided = (scan.decision.column(name) for name in scan.used)
    return any(c is not None and c.mask is not None and c.mask.keyed for c in decided)
