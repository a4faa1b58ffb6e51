"""The deployment's scripts on the real parts they are for: PostgreSQL's roles, OPA's bundles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.policy.package import find_sources
from gateway.tokens.keys import KeyRing
from gateway.tokens.keytable import rows_of, sync
from tests.parts import opa_path, postgres_programs, require
from tests.realparts.addresses import answers
from tests.realparts.ports import free_port
from tests.realparts.postgres import postgres
from tests.realparts.process import running

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def roles() -> Iterator[tuple[str, Path]]:
    """A new cluster after ``init.sh``: its host and port, and the secrets."""
    with tempfile.TemporaryDirectory(prefix="meshgate-deploy-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # PostgreSQL runs as another user
        yield from _cluster(root)


def _cluster(root: Path) -> Iterator[tuple[str, Path]]:
    programs = require("postgres", postgres_programs())
    subprocess.run(
        [sys.executable, DEPLOY / "prepare.py", root / "secrets"], check=True, timeout=60
    )
    with postgres(root, ()) as part:
        place = part.url.rpartition("@")[2]
        host, _, port = place.partition(":")
        environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": host, "PGPORT": port, "SECRETS": str(root / "secrets"),
        }  # fmt: skip
        script = ["sh", str(DEPLOY / "postgres" / "init.sh")]
        subprocess.run(script, env=environment, check=True, timeout=60)
        yield place, root / "secrets"


def _as(roles: tuple[str, Path], role: str, database: str) -> str:
    return f"postgresql://{role}@{roles[0]}/{database}"


def test_the_gateway_writes_keys_and_trino_reads_them(roles) -> None:
    rows = rows_of(KeyRing.empty())
    sync(_as(roles, "key_writer", "keys"), rows)
    with psycopg.connect(_as(roles, "key_reader", "keys")) as reader:
        held = reader.execute("SELECT id FROM gw.keys").fetchall()
    assert {name for (name,) in held} == {row.id for row in rows}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO gw.keys VALUES ('x', 'y', 'z')",
        "UPDATE gw.keys SET k = 'a'",
        "DELETE FROM gw.keys",
        "DROP TABLE gw.keys",
        "CREATE TABLE gw.more (x int)",
    ],
)
def test_trinos_role_changes_no_key(roles, statement: str) -> None:
    sync(_as(roles, "key_writer", "keys"), rows_of(KeyRing.empty()))
    with (
        psycopg.connect(_as(roles, "key_reader", "keys")) as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        reader.execute(statement)


@pytest.mark.parametrize(
    ("role", "database"),
    [
        ("iceberg", "keys"),
        ("iceberg", "meshgate"),
        ("state", "keys"),
        ("key_reader", "iceberg"),
        ("key_reader", "meshgate"),
        ("key_writer", "meshgate"),
    ],
)
def test_each_role_has_its_own_database(roles, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(_as(roles, role, database))


def test_passwords_are_those_of_the_files(roles) -> None:
    """The cluster trusts its loopback, so the stored verifier is checked, not a login."""
    with psycopg.connect(_as(roles, "postgres", "postgres")) as admin:
        rows = admin.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolname <> 'postgres' "
            "AND rolname NOT LIKE 'pg_%'"
        ).fetchall()
    assert {role for role, _ in rows} == {"iceberg", "key_reader", "key_writer", "state"}
    for role, stored in rows:
        word = (roles[1] / f"{role}_password").read_text("utf-8")
        assert stored == _scram(word, stored), role


def _scram(word: str, like: str) -> str:
    """PostgreSQL's verifier of a password, with the salt and rounds of another."""
    rounds, salt = like.split("$")[1].split(":")
    salted = hashlib.pbkdf2_hmac("sha256", word.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    keys = ":".join(base64.b64encode(key).decode() for key in (stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt}${keys}"


def test_opa_serves_every_bundle(tmp_path: Path) -> None:
    program = require("opa", opa_path())
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "POLICIES": str(ROOT / "policies"), "BUNDLES": str(tmp_path),
    }  # fmt: skip
    script = ["sh", str(DEPLOY / "gateway" / "bundles.sh")]
    subprocess.run(script, env=environment, check=True, timeout=60)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        program, "run", "--server", "--addr", f"127.0.0.1:{port}", "--disable-telemetry",
        "--log-level", "error", "--config-file", str(tmp_path / "opa.yaml"),
    ]  # fmt: skip
    with running("opa", command, log=tmp_path / "opa.log", url=url) as part:
        part.wait(lambda: answers(f"{url}/health?bundles=true"), 30)
        for package in find_sources(ROOT / "policies"):
            with urllib.request.urlopen(f"{url}/v1/data/{package.replace('.', '/')}") as answer:
                assert json.load(answer)["result"], package


def test_a_new_catalog_gets_its_books_and_the_demo(lab, roles, tmp_path: Path) -> None:
    """As the role that owns the database, into files instead of S3; the domain files then fit."""
    host, _, port = roles[0].partition(":")
    connections = tmp_path / "connections.yaml"
    connections.write_text(
        json.dumps(
            {
                "lake": {
                    "type": "sql",
                    "database": {
                        "driver": "postgresql", "host": host, "port": int(port),
                        "name": "iceberg", "user": {"env": "ICEBERG_USER"},
                    },
                    "warehouse": f"file://{tmp_path}/warehouse",
                    "storage": {"kind": "local"},
                }
            }
        ),
        "utf-8",
    )  # fmt: skip
    environment = {
        "PATH": os.environ["PATH"], "ICEBERG_USER": "iceberg", "MESHGATE_DATA": lab.data,
        "MESHGATE_CATALOG__DIRECTORY": str(ROOT / "catalogs"),
        "MESHGATE_CATALOG__CONNECTIONS_FILE": str(connections),
    }  # fmt: skip
    script = [sys.executable, DEPLOY / "gateway" / "catalogs.py"]
    check = [Path(sys.executable).parent / "meshgate", "catalog", "check", ROOT / "catalogs"]
    subprocess.run(script, env=environment, check=True, timeout=60)
    empty = subprocess.run(check, env=environment, capture_output=True, check=False, timeout=60)
    assert empty.returncode == 1
    subprocess.run([*script, "--demo", lab.data], env=environment, check=True, timeout=200)
    subprocess.run(check, env=environment, check=True, timeout=60)
