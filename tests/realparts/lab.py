"""The whole lab: every real part started once, in the order they need each other."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.parts import opa_path
from tests.realparts import lake, meshgate, opa, postgres, rest, trino
from tests.realparts.addresses import SERVICE, Addresses
from tests.realparts.certificate import certify
from tests.realparts.ports import free_port

ROOT = Path(__file__).parents[2]
PEOPLE = ("ana", "fred", "clara", "cora", "olga", "bo", "sam")
DATABASES = ("iceberg", "rest", "keys", "meshgate")
CATALOGS = ("lake", "rest", "gov", "tpch", "memory")
ROW = "SELECT claim_id FROM lake.claims.claims LIMIT 1"
_ICEBERG = {
    "connector.name": "iceberg",
    "iceberg.register-table-procedure.enabled": "false",
    "iceberg.add-files-procedure.enabled": "false",
    "fs.native-local.enabled": "true",
    "local.location": "/",
}


@dataclass(slots=True)
class _Building:
    """What is up so far."""

    stack: ExitStack
    root: Path
    lab: Addresses


@contextmanager
def laboratory(root: Path, *, whole: bool = True) -> Iterator[Addresses]:
    """Run the lab below ``root``, an empty directory; ``whole`` adds lock and gateway.

    Raises:
        FileNotFoundError: a part is not on this machine; the text says how to bring it.
        PartError: a part did not start; the text holds the end of its log.

    """
    with ExitStack() as stack:
        building = _storage(stack, root)
        files = trino.Files(others=_catalogs(building.lab))
        bare = stack.enter_context(trino.trino(root, "bare", files))
        building.lab = replace(building.lab, bare=bare.url)
        if whole:
            _lock(building)
        with building.lab.connect_bare() as connection:
            trino.wait_until_serving(bare, connection, CATALOGS, ROW)
            connection.cursor().execute("CREATE SCHEMA lake.scratch").fetchall()
        yield building.lab


def _storage(stack: ExitStack, root: Path) -> _Building:
    """PostgreSQL, the demo's tables in it, the REST catalog over it."""
    warehouse = root / "warehouse"
    (warehouse / "rest").mkdir(parents=True)
    data = lake.demo()
    database = stack.enter_context(postgres.postgres(root, DATABASES))
    lab = Addresses(
        bare="", postgres=database.url, data=str(data), warehouse=str(warehouse), root=str(root)
    )
    lake.share(lab, data / "lake.db")
    host = stack.enter_context(rest.rest(root, database.url, warehouse / "rest"))
    return _Building(stack, root, replace(lab, rest=host.url))


def _lock(building: _Building) -> None:
    """The gateway and the Trino that asks it. Each needs the other's address first."""
    stack, root = building.stack, building.root
    passwords = {name: secrets.token_urlsafe(18) for name in (*PEOPLE, SERVICE)}
    port, internal = free_port(), free_port()
    lab = replace(building.lab, passwords=passwords, internal=f"http://127.0.0.1:{internal}")
    guarded = trino.lock_files(root / "locked" / "etc", lab.internal, passwords)
    keys, authority = certify(root)
    tls = free_port()
    files = trino.Files(
        (*guarded.config, *trino.tls_lines(keys, tls)), {**guarded.others, **_catalogs(lab)}
    )
    locked = stack.enter_context(trino.trino(root, "locked", files))
    lab = replace(
        lab,
        locked=locked.url,
        locked_tls=f"https://127.0.0.1:{tls}",
        authority=str(authority),
    )
    if opa_path() is not None:
        lab = replace(lab, opa=stack.enter_context(opa.opa(root, ROOT / "policies")).url)
    trino.wait_until_started(locked)
    settings = gateway_settings(lab, "gateway", internal)
    served = stack.enter_context(meshgate.meshgate(root, "gateway", port, settings))
    building.lab = replace(lab, gateway=served.url)
    with building.lab.connect_direct("ana") as connection:
        trino.wait_until_serving(locked, connection, ("lake",), ROW)


