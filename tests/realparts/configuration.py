"""What the lab's servers are told: a gateway's settings, Trino's catalogs, the second lock."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.differential import mesh as drawn
from tests.realparts import postgres, trino
from tests.realparts.addresses import SERVICE, Addresses

ROOT = Path(__file__).parents[2]
PEOPLE = ("ana", "fred", "clara", "cora", "olga", "bo", "sam", *drawn.people())
ENVIRONMENT = {
    "ICEBERG_USER": postgres.USER,
    "ICEBERG_PASSWORD": postgres.PASSWORD,
    "KEY_READER_USER": postgres.KEY_READER,
    "KEY_READER_PASSWORD": postgres.PASSWORD,
}
"""The secrets that connections and ``catalog render`` name instead of writing them."""
_RENDER_SECONDS = 120
_ICEBERG = {
    "connector.name": "iceberg",
    "iceberg.register-table-procedure.enabled": "false",
    "iceberg.add-files-procedure.enabled": "false",
    "fs.native-local.enabled": "true",
    "local.location": "/",
}


def gateway_settings(lab: Addresses, name: str, internal: int | None = None) -> dict[str, str]:
    """The settings of a gateway before the lab's locked Trino.

    ``name`` tells its files from other gateways' below ``lab.root``; ``internal`` is its internal
    listener's port. Catalogs and policies are the lab's copies, which a test may change.
    """
    root = Path(lab.root)
    secret = root / f"{name}-secrets"
    secret.mkdir(exist_ok=True, mode=0o700)
    people = {person: lab.passwords[person] for person in PEOPLE}
    policy = {"MESHGATE_POLICY__ENGINE": "rego"}
    if lab.opa:
        policy = {"MESHGATE_POLICY__ENGINE": "opa", "MESHGATE_POLICY__OPA_URL": lab.opa}
    return {
        **ENVIRONMENT,
        **policy,
        "MESHGATE_DATA": lab.data,
        "MESHGATE_CATALOG__DIRECTORY": f"{root}/catalogs",
        "MESHGATE_CATALOG__CONNECTIONS_FILE": _connections(secret, lab),
        "MESHGATE_POLICY__DIRECTORY": f"{root}/policies",
        "MESHGATE_POLICY__TIMEOUT_SECONDS": "10",  # few cores are shared by all parts
        "MESHGATE_STATE__DIRECTORY": f"{root}/{name}-state",
        "MESHGATE_STATE__DATABASE_URL": lab.database("meshgate"),
        "MESHGATE_IDENTITY__PASSWORD_FILE": _private(
            secret / "passwords", trino.password_lines(people)
        ),
        "MESHGATE_IDENTITY__TRUST_USER_HEADER": "true",
        "MESHGATE_ENGINE__KIND": "trino",
        "MESHGATE_ENGINE__WORKERS": "1",
        "MESHGATE_TRINO__URL": lab.locked,
        "MESHGATE_TRINO__PASSWORD_FILE": _private(secret / "service", lab.passwords[SERVICE]),
        "MESHGATE_TRINO__FORWARDED_HTTPS": "true",
        "MESHGATE_TRINO__KEY_DATABASE_URL": lab.database("keys"),
        "MESHGATE_SERVER__DRAIN_SECONDS": "3",
        **({} if internal is None else {"MESHGATE_SERVER__INTERNAL_PORT": str(internal)}),
    }


def relaying_settings(lab: Addresses, root: Path) -> dict[str, str]:
    """Further settings of a gateway before the bare Trino, without the second lock."""
    return {
        **ENVIRONMENT,
        "MESHGATE_CATALOG__CONNECTIONS_FILE": _connections(root, lab),
        "MESHGATE_ENGINE__KIND": "trino",
        "MESHGATE_TRINO__URL": lab.bare,
        "MESHGATE_TRINO__SECOND_LOCK": "off",
    }


def locked_files(etc: Path, lab: Addresses, settings: Mapping[str, str], tls: int) -> trino.Files:
    """Write below ``etc`` what ``meshgate catalog render`` makes of these settings; give the rest.

    The rest is what an operator has already: passwords, TLS, and catalogs the gateway knows not.
    ``lab.root`` holds the server's key. A proxy's header stands for TLS on the plain port.
    """
    start = "from gateway.cli.main import main; main()"
    words = ("catalog", "render", "--trino", etc, "--lock-url", lab.internal)
    subprocess.run(
        [sys.executable, "-c", start, *words, settings["MESHGATE_CATALOG__DIRECTORY"]],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**without_settings(), **settings},
        timeout=_RENDER_SECONDS,
    )
    config = (
        *(etc / "config.properties.meshgate").read_text("utf-8").splitlines(),
        *trino.tls_lines(Path(lab.root) / "server.pem", tls),
        "http-server.process-forwarded=true",
        f"internal-communication.shared-secret={secrets.token_hex(32)}",
    )
    rendered = {f"catalog/{path.name}" for path in (etc / "catalog").iterdir()}
    more = {path: text for path, text in catalog_files(lab).items() if path not in rendered}
    return trino.Files(config, {**more, "password.db": trino.password_lines(lab.passwords)})


def without_settings() -> dict[str, str]:
    """The environment without any of the gateway's settings."""
    return {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}


def catalog_files(lab: Addresses) -> dict[str, str]:
    """Each catalog of a Trino without gateway: its file below ``etc``, and what it holds."""
    return {f"catalog/{name}.properties": _properties(of) for name, of in _catalogs(lab).items()}


def _catalogs(lab: Addresses) -> Mapping[str, Mapping[str, str]]:
    jdbc = "jdbc:" + lab.postgres.replace(f"//{postgres.USER}@", "//", 1)
    jdbc_catalog = {
        "driver-class": "org.postgresql.Driver",
        "connection-url": f"{jdbc}/iceberg",
        "connection-user": postgres.USER,
        "connection-password": postgres.PASSWORD,
        "catalog-name": "lake",
        "default-warehouse-dir": f"file://{lab.warehouse}",
        "schema-version": "V1",
    }
    return {
        "lake": {
            **_ICEBERG,
            "iceberg.catalog.type": "jdbc",
            **{f"iceberg.jdbc-catalog.{name}": value for name, value in jdbc_catalog.items()},
        },
        "rest": {
            **_ICEBERG,
            "iceberg.catalog.type": "rest",
            "iceberg.rest-catalog.uri": lab.rest,
        },
        "gov": {
            "connector.name": "postgresql",
            "connection-url": f"{jdbc}/keys",
            "connection-user": postgres.USER,
            "connection-password": postgres.PASSWORD,
        },
        "tpch": {
            "connector.name": "tpch",
            "tpch.column-naming": "STANDARD",
            "tpch.double-type-mapping": "DECIMAL",
        },
        "memory": {"connector.name": "memory"},
    }


def _connections(folder: Path, lab: Addresses) -> str:
    """Write how catalogs are reached: the demo's on PostgreSQL instead of SQLite; its path."""
    host, _, port = lab.postgres.rpartition("@")[2].partition(":")
    database = {
        "driver": "postgresql",
        "host": host,
        "port": int(port),
        "name": "iceberg",
        "user": {"env": "ICEBERG_USER"},
        "password": {"env": "ICEBERG_PASSWORD"},
    }
    lake = {
        "type": "sql",
        "database": database,
        "warehouse": f"file://{lab.warehouse}",
        "storage": {"kind": "local"},
    }
    return _private(folder / "connections.yaml", json.dumps({"lake": lake}))


def _private(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return str(path)


def _properties(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
