"""Opens Iceberg catalogs through pyiceberg: SQLite, PostgreSQL and REST; files and S3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, RESTError
from requests.adapters import HTTPAdapter
from sqlalchemy import select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from gateway.catalog.connection import S3, Connection, Postgres, Rest, Secret, Sqlite
from gateway.secrets import SecretError, read_secret

Locations = Mapping[tuple[str, str], str]
"""The current metadata file of each table and view, by (schema, name)."""

_SECONDS = 10
_ROOT = Path("/")
_SERVED = (None, "TABLE", "VIEW")
UNREACHABLE = (SQLAlchemyError, RESTError, requests.RequestException, OSError, ValueError)
"""What pyiceberg lets through when a catalog cannot be asked."""


class CatalogUnreachableError(Exception):
    """A catalog that cannot be asked now. The text holds no secret."""


def open_catalog(connection: Connection, *, write: bool = False) -> Catalog:
    """Open a catalog; without ``write`` nothing is ever created or changed. Close it after use.

    Raises:
        SecretError: a secret it needs cannot be had.
        Exception: whatever pyiceberg lets through where it cannot be reached.

    """
    stored = storage_properties(connection)
    if isinstance(connection.database, Rest):
        return _rest(connection, connection.database, stored, write=write)
    return SqlCatalog(
        connection.name,
        uri=_uri(connection.database, write=write),
        warehouse=connection.warehouse,
        init_catalog_tables=str(write).lower(),
        schema_version="v1",
        **stored,
    )


def storage_properties(connection: Connection) -> dict[str, str]:
    """Give pyiceberg's file properties, secrets included: not for logs.

    Raises SecretError.
    """
    match connection.storage:
        case None:
            return {}
        case S3(endpoint, region, path_style, access_key, secret_key):
            given = {
                "s3.endpoint": endpoint,
                "s3.region": region,
                "s3.access-key-id": _text(access_key),
                "s3.secret-access-key": _text(secret_key),
                "s3.force-virtual-addressing": "" if path_style else "true",
                "s3.connect-timeout": str(_SECONDS),
                "s3.request-timeout": str(_SECONDS),
            }
            return {name: value for name, value in given.items() if value}


def locations(connection: Connection, wanted: Iterable[tuple[str, str]] = ()) -> Locations:
    """Ask for the current metadata files: of all tables by one consistent read of a database.

    A REST catalog has no such read: there the ``wanted`` tables are loaded one by one, and
    views are not found.

    Raises:
        CatalogUnreachableError: it cannot be asked; the text says how it failed.

    """
    try:
        match connection.database:
            case Rest():
                return _loaded(connection, wanted)
            case Sqlite(path) if not Path(path).exists():
                raise CatalogUnreachableError("there is no such file")
        return _selected(connection)
    except SecretError as error:
        raise CatalogUnreachableError(str(error)) from None
    except UNREACHABLE as error:
        # Texts of drivers quote addresses with their parameters; the class says enough.
        raise CatalogUnreachableError(type(error).__name__) from error


def _selected(connection: Connection) -> Locations:
    columns = (
        IcebergTables.table_namespace,
        IcebergTables.table_name,
        IcebergTables.metadata_location,
        IcebergTables.iceberg_type,
    )
    statement = select(*columns).where(IcebergTables.catalog_name == connection.name)
    with closing(open_catalog(connection)) as catalog:
        assert isinstance(catalog, SqlCatalog)
        with catalog.engine.connect() as database:
            rows = database.execute(statement).all()
    return {(row[0], row[1]): row[2] for row in rows if row[2] and row[3] in _SERVED}


def _loaded(connection: Connection, wanted: Iterable[tuple[str, str]]) -> Locations:
    found: dict[tuple[str, str], str] = {}
    with closing(open_catalog(connection)) as catalog:
        for name in wanted:
            try:
                location = catalog.load_table(name).metadata_location
            except (NoSuchTableError, NoSuchNamespaceError):
                continue
            if location:
                found[name] = location
    return found


def _uri(database: Sqlite | Postgres, *, write: bool) -> str:
    if isinstance(database, Sqlite):
        if write:
            return URL.create("sqlite", database=database.path).render_as_string()
        return f"sqlite:///file:{quote(database.path)}?mode=ro&uri=true"
    options = f"-c statement_timeout={_SECONDS}s"
    if not write:
        options += " -c default_transaction_read_only=on"
    query = {
        "connect_timeout": str(_SECONDS),
        "options": options,
        "application_name": "meshgate",
        "sslmode": database.sslmode,
    }
    if database.sslrootcert:
        query["sslrootcert"] = database.sslrootcert
    return URL.create(
        "postgresql+psycopg",
        username=_text(database.user),
        password=_text(database.password) or None,
        host=database.host,
        port=database.port,
        database=database.name,
        query=query,
    ).render_as_string(hide_password=False)


def _rest(connection: Connection, rest: Rest, stored: Mapping[str, str], *, write: bool) -> Catalog:
    given = {
        "uri": rest.uri,
        "warehouse": connection.warehouse,
        "prefix": rest.prefix,
        "credential": _text(rest.credential),
        "token": _text(rest.token),
        "oauth2-server-uri": rest.oauth2_uri,
        "scope": rest.scope,
        # A reader needs where a table is, not its history.
        "snapshot-loading-mode": "" if write else "refs",
    }
    properties = {name: value for name, value in given.items() if value}
    return _PatientRest(connection.name, **properties, **stored)


class _PatientRest(RestCatalog):
    """A REST catalog whose requests end: pyiceberg's wait for ever."""

    def _create_session(self) -> requests.Session:
        session = super()._create_session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Timed())
        return session


class _Timed(HTTPAdapter):
    def send(self, *args: Any, **named: Any) -> requests.Response:  # noqa: ANN401
        named["timeout"] = _SECONDS
        return super().send(*args, **named)


def _text(secret: Secret | None) -> str:
    return "" if secret is None else read_secret(secret.reference, _ROOT).decode()