def gateway_settings(lab: Addresses, name: str, internal: int | None = None) -> dict[str, str]:
    """The settings of a gateway before the lab's locked Trino; ``name`` is its state's folder."""
    secret = Path(lab.root) / f"{name}-secrets"
    secret.mkdir(mode=0o700)
    files = {
        "service-password": lab.passwords[SERVICE],
        "passwords": trino.password_lines({p: lab.passwords[p] for p in PEOPLE}),
        "connections.yaml": json.dumps(_connections(lab)),
    }
    for file, text in files.items():
        (secret / file).touch(mode=0o600)
        (secret / file).write_text(text, "utf-8")
    # Below the lab, so that a test can change them under a running gateway.
    for folder in ("catalogs", "policies"):
        shutil.copytree(ROOT / folder, Path(lab.root) / folder, dirs_exist_ok=True)
    policy = {"MESHGATE_POLICY__ENGINE": "rego"}
    if lab.opa:
        policy = {"MESHGATE_POLICY__ENGINE": "opa", "MESHGATE_POLICY__OPA_URL": lab.opa}
    return {
        **policy,
        "ICEBERG_USER": postgres.USER,
        "ICEBERG_PASSWORD": postgres.PASSWORD,
        "MESHGATE_DATA": lab.data,
        "MESHGATE_CATALOG__DIRECTORY": f"{lab.root}/catalogs",
        "MESHGATE_CATALOG__CONNECTIONS_FILE": f"{secret}/connections.yaml",
        "MESHGATE_POLICY__DIRECTORY": f"{lab.root}/policies",
        "MESHGATE_POLICY__TIMEOUT_SECONDS": "10",  # two cores are shared by all parts
        "MESHGATE_STATE__DIRECTORY": f"{lab.root}/{name}-state",
        "MESHGATE_STATE__DATABASE_URL": lab.database("meshgate"),
        "MESHGATE_IDENTITY__PASSWORD_FILE": f"{secret}/passwords",
        "MESHGATE_IDENTITY__TRUST_USER_HEADER": "true",
        "MESHGATE_ENGINE__KIND": "trino",
        "MESHGATE_ENGINE__WORKERS": "1",
        "MESHGATE_TRINO__URL": lab.locked,
        "MESHGATE_TRINO__PASSWORD_FILE": f"{secret}/service-password",
        "MESHGATE_TRINO__FORWARDED_HTTPS": "true",
        "MESHGATE_TRINO__KEY_DATABASE_URL": lab.database("keys"),
        "MESHGATE_SERVER__DRAIN_SECONDS": "3",
        **({} if internal is None else {"MESHGATE_SERVER__INTERNAL_PORT": str(internal)}),
    }


def relaying_settings(lab: Addresses, root: Path) -> dict[str, str]:
    """Further settings of a gateway before the bare Trino, without the second lock."""
    connections = root / "connections.yaml"
    connections.write_text(json.dumps(_connections(lab)), "utf-8")
    return {
        "ICEBERG_USER": postgres.USER,
        "ICEBERG_PASSWORD": postgres.PASSWORD,
        "MESHGATE_CATALOG__CONNECTIONS_FILE": str(connections),
        "MESHGATE_ENGINE__KIND": "trino",
        "MESHGATE_TRINO__URL": lab.bare,
        "MESHGATE_TRINO__SECOND_LOCK": "off",
    }


def _connections(lab: Addresses) -> dict[str, object]:
    """The demo's catalog on the lab's PostgreSQL instead of SQLite."""
    host, _, port = lab.postgres.rpartition("@")[2].partition(":")
    return {
        "lake": {
            "type": "sql",
            "database": {
                "driver": "postgresql",
                "host": host,
                "port": int(port),
                "name": "iceberg",
                "user": {"env": "ICEBERG_USER"},
                "password": {"env": "ICEBERG_PASSWORD"},
            },
            "warehouse": f"file://{lab.warehouse}",
            "storage": {"kind": "local"},
        }
    }


def _catalogs(lab: Addresses) -> dict[str, str]:
    """Each catalog's file below ``etc``."""
    return {f"catalog/{name}.properties": _properties(of) for name, of in _named(lab).items()}


def _named(lab: Addresses) -> Mapping[str, Mapping[str, str]]:
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


def _properties(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
