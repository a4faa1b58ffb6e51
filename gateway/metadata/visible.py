"""All that one principal may see: the one source of every listing.

Listed ⇔ selectable: a table is here exactly if a query of it would be allowed and at least
one of its columns can be read, and its columns here are those of ``SELECT *``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from gateway.catalog.model import CatalogSnapshot, Column, Table
from gateway.metadata.shapes import INFORMATION_SCHEMA, SYSTEM, metadata_schemas
from gateway.names import TableName
from gateway.policy.model import TableDecision

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class VisibleTable:
    """One listed table with the columns that can be read, in schema order."""

    table: Table
    decision: TableDecision
    columns: tuple[Column, ...]

    @property
    def name(self) -> TableName:
        """The table's full name."""
        return self.table.name

    @property
    def is_view(self) -> bool:
        """True for views, which metadata lists under another type."""
        return self.table.kind == "view"


class VisibleCatalog:
    """The catalogs, schemas, tables and columns a principal may select from. Immutable.

    ``unavailable`` maps each (catalog, schema) of a domain whose policy failed for a holder
    of a grant there to that domain; its tables are not listed.
    """

    def __init__(
        self,
        tables: Iterable[VisibleTable],
        unavailable: Mapping[tuple[str, str], str] = MappingProxyType({}),
    ) -> None:
        ordered = sorted(tables, key=lambda visible: visible.name)
        self.tables: Mapping[TableName, VisibleTable] = MappingProxyType(
            {visible.name: visible for visible in ordered}
        )
        self.unavailable = MappingProxyType(dict(unavailable))
        self._schemas = _schemas(self.tables)
        self._built: dict[object, object] = {}

    @classmethod
    def build(
        cls, decisions: Mapping[TableName, TableDecision], snapshot: CatalogSnapshot
    ) -> VisibleCatalog:
        """Keep what the decisions allow; a table nobody decided about stays hidden."""
        found = []
        unavailable: dict[tuple[str, str], str] = {}
        for name, decision in decisions.items():
            table = snapshot.tables.get(name)
            if table is None:
                continue
            if decision.unavailable:
                owned = {(name.catalog, name.schema), *_owned(table.domain, snapshot)}
                unavailable.update(dict.fromkeys(owned, table.domain))
            elif decision.effect == "allow" and decision.readable:
                found.append(VisibleTable(table, decision, _readable(table, decision)))
        return cls(found, unavailable)

    @property
    def unavailable_domains(self) -> frozenset[str]:
        """The domains whose policy failed for this principal."""
        return frozenset(self.unavailable.values())

    @property
    def catalogs(self) -> tuple[str, ...]:
        """Catalog names, sorted; ``system`` always among them."""
        return tuple(self._schemas)

    def schemas(self, catalog: str) -> tuple[str, ...]:
        """The schema names of a catalog, sorted; none for a catalog that is not visible."""
        return self._schemas.get(catalog, ())

    def has_schema(self, catalog: str, schema: str) -> bool:
        """Whether this schema can be named."""
        return schema in self.schemas(catalog)

    @property
    def schema_names(self) -> frozenset[tuple[str, str]]:
        """Every visible (catalog, schema)."""
        return frozenset((c, schema) for c, schemas in self._schemas.items() for schema in schemas)

    def table(self, name: TableName) -> VisibleTable | None:
        """One listed table of data, or None."""
        return self.tables.get(name)

    def once(self, key: object, build: Callable[[], _T]) -> _T:
        """Return the answer built before under this key, or build and keep it."""
        if key not in self._built:
            self._built[key] = build()
        return self._built[key]  # type: ignore[return-value]


def _owned(domain: str, snapshot: CatalogSnapshot) -> set[tuple[str, str]]:
    owner = snapshot.domains[domain]
    return {(owner.catalog, schema) for schema in owner.schemas}


def _readable(table: Table, decision: TableDecision) -> tuple[Column, ...]:
    wanted = {column.name for column in decision.readable}
    return tuple(c for c in table.columns if c.name in wanted and not c.hidden)


def _schemas(tables: Mapping[TableName, VisibleTable]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {SYSTEM: set(metadata_schemas(SYSTEM))}
    for name in tables:
        found.setdefault(name.catalog, {INFORMATION_SCHEMA}).add(name.schema)
    return {catalog: tuple(sorted(found[catalog])) for catalog in sorted(found)}
