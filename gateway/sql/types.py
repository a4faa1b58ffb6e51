"""Trino's types of a resolved query, by the same rules that write it for DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.names import quote
from gateway.sql.duckdb_assembly import write
from gateway.sql.model import ResolvedQuery


@dataclass(frozen=True, slots=True)
class Types:
    """The type of every expression of one tree."""

    outputs: tuple[DataType, ...]
    by_node: Mapping[int, DataType]

    def of(self, node: exp.Expression) -> DataType:
        """The type of one node of the annotated tree; KeyError for what is no expression."""
        return self.by_node[id(node)]


def annotate(resolved: ResolvedQuery) -> Types:
    """Type a query; raises Trino's type errors, and NOT_SUPPORTED for what is not proven."""
    query, types = write(resolved, lambda scan: quote(scan.alias))
    return Types(tuple(kind for _, kind in query.columns), types)
