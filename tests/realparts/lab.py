"""The whole lab: every real part started once, in the order they need each other."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from trino.exceptions import TrinoQueryError

from tests.differential import mesh as drawn
from tests.parts import opa_path
from tests.realparts import lake, meshgate, opa, postgres, rest, trino
from tests.realparts.addresses import SERVICE, Addresses
from tests.realparts.certificate import certify
from tests.realparts.configuration import (
    ENVIRONMENT,
    PEOPLE,
    ROOT,
    catalog_files,
    gateway_settings,
    locked_files,
)
from tests.realparts.ports import free_port, port_of
from tests.realparts.process import Part

DATABASES = ("iceberg", "rest", "keys", "meshgate")
CATALOGS = ("lake", "rest", "gov", "tpch", "memory")
ROW = "SELECT claim_id FROM lake.claims.claims LIMIT 1"


@contextmanager
def laboratory(root: Path, *, whole: bool = True) -> Iterator[Addresses]:
    """Run the lab below ``root``, an empty directory; ``whole`` adds lock and gateway.

    Raises:
        FileNotFoundError: a part is not on this machine; the text says how to bring it.
        PartError: a part did not start; the text holds the end of its log.

    """
    with ExitStack() as stack:
        lab = _storage(stack, root)
        bare = stack.enter_context(trino.trino(root, "bare", trino.Files((), catalog_files(lab))))
        lab = replace(lab, bare=bare.url)
        if whole:
            lab = _lock(stack, lab)
        with lab.connect_bare() as connection:
            trino.wait_until_serving(bare, connection, CATALOGS, ROW)
            connection.cursor().execute("CREATE SCHEMA lake.scratch").fetchall()
        yield lab


def _storage(stack: ExitStack, root: Path) -> Addresses:
    """PostgreSQL, the demo's tables in it, the REST catalog over it."""
    warehouse = root / "warehouse"
    (warehouse / "rest").mkdir(parents=True)
    data = lake.demo()
    database = stack.enter_context(postgres.postgres(root, DATABASES))
    postgres.make_key_reader(f"{database.url}/keys")
    lab = Addresses(
        bare="", postgres=database.url, data=str(data), warehouse=str(warehouse), root=str(root)
    )
    lake.share(lab, data / "lake.db")
    host = stack.enter_context(rest.rest(root, database.url, warehouse / "rest"))
    return replace(lab, rest=host.url)


def _lock(stack: ExitStack, lab: Addresses) -> Addresses:
    """The gateway and the Trino that asks it: each needs the other's address first."""
    root = Path(lab.root)
    lab = replace(lab, **_places(), passwords=_passwords(), authority=str(certify(root)))
    for folder in ("catalogs", "policies"):  # copies, so that a test can change them
        shutil.copytree(ROOT / folder, root / folder)
    drawn.extend(root / "catalogs", root / "policies")
    with closing(SqlCatalog("lake", **lab.iceberg())) as catalog:
        drawn.store(catalog)
    if opa_path() is not None:
        lab = replace(lab, opa=stack.enter_context(opa.opa(root, root / "policies")).url)
    settings = gateway_settings(lab, "gateway", port_of(lab.internal))
    locked = _locked(stack, lab, settings)
    trino.wait_until_started(locked)
    stack.enter_context(meshgate.meshgate(root, "gateway", port_of(lab.gateway), settings))
    with lab.connect_direct("ana") as connection:
        trino.wait_until_serving(locked, connection, ("lake",), ROW)
    for person in PEOPLE:
        _acquaint(lab, person)
    return lab


def _acquaint(lab: Addresses, person: str) -> None:
    """Let the lock decide about a person before a test asks; it refuses what takes it too long."""
    with lab.connect_direct(person) as connection, suppress(TrinoQueryError):
        connection.cursor().execute(ROW).fetchall()


def _places() -> dict[str, str]:
    plain = {name: f"http://127.0.0.1:{free_port()}" for name in ("locked", "gateway", "internal")}
    return {**plain, "locked_tls": f"https://127.0.0.1:{free_port()}"}


def _passwords() -> dict[str, str]:
    return {name: secrets.token_urlsafe(18) for name in (*PEOPLE, SERVICE)}


def _locked(stack: ExitStack, lab: Addresses, settings: dict[str, str]) -> Part:
    root = Path(lab.root)
    files = locked_files(root / "locked" / "etc", lab, settings, port_of(lab.locked_tls))
    port = port_of(lab.locked)
    server = trino.trino(root, "locked", files, port=port, environment=ENVIRONMENT)
    return stack.enter_context(server)
