"""The ``products`` of a domain file: the published tables and their contract."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gateway.catalog.model import Product
from gateway.catalog.nodes import Node
from gateway.catalog.reader import Fields, Reader
from gateway.catalog.spec import Claim, TableSpec
from gateway.names import TableName

_REQUIRED = (
    "guid",
    "key",
    "owner",
    "display_name",
    "status",
    "required_security_group",
)
_OPTIONAL = (
    "created",
    "source_code",
    "description",
    "version",
    "visibility",
    "approval",
    "ports",
    "slos",
)
_STATUS = ("draft", "active", "deprecated", "retired")
_VISIBILITY = ("hidden", "listed", "described")
_CHECKS = ("unique", "not_null")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DURATION = re.compile(r"P(\d+D)?(T(\d+H)?(\d+M)?)?(?<![PT])")
_NAME_PARTS = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Published:
    """A file's products, what they claim for themselves alone, columns still to be looked up."""

    products: tuple[Product, ...]
    claims: tuple[Claim, ...]
    column_checks: tuple[tuple[TableName, str, Node], ...]


def table_name(reader: Reader, node: Node, catalog: str) -> TableName | None:
    """Read ``schema.table`` of the domain's catalog."""
    parts = _NAME_PARTS.fullmatch(reader.text(node))
    if parts is None:
        reader.at(node, "bad-name", f'"{node.value}" is not of the form schema.table')
        return None
    return TableName(catalog, parts.group(1), parts.group(2))


def assign(tables: tuple[TableSpec, ...], products: tuple[Product, ...]) -> tuple[TableSpec, ...]:
    """Write into each table the product that publishes it."""
    publisher = {name: product.key for product in products for name in product.tables}
    return tuple(replace(table, product=publisher.get(table.name)) for table in tables)


def read(root: Fields, catalog: str, tables: tuple[TableSpec, ...]) -> Published:
    """Read the ``products`` list of a domain file."""
    reading = _Reading(root.reader, catalog, {table.name for table in tables})
    products = tuple(
        reading.product(fields)
        for fields in root.maps("products", required=_REQUIRED, optional=_OPTIONAL)
    )
    return Published(products, tuple(reading.claims), tuple(reading.column_checks))


class _Reading:
    def __init__(self, reader: Reader, catalog: str, declared: set[TableName]) -> None:
        self._reader = reader
        self._catalog = catalog
        self._declared = declared
        self._publisher: dict[TableName, str] = {}
        self.claims: list[Claim] = []
        self.column_checks: list[tuple[TableName, str, Node]] = []

    def product(self, fields: Fields) -> Product:
        guid, key = fields.text("guid"), fields.name("key")
        self.claims.append(Claim("duplicate-guid", guid, fields.mark_of("guid")))
        self.claims.append(Claim("duplicate-key", key, fields.mark_of("key")))
        self._slos(fields)
        return Product(
            guid=guid,
            key=key,
            display_name=fields.text("display_name"),
            owner=fields.text("owner"),
            status=fields.choice("status", _STATUS),
            visibility=fields.choice("visibility", _VISIBILITY, "hidden"),
            required_security_group=fields.text("required_security_group"),
            description=fields.text("description"),
            version=fields.text("version"),
            created=self._matching(fields, "created", _INSTANT, "2026-01-07T19:11:59Z"),
            source_code=fields.text("source_code"),
            approval_purposes=self._approval(fields),
            tables=self._ports(fields, key),
        )

    def _matching(self, fields: Fields, key: str, form: re.Pattern[str], example: str) -> str:
        text = fields.text(key)
        if text and not form.fullmatch(text):
            self._reader.at(fields.mark_of(key), "bad-value", f"{key} is written as {example}")
        return text

    def _approval(self, product: Fields) -> tuple[str, ...]:
        node = product.node("approval")
        if node is None:
            return ()
        fields = Fields(self._reader, node, required=("mode",), optional=("purposes", "max_days"))
        fields.choice("mode", ("steward", "auto"))
        fields.integer("max_days")
        return fields.texts("purposes")

    def _ports(self, product: Fields, key: str) -> tuple[TableName, ...]:
        names: list[TableName] = []
        for port in product.maps("ports", required=("role", "type", "table")):
            role = port.choice("role", ("input", "output", "description", "audit"))
            port.choice("type", ("trino",))
            name = self._declared_table(port)
            if name is None or role != "output":
                continue
            other = self._publisher.setdefault(name, key)
            if other != key or name in names:
                mark = port.mark_of("table")
                self._reader.at(mark, "duplicate-key", f"{name} is published by {other} already")
            names.append(name)
        return tuple(names)

    def _declared_table(self, fields: Fields) -> TableName | None:
        node = fields.node("table")
        name = None if node is None else table_name(self._reader, node, self._catalog)
        if node is None or name is None:
            return None
        if name not in self._declared:
            declared = ", ".join(sorted(f"{t.schema}.{t.table}" for t in self._declared))
            self._reader.at(node, "unknown-table", f"{node.value} is not declared; {declared}")
        return name

    def _slos(self, product: Fields) -> None:
        """Check service levels; they are the contract's text, their results come elsewhere."""
        optional = ("target", "check", "column")
        for slo in product.maps("slos", required=("name", "table"), optional=optional):
            slo.text("name")
            self._matching(slo, "target", _DURATION, "PT24H")
            slo.choice("check", _CHECKS)
            name, column = self._declared_table(slo), slo.node("column")
            if column is not None and name is not None:
                self.column_checks.append((name, self._reader.name(column), column))
