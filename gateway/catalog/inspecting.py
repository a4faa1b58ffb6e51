"""What an Iceberg catalog holds, whether or not a domain file declares it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError

from gateway.catalog.connection import Connection, Rest
from gateway.catalog.iceberg import (
    IcebergTable,
    UnreadableTableError,
    UnsupportedTypeError,
    read_table,
)
from gateway.catalog.stores import (
    UNREACHABLE,
    CatalogUnreachableError,
    locations,
    open_catalog,
    storage_properties,
)
from gateway.secrets import SecretError

Name = tuple[str, str]
"""Schema and table."""


def tables_of(connection: Connection, schemas: Iterable[str]) -> Mapping[Name, IcebergTable | str]:
    """Read every table of some schemas, in order; a text says why one cannot be served.

    Raises:
        CatalogUnreachableError: the catalog, or a secret it needs, cannot be had.

    """
    wanted = frozenset(schemas)
    try:
        names = _rest_names(connection, wanted) if _is_rest(connection) else ()
        found = locations(connection, names)
        properties = storage_properties(connection)
    except SecretError as error:
        raise CatalogUnreachableError(str(error)) from None
    return {
        name: _read(location, properties)
        for name, location in sorted(found.items())
        if name[0] in wanted
    }


def _is_rest(connection: Connection) -> bool:
    return isinstance(connection.database, Rest)


def _rest_names(connection: Connection, schemas: Iterable[str]) -> list[Name]:
    try:
        with closing(open_catalog(connection)) as catalog:
            return [name for schema in sorted(schemas) for name in _listed(catalog, schema)]
    except UNREACHABLE as error:
        raise CatalogUnreachableError(type(error).__name__) from error


def _listed(catalog: Catalog, schema: str) -> list[Name]:
    try:
        return [(schema, identifier[-1]) for identifier in catalog.list_tables(schema)]
    except NoSuchNamespaceError:
        return []


def _read(location: str, properties: Mapping[str, str]) -> IcebergTable | str:
    try:
        return read_table(location, properties)
    except UnsupportedTypeError as error:
        return str(error)
    except UnreadableTableError:
        return "its metadata file is missing or broken"
