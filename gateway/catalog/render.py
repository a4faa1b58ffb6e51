"""What a Trino server needs from a mesh, as files: catalogs, the second lock, who may log in.

Deterministic, and without secrets: each one is ``${ENV:…}``, and its variable is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from gateway.catalog.connection import S3, Connection, Postgres, Rest, Secret, Sqlite

MARK = "# Written by `meshgate catalog render --trino`: change what it was made from instead."
INCLUDE = "config.properties.meshgate"
VARIABLES = "environment.meshgate"
KEY_CATALOG = "gov"
KEY_USER, KEY_PASSWORD = "KEY_READER_USER", "KEY_READER_PASSWORD"
SERVICE = "meshgate"
_RESERVED = (f"{SERVICE}.*", ".*@direct", r".*[\s\p{Z}\p{C}].*")
_LOCK = "/trino-opa/v1"
_TLS = ("sslmode", "sslrootcert")
_POSTGRES_PORT = 5432


class RenderError(ValueError):
    """Something Trino cannot be given; the text says what to change and holds no secret."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the files say beyond the catalogs.

    ``etc`` is where the files will stand on Trino's machine; ``lock_url`` the gateway's internal
    listener as Trino reaches it; ``trust_store`` and ``key_store`` PEM files there for its TLS,
    the latter needed where ``lock_wants_certificate``; ``key_database`` the address of the token
    keys (its user and password are not used).
    """

    etc: str
    lock_url: str
    service: str = SERVICE
    trust_store: str = ""
    key_store: str = ""
    key_database: str = ""
    lock_wants_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files by their path below ``etc``, and what each variable holds, by name."""

    files: Mapping[str, str]
    variables: Mapping[str, str]


def render(connections: Iterable[Connection], cluster: Cluster) -> Rendered:
    """Give the files of one cluster.

    Raises:
        RenderError: a catalog that Trino cannot share, or settings that do not fit together.

    """
    variables: dict[str, str] = {}
    files = {
        f"catalog/{connection.name}.properties": _properties(_catalog(connection, variables))
        for connection in sorted(connections, key=lambda connection: connection.name)
    }
    if cluster.key_database:
        keys = _key_catalog(cluster.key_database, variables)
        files[f"catalog/{KEY_CATALOG}.properties"] = _properties(keys)
    files["access-control.properties"] = _properties(_lock(cluster))
    files["password-authenticator.properties"] = _properties(
        {"password-authenticator.name": "file", "file.password-file": f"{cluster.etc}/password.db"}
    )
    files["user-mapping.json"] = _json(_mapping(cluster.service, service_too=True))
    files["user-mapping-others.json"] = _json(_mapping(cluster.service, service_too=False))
    files[INCLUDE] = _properties(_config(cluster.etc))
    ordered = dict(sorted(variables.items()))
    files[VARIABLES] = _listed(ordered)
    return Rendered(dict(sorted(files.items())), ordered)


def _catalog(connection: Connection, variables: dict[str, str]) -> Mapping[str, str]:
    match connection.database:
        case Sqlite():
            raise RenderError(
                f"{connection.name} stands in a SQLite file, which Trino cannot share: name a "
                "PostgreSQL or REST catalog, here or in MESHGATE_CATALOG__CONNECTIONS_FILE"
            )
        case Postgres() as database:
            named = _jdbc(connection, database, variables)
        case Rest() as rest:
            named = _rest(connection, rest, variables)
    return {
        "connector.name": "iceberg",
        **named,
        # Both make tables of files that no one reviewed.
        "iceberg.register-table-procedure.enabled": "false",
        "iceberg.add-files-procedure.enabled": "false",
        **_storage(connection, variables),
    }


def _jdbc(
    connection: Connection, database: Postgres, variables: dict[str, str]
) -> Mapping[str, str]:
    tls = {key: value for key in _TLS if (value := getattr(database, key)) not in {"", "prefer"}}
    name = connection.name
    given = {
        "driver-class": "org.postgresql.Driver",
        "connection-url": _address(database.host, database.port, database.name, tls),
        "connection-user": _variable(name, "database_user", database.user, variables),
        "connection-password": _variable(name, "database_password", database.password, variables),
        "catalog-name": name,
        "default-warehouse-dir": connection.warehouse,
        "schema-version": "V1",
    }
    settings = {f"iceberg.jdbc-catalog.{key}": value for key, value in given.items() if value}
    return {"iceberg.catalog.type": "jdbc", **settings}


def _rest(connection: Connection, rest: Rest, variables: dict[str, str]) -> Mapping[str, str]:
    name = connection.name
    given = {
        "uri": rest.uri,
        "warehouse": connection.warehouse,
        "prefix": rest.prefix,
        "security": "OAUTH2" if rest.credential or rest.token else "NONE",
        "oauth2.credential": _variable(name, "rest_credential", rest.credential, variables),
        "oauth2.token": _variable(name, "rest_token", rest.token, variables),
        "oauth2.server-uri": rest.oauth2_uri,
        "oauth2.scope": rest.scope,
    }
    settings = {f"iceberg.rest-catalog.{key}": value for key, value in given.items() if value}
    return {"iceberg.catalog.type": "rest", **settings}


