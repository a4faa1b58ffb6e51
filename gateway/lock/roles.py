"""Answers about everybody else: people through the gateway, the key reader, the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.identity.directory import reserved
from gateway.lock.names import INFORMATION_SCHEMA, JDBC, SESSION_PROPERTIES, SYSTEM, is_listing
from gateway.lock.wire import Ask
from gateway.names import TableName
from gateway.sql.native import any_of
from gateway.state.active import ActiveDecision

_KEY_COLUMNS = frozenset({"id", "k"})
_SELF_TEST_COLUMNS = frozenset({"id", "k", "fp"})
_RUNTIME = "runtime"


class Nobody:
    """A name that may nothing."""

    def allow(self, _: Ask) -> bool:
        """Deny."""
        return False

    def batch(self, _: Ask) -> list[int]:
        """Show nothing."""
        return []

    def readable(self, _: TableName) -> bool:
        """Whether the table may be read as it is, without filters and masks."""
        return False


@dataclass(frozen=True, slots=True)
class Bare(Nobody):
    """A bare name: through the gateway, which has filtered and masked already.

    It reads what one of its active decisions reads, under that decision's row filter again:
    filters hold twice as they hold once, masks would not. A bare name also arrives as owner of a
    view, by ``CreateViewWith…``, which nobody is allowed.
    """

    active: tuple[ActiveDecision, ...]
    key_table: TableName

    def allow(self, ask: Ask) -> bool:
        """Authorise what an active decision covers."""
        match ask.operation:
            case "ExecuteQuery":
                return bool(self.active)
            case "SetSystemSessionProperty":
                return bool(self.active) and ask.property() in SESSION_PROPERTIES
            case "AccessCatalog":
                catalog = ask.catalog()
                return any(catalog == name.catalog for name in self._tables())
            case "SelectFromColumns":
                name, columns = ask.table(), ask.columns()
                return any(self._covers(one, name, columns) for one in self.active)
        return False

    def readable(self, name: TableName) -> bool:
        """Whether some active decision reads it."""
        return name in self._tables()

    def row_filters(self, ask: Ask) -> list[dict[str, str]] | bool:
        """Answer the filter of the decision that reads the table, once more below the text's own.

        Statements of one name cannot be told apart: of two that filter differently, a row passes
        that either may read. One without a filter leaves the text's own alone.
        """
        name = ask.table()
        if name == self.key_table:
            return [] if self.readable(name) else False
        found = [one.filters.get(name) for one in self.active if name in one.reads]
        if not found:
            return False
        texts = frozenset(text for text in found if text is not None)
        return [{"expression": any_of(texts)}] if None not in found else []

    def _covers(self, one: ActiveDecision, name: TableName, columns: frozenset[str]) -> bool:
        """Whether one statement alone reads all of these: columns are not added up."""
        reads = _reads(one, self.key_table).get(name)
        return reads is not None and columns <= reads

    def _tables(self) -> frozenset[TableName]:
        return frozenset(name for one in self.active for name in _reads(one, self.key_table))


def _reads(one: ActiveDecision, key_table: TableName) -> Mapping[TableName, frozenset[str]]:
    return {**one.reads, key_table: _KEY_COLUMNS} if one.keyed else one.reads


@dataclass(frozen=True, slots=True)
class KeyReader(Nobody):
    """The identity of native expressions: reads keys and what filters and masks stand on."""

    tables: Mapping[TableName, object]
    key_table: TableName

    def allow(self, ask: Ask) -> bool:
        """Allow reading of the key table and of governed tables, and nothing else."""
        match ask.operation:
            case "AccessCatalog":
                catalog = ask.catalog()
                return catalog == self.key_table.catalog or any(
                    name.catalog == catalog for name in self.tables
                )
            case "SelectFromColumns":
                name = ask.table()
                if name == self.key_table:
                    return ask.columns() <= _KEY_COLUMNS
                return name in self.tables
        return False

    def readable(self, name: TableName) -> bool:
        """Key and governed tables, raw."""
        return name == self.key_table or name in self.tables


@dataclass(frozen=True, slots=True)
class Service(Nobody):
    """The gateway itself: acts for people, lists, watches, and tests the keys."""

    key_table: TableName

    def allow(self, ask: Ask) -> bool:  # noqa: PLR0911 - a table of operations
        """Allow its few operations; it reads no data but the keys."""
        match ask.operation:
            case "ImpersonateUser":
                return not reserved(ask.named_user())
            case "ExecuteQuery" | "AccessCatalog" | "ShowSchemas" | "ShowTables" | "ShowColumns":
                return True
            case "ViewQueryOwnedBy" | "KillQueryOwnedBy":
                return True
            case "SetSystemSessionProperty":
                return ask.property() in SESSION_PROPERTIES
            case "SelectFromColumns":
                name = ask.table()
                if name == self.key_table:
                    return ask.columns() <= _SELF_TEST_COLUMNS
                return self.readable(name)
        return False

    def batch(self, ask: Ask) -> list[int]:
        """List everything: names, never data."""
        listings = {"FilterCatalogs", "FilterSchemas", "FilterTables", "FilterColumns"}
        if ask.operation == "FilterColumns":
            return list(range(sum(len(i.table.columns or ()) for i in ask.listed if i.table)))
        if ask.operation in listings | {"FilterViewQueryOwnedBy"}:
            return list(range(len(ask.listed)))
        return []

    def readable(self, name: TableName) -> bool:
        """The key table, listings, and what the cluster says of itself."""
        running = name.catalog == SYSTEM and name.schema == _RUNTIME
        return name == self.key_table or is_listing(name) or running


__all__ = ["INFORMATION_SCHEMA", "JDBC", "Bare", "KeyReader", "Nobody", "Service"]
