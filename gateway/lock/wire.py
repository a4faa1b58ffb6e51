"""What Trino's OPA plugin sends, read strictly; anything else is a doubt."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.names import TableName, fold


class DoubtError(Exception):
    """The lock cannot answer for certain: Trino gets an error and fails the statement."""


class _Named(msgspec.Struct, frozen=True):
    name: str


class _User(msgspec.Struct, frozen=True):
    user: str


class _Schema(msgspec.Struct, frozen=True, rename="camel"):
    catalog_name: str
    schema_name: str


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    catalog_name: str
    schema_name: str
    table_name: str
    columns: tuple[str, ...] | None = None


class _Column(msgspec.Struct, frozen=True, rename="camel"):
    catalog_name: str
    schema_name: str
    table_name: str
    column_name: str
    column_type: str = ""


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """What an operation is about: exactly one of these is set, for the operations listed."""

    catalog: _Named | None = None
    schema: _Schema | None = None
    table: _Table | None = None
    column: _Column | None = None
    user: _User | None = None
    function: msgspec.Raw | None = None
    system_session_property: _Named | None = None


class _Identity(msgspec.Struct, frozen=True):
    user: str


class _Context(msgspec.Struct, frozen=True):
    identity: _Identity


class _Action(msgspec.Struct, frozen=True, rename="camel"):
    operation: str
    resource: Resource | None = None
    filter_resources: tuple[Resource, ...] | None = None


class _Input(msgspec.Struct, frozen=True):
    context: _Context
    action: _Action


class _Request(msgspec.Struct, frozen=True):
    input: _Input


@dataclass(frozen=True, slots=True)
class AskedColumn:
    """One column Trino knows, its name folded, with its type as Trino prints it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: whose, which operation, about what. Names are folded."""

    user: str
    operation: str
    resource: Resource | None
    listed: tuple[Resource, ...]

    def catalog(self) -> str:
        """The catalog it is about."""
        return catalog_of(self._one())

    def schema(self) -> tuple[str, str]:
        """The catalog and schema it is about."""
        return schema_of(self._one())

    def table(self) -> TableName:
        """The table it is about."""
        return table_of(self._one())

    def columns(self) -> frozenset[str]:
        """The columns it names; none for ``count(*)``."""
        table = self._one().table
        if table is None or table.columns is None:
            raise DoubtError("no columns are named")
        return frozenset(fold(name) for name in table.columns)

    def named_user(self) -> str:
        """The other user it is about."""
        user = self._one().user
        if user is None:
            raise DoubtError("no user is named")
        return user.user

    def property(self) -> str:
        """The system session property it is about."""
        found = self._one().system_session_property
        if found is None:
            raise DoubtError("no property is named")
        return found.name

    def asked_columns(self) -> tuple[TableName, tuple[AskedColumn, ...]]:
        """The one table and its columns whose masks are wanted, in the order of indices."""
        tables: set[TableName] = set()
        found: list[AskedColumn] = []
        for item in self.listed:
            if item.column is None:
                raise DoubtError("an item is no column")
            tables.add(_name(item.column))
            found.append(AskedColumn(fold(item.column.column_name), item.column.column_type))
        if len(tables) != 1 or len({column.name for column in found}) != len(found):
            raise DoubtError("masks of several tables, of none, or of one column twice")
        return tables.pop(), tuple(found)

    def _one(self) -> Resource:
        if self.resource is None:
            raise DoubtError("no resource is named")
        return self.resource


_DECODER = msgspec.json.Decoder(_Request)


def read(body: bytes) -> Ask:
    """Read one request; raises DoubtError on any other form."""
    try:
        found = _DECODER.decode(body).input
    except (msgspec.DecodeError, RecursionError) as error:
        raise DoubtError(f"not a question of the plugin: {error}") from None
    action = found.action
    return Ask(
        found.context.identity.user,
        action.operation,
        action.resource,
        action.filter_resources or (),
    )


def catalog_of(resource: Resource) -> str:
    """The folded catalog name of a resource; raises DoubtError if it has none."""
    if resource.catalog is None:
        raise DoubtError("no catalog is named")
    return fold(resource.catalog.name)


def schema_of(resource: Resource) -> tuple[str, str]:
    """The folded catalog and schema name of a resource; raises DoubtError if it has none."""
    if resource.schema is None:
        raise DoubtError("no schema is named")
    return fold(resource.schema.catalog_name), fold(resource.schema.schema_name)


def table_of(resource: Resource) -> TableName:
    """The folded table name of a resource; raises DoubtError if it has none."""
    if resource.table is None:
        raise DoubtError("no table is named")
    return _name(resource.table)


def columns_of(resource: Resource) -> tuple[str, ...]:
    """The folded columns of a table, in the order of indices."""
    if resource.table is None or resource.table.columns is None:
        raise DoubtError("no columns are named")
    return tuple(fold(name) for name in resource.table.columns)


def _name(item: _Table | _Column) -> TableName:
    return TableName(fold(item.catalog_name), fold(item.schema_name), fold(item.table_name))
