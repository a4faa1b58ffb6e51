"""From YAML to a :class:`Connection`: the ``catalog`` of a domain file, or the connections file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.catalog.connection import (
    S3,
    Connection,
    Postgres,
    Rest,
    Secret,
    Sqlite,
    warehouse_at,
)
from gateway.catalog.model import Problem
from gateway.catalog.nodes import Node, compose
from gateway.catalog.reader import Fields, Reader
from gateway.secrets import check_reference

RESERVED_CATALOGS = frozenset({"gov", "meshgate", "system"})
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")
_TYPES = ("sql", "rest")
_SQL = ("type", "database", "warehouse")
_REST = ("type", "uri")
_REST_OPTIONAL = ("warehouse", "prefix", "credential", "token", "oauth2_uri", "scope")
_POSTGRES = ("driver", "host", "name", "user")
_POSTGRES_OPTIONAL = ("port", "password", "sslmode", "sslrootcert")
_SSLMODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
_S3_OPTIONAL = ("region", "path_style", "access_key", "secret_key")
_POSTGRES_PORT = 5432
_MAX_PORT = 65535
_REGION = "us-east-1"

# These become parts of addresses and lines of Trino's files: nothing that could end or fill one.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\]")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")
_PLACE = re.compile(r"[^\x00-\x1f\x7f\\${}]+")


class Connecting:
    """Reads connections out of one file; relative paths start at its folder."""

    def __init__(self, path: Path, reader: Reader, environment: Mapping[str, str]) -> None:
        self._path = path
        self._reader = reader
        self._environment = environment

    def connection(self, name: str, node: Node, *, named: bool) -> Connection | None:
        """Read one connection; None after a problem that leaves none.

        ``named``: the map also holds the catalog's own ``name``.
        """
        head = ("name",) if named else ()
        kind = _word(node, "type")
        required, optional = (_REST, _REST_OPTIONAL) if kind == "rest" else (_SQL, ())
        fields = Fields(
            self._reader, node, required=(*head, *required), optional=(*optional, "storage")
        )
        fields.choice("type", _TYPES)
        storage = self._storage(fields)
        if kind == "rest":
            warehouse = self._matching(fields, "warehouse", _PLACE)
            return Connection(name, self._rest(fields), warehouse, storage)
        database = self._database(fields)
        warehouse = self._warehouse(fields, storage)
        return None if database is None else Connection(name, database, warehouse, storage)

    def place(self, node: Node) -> str:
        """Give the absolute path that a file's text names; relative ones start at the file."""
        return os.path.normpath(self._path.absolute().parent / self._expand(node))

    def _database(self, catalog: Fields) -> Sqlite | Postgres | None:
        node = catalog.node("database")
        if node is None:
            return None
        if _word(node, "driver") == "postgresql":
            return self._postgres(node)
        fields = Fields(self._reader, node, required=("driver", "path"))
        fields.choice("driver", ("sqlite", "postgresql"))
        path = fields.node("path")
        return Sqlite("" if path is None else self.place(path))

    def _postgres(self, node: Node) -> Postgres:
        fields = Fields(self._reader, node, required=_POSTGRES, optional=_POSTGRES_OPTIONAL)
        port = fields.integer("port")
        if port is not None and not 0 < port <= _MAX_PORT:
            self._reader.at(fields.mark_of("port"), "bad-value", f"a port is 1 to {_MAX_PORT}")
        certificate = fields.node("sslrootcert")
        return Postgres(
            host=self._matching(fields, "host", _HOST),
            port=port or _POSTGRES_PORT,
            name=self._matching(fields, "name", _WORD),
            user=self._secret(fields, "user") or Secret("env", ""),
            password=self._secret(fields, "password"),
            sslmode=fields.choice("sslmode", _SSLMODES, "prefer"),
            sslrootcert="" if certificate is None else self.place(certificate),
        )

    def _rest(self, fields: Fields) -> Rest:
        credential, token = self._secret(fields, "credential"), self._secret(fields, "token")
        if credential and token:
            self._reader.at(fields.mark_of("token"), "bad-value", "credential or token, not both")
        return Rest(
            uri=self._matching(fields, "uri", _ADDRESS),
            prefix=self._matching(fields, "prefix", _WORD),
            credential=credential,
            token=token,
            oauth2_uri=self._matching(fields, "oauth2_uri", _ADDRESS),
            scope=self._matching(fields, "scope", _WORD),
        )

    def _storage(self, catalog: Fields) -> S3 | None:
        node = catalog.node("storage")
        if node is None:
            return None
        if _word(node, "kind") != "s3":
            Fields(self._reader, node, required=("kind",)).choice("kind", ("local", "s3"))
            return None
        fields = Fields(self._reader, node, required=("kind", "endpoint"), optional=_S3_OPTIONAL)
        access, secret = self._secret(fields, "access_key"), self._secret(fields, "secret_key")
        if (access is None) != (secret is None):
            message = "access_key and secret_key come together, or neither"
            self._reader.at(node, "missing-key", message)
        return S3(
            endpoint=self._matching(fields, "endpoint", _ADDRESS),
            region=self._matching(fields, "region", _WORD) or _REGION,
            path_style=fields.flag("path_style"),
            access_key=access,
            secret_key=secret,
        )

    def _warehouse(self, catalog: Fields, storage: S3 | None) -> str:
        node = catalog.node("warehouse")
        if node is None:
            return ""
        written = self._matching(catalog, "warehouse", _PLACE)
        if written.startswith("s3://" if storage else "file:///") or not written:
            return written
        if storage or "://" in written:
            expected = "s3://…, as the storage is s3" if storage else "file:///… or a path"
            self._reader.at(node, "bad-value", f"a warehouse is {expected}")
            return ""
        try:
            return warehouse_at(self.place(node))
        except ValueError as error:
            self._reader.at(node, "bad-value", str(error))
            return ""

    def _matching(self, fields: Fields, key: str, form: re.Pattern[str]) -> str:
        """Give a text of a form, variables filled in; empty if absent.

        A refused one may hold a secret (``https://user:password@…``): it is never repeated.
        """
        node = fields.node(key)
        text = "" if node is None else self._expand(node)
        if node is not None and text and not form.fullmatch(text):
            message = f"no address or name that can be used as {key} (secrets stand on their own)"
            self._reader.at(node, "bad-value", message)
        return text

    def _secret(self, fields: Fields, key: str) -> Secret | None:
        """Read a reference; anything else may be the secret, so it is never repeated."""
        node = fields.node(key)
        if node is None:
            return None
        given = {word.value: value for word, value in node.items}
        kind, value = next(iter(given.items()), ("", node))
        if node.kind != "map" or check_reference({k: v.value for k, v in given.items()}):
            message = f'{key} is written {{env: NAME}} or {{file: "path"}}, never as its value'
            self._reader.at(node, "literal-secret", message)
            return None
        return Secret(kind, self.place(value) if kind == "file" else self._variable(value))

    def _variable(self, node: Node) -> str:
        text = self._reader.text(node)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
            self._reader.at(node, "literal-secret", "env names a variable")
        return text

    def _expand(self, node: Node) -> str:
        """Fill in ``${NAME:-default}``."""

        def value(match: re.Match[str]) -> str:
            name, default = match.groups()
            found: str | None = self._environment.get(name) or default
            if found is None:
                self._reader.at(node, "bad-value", f"{name} is not set and has no default")
            return found or ""

        return _VARIABLE.sub(value, self._reader.text(node))


