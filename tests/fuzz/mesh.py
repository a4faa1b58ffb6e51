"""The mesh of the fuzz: the tables of all fixture worlds, restricted in every way."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType

from gateway.catalog.model import Column, Table, TokenDomain
from gateway.names import TableName
from gateway.policy.model import (
    ColumnDecision,
    CompoundCondition,
    Condition,
    Decision,
    FieldCondition,
    Mask,
    TableDecision,
)
from gateway.sql.model import Statement
from tests.golden.outcomes import mesh

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SALT = "00ff" * 8
_WORLDS = ("shop", "drawn", "tpch", "types", "mesh", "corpora")
_NULLED = Mask("replace-with-null")


@cache
def tables() -> Mapping[TableName, Table]:
    """All tables by name."""
    found: dict[TableName, Table] = {}
    for world in _WORLDS:
        found |= mesh(world).snapshot.tables
    return MappingProxyType(found)


@cache
def token_domains() -> Mapping[str, TokenDomain]:
    """All token domains by name."""
    found: dict[str, TokenDomain] = {}
    for world in _WORLDS:
        found |= mesh(world).snapshot.token_domains
    return MappingProxyType(found)


def decision(statement: Statement) -> Decision | None:
    """What the fuzz's one person may see; None if a table is not there."""
    names = dict.fromkeys(ref.name for ref in statement.tables)
    if not all(name in tables() for name in names):
        return None
    decided = {name: _decided(name) for name in names}
    return Decision("d", "f", "fuzz", {}, datetime.max.replace(tzinfo=UTC), "allow", decided)


@cache
def _decided(name: TableName) -> TableDecision:
    table = tables()[name]
    columns = tuple(_column(table, column) for column in table.columns)
    return TableDecision(name, "allow", columns, _filter(table))


def _drawn(*parts: str) -> int:
    return zlib.crc32(".".join(parts).encode())


def _column(table: Table, column: Column) -> ColumnDecision:
    drawn = _drawn(str(table.name), column.name) % 24
    if drawn == 0 and len(table.columns) > 1:
        return ColumnDecision(column.name, "deny")
    if drawn in {1, 2, 3, 4}:
        return ColumnDecision(column.name, "mask", _NULLED)
    return ColumnDecision(column.name, "allow")


def _filter(table: Table) -> Condition | None:
    """None, a plain domain, or one that needs the barrier."""
    drawn = _drawn(str(table.name)) % 3
    first, last = table.columns[0].name, table.columns[-1].name
    text = next((c.name for c in table.columns if c.type.base == "varchar"), None)
    if drawn == 0:
        return None
    if text and drawn == 1:
        return FieldCondition("in", text, ("EU", "it's"))
    present = tuple(FieldCondition("is_null", name, value=False) for name in (first, last))
    return CompoundCondition("or", present) if first != last else present[0]
