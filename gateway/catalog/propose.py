"""Proposes the file of a new domain from what an Iceberg catalog holds.

Tables, columns, field ids and comments come from Iceberg. Owners, tags and products are people's
to write; until there is a product, nobody is let in, and columns that come later stay hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import yaml

from gateway.catalog.connection import S3, Connection, Postgres, Rest, Secret, Sqlite
from gateway.catalog.iceberg import IcebergField, IcebergTable
from gateway.catalog.inspecting import Name

_WRITTEN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HEAD = """\
# Proposed by `meshgate catalog init`. Before it serves anybody: name owners and stewards, tag what
# policies have to know of, and declare products (see README.md here): without one, all is denied.
schema_version: 1
domain: {domain}
owners: [group:{domain}-owners]
stewards: [group:{domain}-stewards]
"""


def propose(
    domain: str,
    connection: Connection,
    schemas: Sequence[str],
    tables: Mapping[Name, IcebergTable | str],
    *,
    named_elsewhere: bool,
) -> str:
    """Give the text of ``<domain>.yaml``.

    ``named_elsewhere``: a connections file says how the catalog is reached. What cannot be
    served stands there as a comment with its reason.
    """
    parts = [_HEAD.format(domain=domain), _catalog(connection, named_elsewhere=named_elsewhere)]
    parts.append("schemas:\n" + "".join(f"  - {{name: {schema}}}\n" for schema in schemas))
    parts.append("products: []\n")
    parts.append("tables:\n" if any(_served(n, t) for n, t in tables.items()) else "tables: []\n")
    parts += ["".join(_table(name, table)) for name, table in tables.items()]
    return "".join(parts)


def _catalog(connection: Connection, *, named_elsewhere: bool) -> str:
    if named_elsewhere:
        return f"catalog: {{name: {connection.name}}}\n"
    told = {"name": connection.name, **_told(connection)}
    return yaml.safe_dump({"catalog": told}, sort_keys=False, allow_unicode=True)


def _told(connection: Connection) -> dict[str, object]:
    """The connection as a domain file writes it; references stay references."""
    match connection.database:
        case Sqlite(path):
            database: dict[str, object] = {"driver": "sqlite", "path": path}
        case Postgres() as server:
            database = {
                "driver": "postgresql",
                "host": server.host,
                "port": server.port,
                "name": server.name,
                **_secrets(user=server.user, password=server.password),
                **({"sslmode": server.sslmode} if server.sslmode != "prefer" else {}),
                **({"sslrootcert": server.sslrootcert} if server.sslrootcert else {}),
            }
        case Rest() as rest:
            words = {
                "uri": rest.uri,
                "warehouse": connection.warehouse,
                "prefix": rest.prefix,
                "oauth2_uri": rest.oauth2_uri,
                "scope": rest.scope,
            }
            given: dict[str, object] = {key: text for key, text in words.items() if text}
            secrets = _secrets(credential=rest.credential, token=rest.token)
            return {"type": "rest", **given, **secrets, **_stored(connection)}
    told: dict[str, object] = {"type": "sql", "database": database}
    return {**told, "warehouse": connection.warehouse, **_stored(connection)}


def _stored(connection: Connection) -> dict[str, object]:
    match connection.storage:
        case None:
            return {"storage": {"kind": "local"}}
        case S3(endpoint, region, path_style, access_key, secret_key):
            keys = _secrets(access_key=access_key, secret_key=secret_key)
            place = {"endpoint": endpoint, "region": region, "path_style": path_style}
            return {"storage": {"kind": "s3", **place, **keys}}


def _secrets(**given: Secret | None) -> dict[str, object]:
    return {key: {one.kind: one.place} for key, one in given.items() if one is not None}


def _served(name: Name, table: IcebergTable | str) -> bool:
    return isinstance(table, IcebergTable) and not _hindrance(name, table)


def _hindrance(name: Name, table: IcebergTable) -> str:
    if not all(_NAME.fullmatch(part) for part in name):
        return "its name is not of the form [a-z][a-z0-9_]*"
    folded = sorted(field.name.lower() for field in table.fields)
    twice = [word for word, group in groupby(folded) if len(list(group)) > 1]
    return f"columns of one name: {', '.join(twice)}" if twice else ""


def _table(name: Name, table: IcebergTable | str) -> Iterator[str]:
    full = ".".join(name)
    reason = table if isinstance(table, str) else _hindrance(name, table)
    if reason or isinstance(table, str):
        yield _comment("  ", f"{full} cannot be served: {reason}")
        return
    if table.comment:
        yield _comment("  ", table.comment)
    yield f"  - name: {full}\n    undeclared_columns: hide\n    columns:\n"
    lines = [_column(field) for field in table.fields]
    if all(line.lstrip().startswith("#") for line in lines):
        yield "      {}\n"
    yield from lines


def _column(field: IcebergField) -> str:
    if field.type is None:
        return _comment("      ", f"{field.name}: {field.written} is not served")
    if not _WRITTEN.fullmatch(field.name):
        return _comment("      ", f"{field.name} is no identifier, so it stays hidden")
    told = ", ".join(
        (field.type.display(), *(["required"] if field.required else ()), *_words(field.doc))
    )
    return f"      {field.name.lower()}: {{field_id: {field.field_id}}}  # {_one_line(told)}\n"


def _words(doc: str | None) -> tuple[str, ...]:
    return (doc,) if doc else ()


def _comment(indent: str, text: str) -> str:
    return f"{indent}# {_one_line(text)}\n"


def _one_line(text: str) -> str:
    """What comes from a catalog must not become YAML: one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