def read_connections(
    path: Path, content: bytes | None, environment: Mapping[str, str]
) -> tuple[Mapping[str, Connection], tuple[Problem, ...]]:
    """Read the connections file: catalog name → connection. With a problem it holds none."""
    reader = Reader(str(path))
    if content is None:
        reader.report(1, 1, "unreadable", "the file cannot be read")
        return MappingProxyType({}), tuple(reader.problems)
    root = compose(content, reader.report)
    if root is not None and root.kind != "map":
        reader.at(root, "wrong-type", f"expected a map of catalogs, found {root.kind}")
    connecting = Connecting(path, reader, environment)
    found: dict[str, Connection] = {}
    for key, node in root.items if root is not None else ():
        name = catalog_name(reader, key)
        connection = connecting.connection(name, node, named=False)
        if connection is not None:
            found[name] = connection
    usable = {} if reader.problems else found
    return MappingProxyType(usable), tuple(reader.problems)


def catalog_name(reader: Reader, node: Node) -> str:
    """Read a catalog's name; some are taken."""
    name = reader.name(node)
    if name in RESERVED_CATALOGS:
        reader.at(node, "bad-name", f"{name} is reserved")
    return name


def _word(node: Node, key: str) -> str:
    return next((value.value for word, value in node.items if word.value == key), "")
