"""How one Iceberg catalog is reached: plain values, secrets by reference alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_NOT_IN_LOCATIONS = frozenset("#%?")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: ``kind`` env (a variable's name) or file (an absolute ``path#key``)."""

    kind: str
    place: str

    @property
    def reference(self) -> Mapping[str, str]:
        """The form ``gateway.secrets.read_secret`` takes."""
        return {self.kind: self.place}


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A SQLite file (absolute path): one machine's laptop or test, never shared with Trino."""

    path: str


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database that holds Iceberg's JDBC catalog, schema V1."""

    host: str
    port: int
    name: str
    user: Secret
    password: Secret | None = None
    sslmode: str = "prefer"
    sslrootcert: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """An Iceberg REST catalog; at most one of ``credential`` (``id:secret``) and ``token``."""

    uri: str
    prefix: str = ""
    credential: Secret | None = None
    token: Secret | None = None
    oauth2_uri: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class S3:
    """An S3 store; without keys the machine's own credentials are used."""

    endpoint: str
    region: str
    path_style: bool = False
    access_key: Secret | None = None
    secret_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One Iceberg catalog: its name, what serves it, its warehouse, its storage (None: files)."""

    name: str
    database: Sqlite | Postgres | Rest
    warehouse: str
    storage: S3 | None = None

    @property
    def where(self) -> str:
        """Where it is, for people; holds no secret."""
        match self.database:
            case Sqlite(path):
                return path
            case Postgres(host, port, name):
                return f"postgresql://{host}:{port}/{name}"
            case Rest(uri):
                return uri


def warehouse_at(path: str) -> str:
    """Give the ``file://`` location of an absolute path, unescaped as pyiceberg takes it.

    Raises ValueError for characters that mean something in a location.
    """
    if set(path) & _NOT_IN_LOCATIONS:
        raise ValueError(f"{path} holds one of # % ?: choose another folder")
    return f"file://{path}"
