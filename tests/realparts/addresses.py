"""Where the parts of a running lab are: what ``tests.trino.run`` writes and the tests read."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import requests
import trino
from trino.auth import BasicAuthentication

VARIABLE = "MESHGATE_LAB"
SERVICE = "meshgate"


@dataclass(frozen=True, slots=True)
class Addresses:
    """A running lab. A part that is not up is the empty text.

    ``bare`` and ``locked`` are two Trino servers over the same catalogs: ``bare`` believes any
    user name and controls nothing, ``locked`` asks the gateway's internal listener.
    """

    bare: str
    postgres: str
    """``postgresql://user@host:port``; the databases are ``iceberg``, ``keys``, ``meshgate``."""
    data: str
    """The demo's directory: ``lake.db`` (its tables on SQLite), ``warehouse``, ``keys.json``."""
    warehouse: str
    """Where new tables of the ``lake`` catalog go, without scheme."""
    root: str
    """The lab's own directory: logs, configuration, secrets."""
    locked: str = ""
    locked_tls: str = ""
    """The locked Trino as people reach it; ``locked`` is what the gateway uses."""
    authority: str = ""
    """The certificate file that vouches for ``locked_tls``."""
    rest: str = ""
    """The Iceberg REST catalog, catalog ``rest`` on both servers."""
    opa: str = ""
    gateway: str = ""
    internal: str = ""
    """The gateway's internal listener, which the locked Trino asks."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """The passwords of people and of the service, the same at the gateway and at ``locked``."""

    def database(self, name: str) -> str:
        """The address of one PostgreSQL database."""
        return f"{self.postgres}/{name}"

    def iceberg(self) -> dict[str, str]:
        """What pyiceberg's ``SqlCatalog("lake", …)`` needs to share Trino's ``lake`` catalog."""
        return {
            "uri": self.database("iceberg").replace("postgresql://", "postgresql+psycopg://", 1),
            "warehouse": f"file://{self.warehouse}",
            "schema_version": "v1",
        }

    def connect_bare(self, user: str = "tester", **options: Any) -> trino.dbapi.Connection:
        """The official Python client to the server without access control."""
        return trino.dbapi.connect(**_place(self.bare), user=user, **{**_LAKE, **options})

    def connect_direct(self, user: str, **options: Any) -> trino.dbapi.Connection:
        """A person's own login at the locked server: there the session user is ``user@direct``."""
        session = requests.Session()
        session.trust_env = False  # a bundle named by the environment would go before ours
        session.verify = self.authority
        given = {
            "http_session": session,
            "auth": BasicAuthentication(user, self.passwords[user]),
            "http_scheme": "https",
        }
        return trino.dbapi.connect(
            **_place(self.locked_tls), user=f"{user}@direct", **{**_LAKE, **given, **options}
        )

    def connect(self, user: str, **options: Any) -> trino.dbapi.Connection:
        """The official Python client to the gateway, which believes the name on loopback."""
        return trino.dbapi.connect(**_place(self.gateway), user=user, **{**_LAKE, **options})


_LAKE = {"catalog": "lake"}


def _place(url: str) -> dict[str, Any]:
    split = urlsplit(url)
    return {"host": split.hostname, "port": split.port}


def write(path: Path, addresses: Addresses) -> None:
    """Write the file at once, readable by its owner alone: it holds passwords."""
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(addresses), indent=2) + "\n", "utf-8")
    temporary.replace(path)


def read(path: Path) -> Addresses:
    """Read a lab's file; raises OSError or ValueError where it is none."""
    return Addresses(**json.loads(path.read_text("utf-8")))


def named() -> Addresses | None:
    """The lab ``MESHGATE_LAB`` names, if it is alive."""
    path = os.environ.get(VARIABLE)
    if not path or not Path(path).is_file():
        return None
    found = read(Path(path))
    return found if answers(f"{found.bare}/v1/info") else None


def answers(url: str, seconds: float = 5) -> bool:
    """Whether anything but an error comes back from an address."""
    try:
        with urllib.request.urlopen(url, timeout=seconds):
            return True
    except (URLError, OSError):
        return False
