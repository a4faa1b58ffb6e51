"""Answers about direct logins: native filters and masks from the same decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.lock.identities import KEY_READER
from gateway.lock.names import (
    INFORMATION_SCHEMA,
    JDBC,
    SESSION_PROPERTIES,
    SYSTEM,
    about,
    is_listing,
)
from gateway.lock.pins import Pin, Pins
from gateway.lock.view import DirectTable, DirectView
from gateway.lock.wire import (
    Ask,
    AskedColumn,
    DoubtError,
    catalog_of,
    columns_of,
    schema_of,
    table_of,
)
from gateway.names import TableName

_REFUSED = False
"""Where Trino wants a list, anything else is an error: the statement fails."""


@dataclass(frozen=True, slots=True)
class Direct:
    """One direct login, its view of now, and what it was told before."""

    identity: str
    view: DirectView
    pins: Pins
    refused: Callable[[str, int], str | None]
    """Why a token domain's key version is not served on the cluster; None if it is."""

    # -- yes or no --------------------------------------------------------------------------

    def allow(self, ask: Ask) -> bool:  # noqa: PLR0911 - a table of operations
        """Answer one question of the address for single questions."""
        match ask.operation:
            case "ExecuteQuery":
                return True
            case "SetSystemSessionProperty":
                return ask.property() in SESSION_PROPERTIES
            case "AccessCatalog":
                return self._access(ask.catalog())
            case "ShowSchemas":
                return self._catalog(ask.catalog())
            case "ShowTables":
                return self._schema(*ask.schema())
            case "ShowColumns":
                return self._listed(ask.table())
            case "SelectFromColumns":
                return self._select(ask.table(), ask.columns())
        return False

    def _access(self, catalog: str) -> bool:
        """Pinned too: a mask is dropped where this fails for a moment."""
        found = self._catalog(catalog)
        self.pins.hold(self.identity, catalog, found)
        return found

    def _catalog(self, catalog: str) -> bool:
        return catalog == SYSTEM or catalog in self.view.catalogs

    def _schema(self, catalog: str, schema: str) -> bool:
        if catalog == SYSTEM:
            return schema in {INFORMATION_SCHEMA, JDBC}
        if schema == INFORMATION_SCHEMA:
            return catalog in self.view.catalogs
        return (catalog, schema) in self.view.schemas

    def _listed(self, name: TableName) -> bool:
        if is_listing(name):
            return self._catalog(name.catalog)
        base = about(name)
        found = self.view.table(base or name)
        return found is not None and (found.metadata if base else found.allowed)

    def _select(self, name: TableName, columns: frozenset[str]) -> bool:
        if is_listing(name):
            return self._catalog(name.catalog)
        base = about(name)
        table, pin = self._held(base or name)
        if table is None or not table.allowed:
            return False
        if base is not None:
            return table.metadata
        hidden = {name for name in columns if name.startswith("$")}
        if not columns <= table.columns.keys() | hidden or (hidden and not table.metadata):
            return False
        self._proven(table, pin, columns)
        return True

    def _proven(self, table: DirectTable, pin: Pin, columns: frozenset[str]) -> None:
        """Raise DoubtError where Trino did not ask for what restricts the table."""
        now, seconds = self.pins.clock(), self.pins.seconds
        if table.masked:
            pin.check_masks(now, seconds)
        if table.filtered:
            pin.check_filters(columns, now, seconds)

    def _held(self, name: TableName) -> tuple[DirectTable | None, Pin]:
        table = self.view.table(name)
        if table is not None and table.decided.unavailable:
            raise DoubtError("the table's policy failed")
        return table, self.pins.hold(self.identity, name, table and table.truth)

    # -- lists --------------------------------------------------------------------------------

    def batch(self, ask: Ask) -> list[int]:
        """Answer which of the listed resources may be seen, by index."""
        match ask.operation:
            case "FilterCatalogs":
                return _kept(ask, lambda item: self._catalog(catalog_of(item)))
            case "FilterSchemas":
                return _kept(ask, lambda item: self._schema(*schema_of(item)))
            case "FilterTables":
                return _kept(ask, lambda item: self._listed(table_of(item)))
            case "FilterColumns":
                return self._columns(ask)
        return []

    def _columns(self, ask: Ask) -> list[int]:
        if len(ask.listed) != 1:
            raise DoubtError("columns of one table are listed at a time")
        (item,) = ask.listed
        name, columns = table_of(item), columns_of(item)
        if not self._listed(name):
            return []
        found = self.view.table(name)
        if found is None:
            return list(range(len(columns)))
        return [at for at, column in enumerate(columns) if column in found.columns]

    # -- filters and masks ----------------------------------------------------------------------

    def row_filters(self, ask: Ask) -> list[dict[str, str]] | bool:
        """The native row filter of a table, or a refusal that is no list."""
        name = ask.table()
        if is_listing(name):
            return [] if self._catalog(name.catalog) else _REFUSED
        base = about(name)
        table, pin = self._held(base or name)
        if table is None or not (table.metadata if base else table.allowed):
            return _REFUSED
        if not table.filtered:
            return []
        expression = table.native.row_filter
        if not expression:
            raise DoubtError("a decided row filter has no native form")
        pin.filters_given(self.pins.clock())
        return [_expression(expression)]

    async def masks(self, ask: Ask) -> list[dict[str, Any]] | bool:
        """The native mask of every masked column Trino lists, by index."""
        name, asked = ask.asked_columns()
        if is_listing(name):
            return [] if self._catalog(name.catalog) else _REFUSED
        base = about(name)
        table, pin = self._held(base or name)
        if table is None or not (table.metadata if base else table.allowed):
            return _REFUSED
        if base is not None:
            return []
        for domain, version in table.keyed:
            if reason := self.refused(domain, version):
                raise DoubtError(f"tokens of {domain}: {reason}")
        found = _masks(table, asked)
        now = self.pins.clock()
        if table.filtered:
            await pin.masks_given(table.masked, now, self.pins.seconds)
        else:
            pin.masks_seen(now)
        return found


def _kept(ask: Ask, seen: Any) -> list[int]:  # noqa: ANN401 - a predicate on resources
    return [at for at, item in enumerate(ask.listed) if seen(item)]


def _expression(text: str) -> dict[str, str]:
    return {"expression": text, "identity": KEY_READER}


def _masks(table: DirectTable, asked: tuple[AskedColumn, ...]) -> list[dict[str, Any]]:
    """Write one entry for each masked column, and check the list before it is answered.

    An index that is missing, doubled or wrong would show a column in the clear.
    """
    native = table.native.masks
    for column in asked:
        known = table.columns.get(column.name)
        if known is not None and column.type != known:
            raise DoubtError(f"{table.table.name}.{column.name} has another type in Trino")
    found: list[dict[str, Any]] = [
        {"index": at, "viewExpression": _expression(native[column.name])}
        for at, column in enumerate(asked)
        if column.name in table.masked
    ]
    indices: list[int] = [entry["index"] for entry in found]
    covered = {asked[at].name for at in indices}
    if covered != table.masked or covered != native.keys() or indices != sorted(set(indices)):
        raise DoubtError("the list of masks does not cover every masked column")
    return found
