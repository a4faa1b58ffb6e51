"""A PostgreSQL cluster of our own: by its own programs, as an unprivileged user, fsync on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.parts import postgres_programs
from tests.realparts.ports import free_port
from tests.realparts.process import Part, running

USER = "postgres"
KEY_READER = "key_reader"
PASSWORD = "unused"  # the cluster trusts its loopback; drivers insist on sending one
_START_SECONDS = 60


@contextmanager
def postgres(root: Path, databases: Sequence[str], port: int | None = None) -> Iterator[Part]:
    """Run a cluster below ``root`` with some databases; its url is ``postgresql://user@host:port``.

    The server refuses to run as root, so root becomes ``nobody`` for it.
    """
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError("no PostgreSQL server: install the package `postgresql`")
    port = port or free_port()
    user = "nobody" if os.geteuid() == 0 else None
    home = root / "postgres"
    home.mkdir()
    if user:
        shutil.chown(home, user)
    _create(programs, home, user)
    url = f"postgresql://{USER}@127.0.0.1:{port}"
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(home),
        "max_connections": "200",
        "fsync": "on",
        "timezone": "UTC",
    }
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    command = [programs / "postgres", "-D", home / "data", "-p", str(port), *words]
    fast, at_once = signal.SIGINT, signal.SIGQUIT
    with running(
        "postgres", command, log=root / "postgres.log", url=url, user=user, stop=fast,
        orphaned=at_once,
    ) as part:  # fmt: skip
        part.wait(lambda: _answers(url), _START_SECONDS)
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            for name in databases:
                connection.execute(f'CREATE DATABASE "{name}"')
        yield part


def make_key_reader(database: str) -> None:
    """Make the role by which Trino reads token keys, and nothing else, in the ``keys`` database."""
    with psycopg.connect(database) as connection:
        connection.execute(f"CREATE ROLE {KEY_READER} LOGIN")
        connection.execute("CREATE SCHEMA gw")
        connection.execute(f"GRANT USAGE ON SCHEMA gw TO {KEY_READER}")
        connection.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA gw GRANT SELECT ON TABLES TO {KEY_READER}"
        )


def _create(programs: Path, home: Path, user: str | None) -> None:
    subprocess.run(
        [
            *(programs / "initdb", "--no-sync", "-D", home / "data", "-U", USER),
            *("-A", "trust", "-E", "UTF8", "--locale=C"),
        ],
        check=True,
        capture_output=True,
        user=user,
        cwd=home,
        timeout=_START_SECONDS,
    )


def _answers(url: str) -> bool:
    try:
        psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
