"""The parts of a world file: domains, tables, grants."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.access.lines import Place
from gateway.access.model import Grant, TableScope
from gateway.catalog.model import (
    Column,
    Contact,
    Domain,
    Product,
    Table,
    TokenDomain,
    TokenVersion,
    ViewText,
)
from gateway.datatypes import DataType
from gateway.names import TableName

Entries = dict[str, Place]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_START, _END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_DOMAIN = {"owners", "stewards", "contacts", "products", "token_domains", "tables"}
_TEXTS = {"owner", "display_name", "guid", "description", "version", "required_security_group"}
_PRODUCT = _TEXTS | {"status", "visibility", "purposes"}
_CANONICALIZERS = ("raw", "digits", "upper_alnum", "email", "int")
_TOKENS = {"shape", "numeric", "canonicalizer", "null_values", "version"}
_TABLE = {"product", "tags", "comment", "kind", "view"}
_COLUMN = {"required", "doc", "tags", "classification", "token_domain"}
_GRANT = {"kind", "valid_from", "valid_until", "scope", "waives"}


def read_domain(name: str, body: Place) -> Domain:
    """Read one entry of ``domains``."""
    found = body.mapping({"catalog"}, _DOMAIN)
    _named(name, body)
    tables = tuple(read_tables(name, body))
    contacts = found["contacts"].items() if "contacts" in found else []
    tokens = found["token_domains"].entries() if "token_domains" in found else {}
    products = found["products"].entries() if "products" in found else {}
    return Domain(
        name=name,
        catalog=_text(found, "catalog"),
        owners=_list(found, "owners"),
        stewards=_list(found, "stewards"),
        contacts=tuple(_contact(item) for item in contacts),
        schemas=tuple(sorted({table.name.schema for table in tables})),
        products=tuple(_product(key, item, tables) for key, item in products.items()),
        token_domains=tuple(_token_domain(key, item, name) for key, item in tokens.items()),
    )


def _contact(item: Place) -> Contact:
    found = item.mapping({"role", "contact"})
    return Contact(_text(found, "role"), _text(found, "contact"))


def _product(key: str, item: Place, tables: tuple[Table, ...]) -> Product:
    found = item.mapping(set(), _PRODUCT)
    return Product(
        guid=_text(found, "guid", str(uuid.uuid5(uuid.NAMESPACE_URL, f"product:{key}"))),
        key=key,
        display_name=_text(found, "display_name", key),
        owner=_text(found, "owner", "platform"),
        status=_one_of(found, "status", ("active", "draft", "deprecated", "retired")),
        visibility=_one_of(found, "visibility", ("hidden", "listed", "described")),
        required_security_group=_text(found, "required_security_group"),
        description=_text(found, "description"),
        version=_text(found, "version", "1.0.0"),
        approval_purposes=_list(found, "purposes"),
        tables=tuple(table.name for table in tables if table.product == key),
    )


def _token_domain(name: str, item: Place, domain: str) -> TokenDomain:
    found = item.mapping({"code"}, _TOKENS)
    version = found["version"].plain() if "version" in found else 1
    if not isinstance(version, int) or not 1 <= version <= 99:  # noqa: PLR2004 - two digits
        item.problem("invalid", "version is 1 to 99")
        version = 1
    return TokenDomain(
        name=name,
        code=_text(found, "code"),
        shape=_one_of(found, "shape", ("text", "short", "email")),
        numeric=_one_of(found, "numeric", ("i63", "i53", "refuse")),
        canonicalizer=_one_of(found, "canonicalizer", _CANONICALIZERS),
        null_values=_list(found, "null_values"),
        versions=(TokenVersion(version, "active", {"env": "UNUSED"}),),
        domain=domain,
    )


def read_tables(domain: str, body: Place) -> Iterator[Table]:
    """Read the tables of one domain, named ``schema.table``."""
    found = body.entries()
    listed = found["tables"].entries() if "tables" in found else {}
    catalog = found["catalog"].text() if "catalog" in found else ""
    for key, item in listed.items():
        schema, _, table = key.partition(".")
        for part in (catalog, schema, table):
            _named(part, item)
        inner = item.mapping({"columns"}, _TABLE)
        listed_columns = inner["columns"].entries() if "columns" in inner else {}
        columns = tuple(_column(n, c, at) for at, (n, c) in enumerate(listed_columns.items(), 1))
        sql = _text(inner, "view")
        yield Table(
            name=TableName(catalog, schema, table),
            domain=domain,
            columns=columns,
            tags=_list(inner, "tags"),
            product=_text(inner, "product") or None,
            uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{catalog}.{key}")),
            comment=_text(inner, "comment") or None,
            kind="view" if sql else _one_of(inner, "kind", ("table", "view")),
            view=ViewText(sql, schema, tuple((c.name, c.type) for c in columns)) if sql else None,
        )


def _column(name: str, item: Place, field_id: int) -> Column:
    _named(name, item)
    short = isinstance(item.node.value, str)
    found = {"type": item} if short else item.mapping({"type"}, _COLUMN)
    written = _text(found, "type")
    try:
        kind = DataType.parse(written)
    except ValueError as error:
        item.problem("unsupported-type", str(error))
        kind = DataType("unknown")
    return Column(
        name=name,
        type=kind,
        field_id=field_id,
        required="required" in found and found["required"].plain() is True,
        doc=_text(found, "doc") or None,
        tags=_list(found, "tags"),
        classification=_text(found, "classification") or None,
        token_domain=_text(found, "token_domain") or None,
    )


def grant_of(item: Place) -> Grant:
    """Read one grant; dates default to a span that includes every test's clock."""
    found = item.mapping({"id", "grantee", "product", "purpose"}, _GRANT)
    begin = time_of(found["valid_from"]) if "valid_from" in found else _START
    scope = found["scope"].entries() if "scope" in found else None
    return Grant(
        id=_text(found, "id"),
        kind=_one_of(found, "kind", ("data_access", "masking_exception")),
        grantee=_text(found, "grantee"),
        product=_text(found, "product"),
        purpose=_text(found, "purpose"),
        valid_from=begin,
        valid_until=time_of(found["valid_until"]) if "valid_until" in found else _END,
        approved_at=begin,
        approved_by="world",
        reason="fixture",
        scope=None if scope is None else dict(_scoped(scope)),
        waives=_list(found, "waives"),
    )


