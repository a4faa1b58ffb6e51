"""The data mesh as immutable values: domains, products, tables, columns, token domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from gateway.catalog.connection import Connection
from gateway.datatypes import DataType
from gateway.names import TableName


@dataclass(frozen=True, slots=True)
class Column:
    """One visible-to-policy column of a table."""

    name: str
    type: DataType
    field_id: int
    required: bool = False
    doc: str | None = None
    tags: tuple[str, ...] = ()
    classification: str | None = None
    token_domain: str | None = None
    stored_canonical: bool = False
    hidden: bool = False
    """True for columns that answer by name but are no part of ``*`` (metadata tables alone)."""
    written: str = ""
    """How a view spells the column, which heads ``*``; empty: as ``name``."""


@dataclass(frozen=True, slots=True)
class Product:
    """A published data product (``catalogs/<domain>.yaml``, ``products``)."""

    guid: str
    key: str
    display_name: str
    owner: str
    status: str
    visibility: str
    required_security_group: str
    description: str = ""
    version: str = ""
    created: str = ""
    source_code: str = ""
    approval_purposes: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewText:
    """What a view's file stores of its query.

    ``columns`` are all stored columns in order, also those that no entry declares: names in
    lower case, types None where Trino has none. ``catalog`` and ``schema`` complete the
    names inside, whoever reads; without a ``catalog`` they lie in the view's own.
    """

    sql: str
    schema: str
    columns: tuple[tuple[str, DataType | None], ...]
    catalog: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One governed table; ``metadata_location`` pins its Iceberg schema (None in fixtures).

    A ``view`` is read by its text, never by its name.
    """

    name: TableName
    domain: str
    columns: tuple[Column, ...]
    tags: tuple[str, ...] = ()
    product: str | None = None
    uuid: str = ""
    schema_id: int = 0
    metadata_location: str | None = None
    comment: str | None = None
    kind: str = "table"
    view: ViewText | None = None
    moved: bool = False
    """Whether a column's name meant another field in an older schema."""

    def column(self, name: str) -> Column | None:
        """The column of exactly this (lower-case) name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class TokenVersion:
    """One key version.

    ``state`` is pending, active, accept or retired; ``key`` a secret reference.
    """

    v: int
    state: str
    key: Mapping[str, str]
    not_after: str = ""


@dataclass(frozen=True, slots=True)
class TokenDomain:
    """A family of joinable pseudonyms (construction HT1)."""

    name: str
    code: str
    shape: str
    numeric: str
    canonicalizer: str
    null_values: tuple[str, ...]
    versions: tuple[TokenVersion, ...]
    domain: str = ""
    pushdown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def active(self) -> TokenVersion:
        """The one version new tokens carry."""
        return next(version for version in self.versions if version.state == "active")


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach a domain's people."""

    role: str
    contact: str


@dataclass(frozen=True, slots=True)
class Domain:
    """One owner of tables and policies."""

    name: str
    catalog: str
    owners: tuple[str, ...] = ()
    stewards: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
    schemas: tuple[str, ...] = ()
    products: tuple[Product, ...] = ()
    token_domains: tuple[TokenDomain, ...] = ()

    def product(self, key: str) -> Product | None:
        """The product of this readable key."""
        return next((product for product in self.products if product.key == key), None)

    @property
    def steward_contact(self) -> str:
        """Where to ask: the steward contact, else the first one, else the stewards' names."""
        ranked = sorted(self.contacts, key=lambda contact: contact.role != "steward")
        return ranked[0].contact if ranked else ", ".join(self.stewards)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a catalog file."""

    file: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.message}"


@dataclass(frozen=True)
class CatalogSnapshot:
    """Everything known of the mesh at one moment. Immutable; a query keeps it for life."""

    version: str
    domains: Mapping[str, Domain]
    tables: Mapping[TableName, Table]
    problems: tuple[Problem, ...] = ()
    connections: Mapping[str, Connection] = field(default_factory=lambda: MappingProxyType({}))
    """How each Iceberg catalog is reached, by name; empty in fixtures."""

    @cached_property
    def token_domains(self) -> Mapping[str, TokenDomain]:
        """All token domains of the mesh by name."""
        found = {t.name: t for d in self.domains.values() for t in d.token_domains}
        return MappingProxyType(found)

    def product_of(self, table: Table) -> Product | None:
        """The product that publishes this table."""
        return self.domains[table.domain].product(table.product) if table.product else None