def _storage(connection: Connection, variables: dict[str, str]) -> Mapping[str, str]:
    match connection.storage:
        case None:
            # Locations are absolute; without the root they would lie below a temporary folder.
            return {"fs.native-local.enabled": "true", "local.location": "/"}
        case S3(endpoint, region, path_style, access_key, secret_key):
            given = {
                "endpoint": endpoint,
                "region": region,
                "path-style-access": str(path_style).lower(),
                "aws-access-key": _variable(
                    connection.name, "s3_access_key", access_key, variables
                ),
                "aws-secret-key": _variable(
                    connection.name, "s3_secret_key", secret_key, variables
                ),
            }
            settings = {f"s3.{key}": value for key, value in given.items() if value}
            return {"fs.native-s3.enabled": "true", **settings}


def _key_catalog(database_url: str, variables: dict[str, str]) -> Mapping[str, str]:
    """Trino reads keys by a role of its own, so neither name nor password of ours is taken."""
    split = urlsplit(database_url)
    try:
        host, port = split.hostname, split.port or _POSTGRES_PORT
    except ValueError:
        host, port = None, 0
    name = split.path.removeprefix("/")
    if split.scheme not in {"postgresql", "postgres"} or not host or not name:
        raise RenderError("MESHGATE_TRINO__KEY_DATABASE_URL is written postgresql://…@host/name")
    asked = {key: values[-1] for key, values in parse_qs(split.query).items() if key in _TLS}
    variables[KEY_USER] = f"{KEY_CATALOG}: a role that may read gw.keys, and nothing else"
    variables[KEY_PASSWORD] = f"{KEY_CATALOG}: that role's password"
    return {
        "connector.name": "postgresql",
        "connection-url": _address(f"[{host}]" if ":" in host else host, port, name, asked),
        "connection-user": f"${{ENV:{KEY_USER}}}",
        "connection-password": f"${{ENV:{KEY_PASSWORD}}}",
    }


def _lock(cluster: Cluster) -> Mapping[str, str]:
    split = urlsplit(cluster.lock_url)
    if split.scheme not in {"http", "https"} or not split.hostname or split.query:
        raise RenderError("the lock's address is written https://host:port")
    if split.scheme == "http" and (cluster.trust_store or cluster.key_store):
        raise RenderError("a trust or key store means nothing to a lock at http://")
    if cluster.lock_wants_certificate and not cluster.key_store:
        raise RenderError("the internal listener wants a certificate: name one by --key-store")
    base = cluster.lock_url.rstrip("/") + _LOCK
    stores = {
        "opa.http-client.trust-store-path": cluster.trust_store,
        "opa.http-client.key-store-path": cluster.key_store,
    }
    return {
        "access-control.name": "opa",
        # All four: an unset one would mean all rows, or clear values.
        "opa.policy.uri": f"{base}/allow",
        "opa.policy.batched-uri": f"{base}/batch",
        "opa.policy.row-filters-uri": f"{base}/rowFilters",
        "opa.policy.batch-column-masking-uri": f"{base}/batchColumnMasks",
        "opa.http-client.idle-timeout": "2s",
        **{key: value for key, value in stores.items() if value},
    }


def _config(etc: str) -> Mapping[str, str]:
    return {
        "catalog.management": "static",
        "catalog.config-dir": f"{etc}/catalog",
        "access-control.config-files": f"{etc}/access-control.properties",
        "password-authenticator.config-files": f"{etc}/password-authenticator.properties",
        "hide-inaccessible-columns": "true",
        "http-server.authentication.type": "PASSWORD",
        "http-server.authentication.password.user-mapping.file": f"{etc}/user-mapping.json",
        "http-server.authentication.allow-insecure-over-http": "false",
    }


def _mapping(service: str, *, service_too: bool) -> object:
    """Give the rules: the service as itself, no reserved name, everybody else as ``…@direct``.

    Anchored, because Trino replaces every match inside a name. ``service_too`` is for the one
    authenticator the service logs in through; elsewhere its name is as reserved as any.
    """
    names = _RESERVED if service.lower().startswith(SERVICE) else (re.escape(service), *_RESERVED)
    own: list[object] = [{"pattern": f"^{re.escape(service)}$", "user": service}]
    rules: list[object] = [
        {"pattern": f"(?is)^({'|'.join(names)})$", "allow": False},
        {"pattern": "^(.+?)(@direct)?$", "user": "$1@direct"},
    ]
    return {"rules": own + rules if service_too else rules}


def _variable(catalog: str, use: str, secret: Secret | None, variables: dict[str, str]) -> str:
    """Name the variable of a secret: its own, or one made for what stands in a file here."""
    if secret is None:
        return ""
    of_env = secret.kind == "env"
    name = secret.place if of_env else f"{catalog}_{use}".upper()
    holds = f"{catalog}: {use.replace('_', ' ')}"
    if not of_env:
        holds += f", here in {secret.place}"
    if variables.get(name, holds) != holds:
        holds = f"{variables[name]}; {holds}"
    variables[name] = holds
    return f"${{ENV:{name}}}"


def _address(host: str, port: int, name: str, parameters: Mapping[str, str]) -> str:
    asked = f"?{urlencode(parameters, safe='/')}" if parameters else ""
    return f"jdbc:postgresql://{host}:{port}/{name}{asked}"


def _properties(values: Mapping[str, str]) -> str:
    lines = (f"{key}={_escaped(value)}" for key, value in values.items())
    return "\n".join((MARK, *lines)) + "\n"


def _escaped(value: str) -> str:
    """Write a value as Java's properties are read."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\u{c:04x}" for c in codes)  # noqa: PLR2004


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _listed(variables: Mapping[str, str]) -> str:
    entries = (f"# {holds}\n{name}=\n" for name, holds in variables.items())
    head = "# What Trino's process needs in its environment; the values stand in no file of these."
    return "\n".join((MARK, head, *entries))
