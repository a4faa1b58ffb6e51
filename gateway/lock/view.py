"""What one direct login may read, decided once for the whole catalog."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from gateway.catalog.model import CatalogSnapshot, Table, TokenDomain
from gateway.lock.wire import DoubtError
from gateway.names import TableName
from gateway.policy.model import KEYED_MASKS, TableDecision
from gateway.sql.native import Native, native, natively

Written = MutableMapping[Hashable, Native]
"""Native forms that were checked once, by table and all they were made from."""

_METADATA = "metadata"


@dataclass(frozen=True)
class DirectTable:
    """One table as a direct login sees it; ``decided`` already is in native form."""

    table: Table
    decided: TableDecision
    snapshot: CatalogSnapshot = field(repr=False)
    written: Written = field(repr=False)

    @cached_property
    def allowed(self) -> bool:
        """Whether it may be read at all. Views never: whose rights they use is not known here."""
        decided = self.decided
        free = decided.effect == "allow" and not decided.obligations
        return free and self.table.kind == "table" and bool(decided.readable)

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Readable columns with their types as Trino prints them."""
        if not self.allowed:
            return {}
        types = {column.name: column.type.compact() for column in self.table.columns}
        return {column.name: types[column.name] for column in self.decided.readable}

    @cached_property
    def masked(self) -> frozenset[str]:
        """Columns that are read masked."""
        return frozenset(c.name for c in self.decided.columns if c.effect == "mask")

    @property
    def filtered(self) -> bool:
        """Whether rows are left out."""
        return self.decided.row_filter is not None

    @cached_property
    def metadata(self) -> bool:
        """Whether files, snapshots and paths may be read: the right, and nothing held back."""
        return self.allowed and _METADATA in self.decided.rights and not self.decided.restricted

    @cached_property
    def native(self) -> Native:
        """What Trino adds to every read; raises DoubtError if that cannot be written."""
        key = (self.table.name, self.truth)
        found = self.written.get(key)
        if found is None:
            try:
                found = native(self.decided, self.table, self.snapshot.token_domains)
            except ValueError as error:
                raise DoubtError(str(error)) from None
            self.written[key] = found
        return found

    @cached_property
    def keyed(self) -> tuple[tuple[str, int], ...]:
        """The key of every mask that needs one: token domain and version."""
        domains = self.snapshot.token_domains
        masks = {c.name: c.mask.kind for c in self.decided.columns if c.mask is not None}
        named = {c.token_domain for c in self.table.columns if masks.get(c.name) in KEYED_MASKS}
        return tuple((name, domains[name].active.v) for name in sorted(domains) if name in named)

    @cached_property
    def truth(self) -> Hashable:
        """All that answers about it depend on, to be compared within a window."""
        decided = self.decided
        domains = self.snapshot.token_domains
        named = {c.token_domain for c in self.table.columns if c.name in self.masked}
        return (
            self.allowed,
            decided.unavailable,
            decided.row_filter,
            self.metadata,
            tuple((c.name, c.effect, c.mask) for c in decided.columns),
            tuple((c.name, c.type) for c in self.table.columns),
            tuple(_shape(domains[name]) for name in sorted(domains) if name in named),
        )


def _shape(domain: TokenDomain) -> Hashable:
    """All of a token domain that its masks are made from; keys themselves are in no text."""
    made = (domain.name, domain.code, domain.shape, domain.numeric, domain.canonicalizer)
    return (*made, domain.null_values, domain.active.v)


class DirectView:
    """The catalog of one direct login at one moment."""

    def __init__(
        self,
        decisions: Mapping[TableName, TableDecision],
        snapshot: CatalogSnapshot,
        key: Hashable,
        expires: datetime,
        written: Written,
    ) -> None:
        self.key = key
        self.expires = expires
        self.tables = {
            name: DirectTable(
                table, natively(decided, table, snapshot.token_domains), snapshot, written
            )
            for name, decided in decisions.items()
            if (table := snapshot.tables.get(name)) is not None
        }
        seen = [name for name, table in self.tables.items() if table.allowed]
        self.catalogs = frozenset(name.catalog for name in seen)
        self.schemas = frozenset((name.catalog, name.schema) for name in seen)

    def table(self, name: TableName) -> DirectTable | None:
        """One table, readable or not; None where the catalog has none."""
        return self.tables.get(name)
