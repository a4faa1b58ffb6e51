"""From the bytes of ``<domain>.yaml`` to a :class:`DomainSpec`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from gateway.catalog import products, token_domains
from gateway.catalog.connect import Connecting, catalog_name
from gateway.catalog.connection import Connection
from gateway.catalog.model import Contact, Domain
from gateway.catalog.nodes import Node, compose
from gateway.catalog.reader import Fields, Reader
from gateway.catalog.spec import Claim, ColumnSpec, DomainSpec, TableSpec
from gateway.names import TableName

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
_SCHEMA_VERSION = "1"
_REQUIRED = ("schema_version", "domain", "owners", "stewards", "catalog", "schemas")
_OPTIONAL = ("contacts", "products", "tables", "token_domains")


def parse_domain(path: Path, content: bytes, environment: Mapping[str, str]) -> DomainSpec:
    """Read one domain file; its problems are listed, never raised."""
    reader = Reader(str(path))
    root = compose(content, reader.report)
    digest = hashlib.sha256(content).hexdigest()
    if root is None:
        problems = tuple(reader.problems)
        return DomainSpec(reader.file, digest, None, None, None, (), (), (), problems)
    return _Parser(path, reader, root, environment).spec(digest)


class _Parser:
    """The steps share the file's reader and the catalog's name."""

    def __init__(
        self, path: Path, reader: Reader, root: Node, environment: Mapping[str, str]
    ) -> None:
        self._path = path
        self._reader = reader
        self._connecting = Connecting(path, reader, environment)
        self._root = Fields(reader, root, required=_REQUIRED, optional=_OPTIONAL)
        self._catalog = ""
        self._schemas: tuple[str, ...] = ()

    def spec(self, digest: str) -> DomainSpec:
        self._check_version()
        name = self._domain_name()
        connection = self._connection()
        schemas = [
            Fields(self._reader, node, required=("name",))
            for node in self._root.elements("schemas")
        ]
        self._schemas = tuple(schema.name("name") for schema in schemas)
        tables = self._tables()
        published = products.read(self._root, self._catalog, tables)
        domains = token_domains.read(self._root, name, self._connecting.place)
        domain = Domain(
            name=name,
            catalog=self._catalog,
            owners=self._root.texts("owners"),
            stewards=self._root.texts("stewards"),
            contacts=self._contacts(),
            schemas=self._schemas,
            products=published.products,
            token_domains=domains.domains,
        )
        holds = (
            Claim("schema-overlap", f"{self._catalog}.{s.name('name')}", s.mark_of("name"))
            for s in schemas
        )
        return DomainSpec(
            file=self._reader.file,
            digest=digest,
            domain=domain,
            connection=connection,
            connection_mark=self._root.mark_of("catalog"),
            tables=products.assign(tables, published.products),
            claims=(*published.claims, *domains.claims, *holds),
            column_checks=published.column_checks,
            problems=tuple(self._reader.problems),
        )

    def _check_version(self) -> None:
        if self._path.suffix != ".yaml":
            self._reader.report(1, 1, "bad-name", f"rename it {self._path.stem}.yaml")
        node = self._root.node("schema_version")
        if node is not None and (node.kind, node.value) != ("int", _SCHEMA_VERSION):
            self._reader.at(node, "bad-value", f"schema_version {_SCHEMA_VERSION} is read here")

    def _domain_name(self) -> str:
        name = self._root.name("domain")
        if name and name != self._path.stem:
            mark = self._root.mark_of("domain")
            self._reader.at(mark, "bad-name", f"domain {name} stands in {self._path.name}")
        return name

    def _contacts(self) -> tuple[Contact, ...]:
        entries = self._root.maps("contacts", required=("role", "contact"))
        return tuple(Contact(entry.text("role"), entry.text("contact")) for entry in entries)

    def _connection(self) -> Connection | None:
        """Read the connection; None where the connections file is to say it."""
        node = self._root.node("catalog")
        if node is None:
            return None
        keys = {key.value: value for key, value in node.items}
        if (name := keys.get("name")) is not None and name.kind != "null":
            self._catalog = catalog_name(self._reader, name)
        if keys.keys() == {"name"} and self._catalog:
            return None
        return self._connecting.connection(self._catalog, node, named=True)

    def _tables(self) -> tuple[TableSpec, ...]:
        found: dict[TableName, TableSpec] = {}
        for fields in self._root.maps(
            "tables", required=("name",), optional=("tags", "undeclared_columns", "columns")
        ):
            table = self._table(fields)
            if table is None:
                continue
            if table.name in found:
                self._reader.at(table.mark, "duplicate-key", f"{table.name} is declared twice")
            found[table.name] = table
        return tuple(found.values())

    def _table(self, fields: Fields) -> TableSpec | None:
        mark = fields.node("name")
        if mark is None:
            return None
        name = products.table_name(self._reader, mark, self._catalog)
        if name is None:
            return None
        if name.schema not in self._schemas:
            message = f"{name} lies outside the domain's schemas: {', '.join(self._schemas)}"
            self._reader.at(mark, "unknown-table", message)
        columns = tuple(self._column(key, node) for key, node in fields.entries("columns"))
        return TableSpec(
            name=name,
            mark=mark,
            tags=fields.texts("tags"),
            expose=fields.choice("undeclared_columns", ("hide", "expose"), "hide") == "expose",
            columns=columns,
        )

    def _column(self, key: Node, node: Node) -> ColumnSpec:
        name = self._reader.name(key)
        if node.kind == "null":
            return ColumnSpec(name, key)
        fields = Fields(
            self._reader,
            node,
            optional=("field_id", "tags", "classification", "token_domain", "stored_canonical"),
        )
        bound = fields.node("token_domain")
        return ColumnSpec(
            name=name,
            mark=key,
            field_id=fields.integer("field_id"),
            tags=fields.texts("tags"),
            classification=fields.choice("classification", CLASSIFICATIONS) or None,
            token_domain=fields.name("token_domain") or None,
            token_mark=bound,
            stored_canonical=fields.flag("stored_canonical"),
        )
