"""What one domain file says, checked on its own, before Iceberg and the other files are asked."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.catalog.connection import Connection
from gateway.catalog.model import Domain, Problem
from gateway.catalog.nodes import Node
from gateway.names import TableName


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column's entry: what the file adds to Iceberg's field."""

    name: str
    mark: Node
    field_id: int | None = None
    tags: tuple[str, ...] = ()
    classification: str | None = None
    token_domain: str | None = None
    token_mark: Node | None = None
    stored_canonical: bool = False


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table's entry."""

    name: TableName
    mark: Node
    tags: tuple[str, ...]
    expose: bool
    columns: tuple[ColumnSpec, ...]
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Something only one file may hold: a product's guid or key, a schema, a token domain."""

    code: str
    name: str
    mark: Node


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """One readable domain file. ``problems`` empty: valid on its own."""

    file: str
    digest: str
    domain: Domain | None
    connection: Connection | None
    connection_mark: Node | None
    tables: tuple[TableSpec, ...]
    claims: tuple[Claim, ...]
    column_checks: tuple[tuple[TableName, str, Node], ...]
    problems: tuple[Problem, ...]