def _scoped(scope: Entries) -> Iterator[tuple[TableName, TableScope]]:
    for name, item in scope.items():
        found = item.mapping(set(), {"columns", "rows", "masks"})
        try:
            table = TableName.parse(name)
        except ValueError as error:
            item.problem("invalid", str(error))
            continue
        yield (
            table,
            TableScope(
                columns=_list(found, "columns") if "columns" in found else None,
                rows=found["rows"].plain() if "rows" in found else None,
                masks=found["masks"].plain() if "masks" in found else None,
            ),
        )


def time_of(place: Place) -> datetime:
    """Read a quoted instant such as ``"2026-11-20T10:00:00Z"``."""
    try:
        moment = datetime.fromisoformat(place.text())
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - replaced below
    if moment.tzinfo is None:
        place.problem("invalid", 'expected a time in quotes such as "2026-11-20T10:00:00Z"')
        return _START
    return moment.astimezone(UTC)


def check_references(table: Table, domain: Domain, tokens: set[str], body: Place) -> None:
    """Report a product or token domain that no one defines."""
    if table.product is not None and domain.product(table.product) is None:
        body.problem("unknown-product", f"{table.name} names {table.product}")
    for column in table.columns:
        if column.token_domain is not None and column.token_domain not in tokens:
            body.problem("unknown-token-domain", f"{table.name}.{column.name}")


def _named(name: str, place: Place) -> None:
    if not _NAME.fullmatch(name):
        place.problem("bad-name", f"'{name}' is not made of a-z, 0-9 and _")


def _text(found: Entries, key: str, default: str = "") -> str:
    return found[key].text() if key in found else default


def _list(found: Entries, key: str) -> tuple[str, ...]:
    return found[key].texts() if key in found else ()


def _one_of(found: Entries, key: str, values: tuple[str, ...]) -> str:
    value = _text(found, key, values[0])
    if value not in values:
        found[key].problem("invalid", f"{key} is one of {', '.join(values)}")
    return value
