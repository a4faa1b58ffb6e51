"""Metadata tables as rows made for one principal: information_schema, system.*.

They run through the same SQL pipeline as data: ``table`` for binding, ``decision`` allows
everything in it, ``rows`` are what the engine reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from gateway.catalog.model import Table
from gateway.metadata import rows
from gateway.metadata.facts import OwnQuery, SessionFacts
from gateway.metadata.shapes import is_metadata, metadata_names, metadata_table
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, TableDecision

__all__ = ["MetadataTable", "OwnQuery", "SessionFacts", "is_metadata", "metadata_tables"]

_OF_THE_SESSION = frozenset([("runtime", "queries"), ("runtime", "nodes")])


@dataclass(frozen=True, slots=True)
class MetadataTable:
    """One metadata table; its rows are built when first read and kept with the catalog."""

    table: Table
    decision: TableDecision
    visible: VisibleCatalog
    facts: SessionFacts

    @property
    def rows(self) -> pa.Table:
        """The rows, one Arrow column per column of ``table``, hidden ones included."""
        name = self.table.name
        if (name.schema, name.table) in _OF_THE_SESSION:
            return rows.build(self.table, self.visible, self.facts)
        return self.visible.once(name, lambda: rows.build(self.table, self.visible, self.facts))


class _Tables(Mapping[TableName, MetadataTable]):
    """Every metadata table of the visible catalogs, made on demand."""

    def __init__(self, visible: VisibleCatalog, facts: SessionFacts) -> None:
        self._visible = visible
        self._facts = facts

    def __getitem__(self, name: TableName) -> MetadataTable:
        table = metadata_table(name) if name.catalog in self._visible.catalogs else None
        if table is None:
            raise KeyError(name)
        return MetadataTable(table, _allow_all(name), self._visible, self._facts)

    def __iter__(self) -> Iterator[TableName]:
        for catalog in self._visible.catalogs:
            yield from metadata_names(catalog)

    def __len__(self) -> int:
        return sum(len(metadata_names(catalog)) for catalog in self._visible.catalogs)


def metadata_tables(
    visible: VisibleCatalog, facts: SessionFacts
) -> Mapping[TableName, MetadataTable]:
    """Return every metadata table this principal can name. Cheap: rows are built on reading."""
    return _Tables(visible, facts)


@cache
def _allow_all(name: TableName) -> TableDecision:
    table = metadata_table(name)
    columns = table.columns if table else ()
    return TableDecision(name, "allow", tuple(ColumnDecision(c.name, "allow") for c in columns))
