"""A Trino server of our own: its files written here, its process, when it is ready."""

from __future__ import annotations

import json
import os
import secrets
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

import bcrypt
import trino as client

from tests.parts import jdk, trino_home
from tests.realparts.ports import free_port
from tests.realparts.process import Part, running

PLUGINS = (
    "iceberg",
    "tpch",
    "memory",
    "opa",
    "password-authenticators",
    "postgresql",
    "geospatial",  # the PostgreSQL connector does not start without it
)
JVM = (
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:ReservedCodeCacheSize=256M",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dfile.encoding=UTF-8",
)
_START_SECONDS = 240
_PASSWORD_ROUNDS = 8  # the least Trino takes


@dataclass(frozen=True, slots=True)
class Files:
    """A server's configuration: lines of ``config.properties``, and further files by name."""

    config: Sequence[str] = ()
    others: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def trino(
    root: Path,
    name: str,
    files: Files,
    *,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    heap: str = "2G",
) -> Iterator[Part]:
    """Start a server below ``root``; it is not ready yet (see :func:`wait_until_serving`).

    ``files.others`` holds paths below ``etc``, such as ``catalog/lake.properties``.
    """
    home, java = trino_home(), jdk()
    if home is None:
        raise FileNotFoundError("no Trino server: run `make fetch`")
    if java is None:
        raise FileNotFoundError("Trino needs a JDK 24 or newer: install one, or set JAVA_HOME")
    port = port or free_port()
    folder = root / name
    _write(folder, home, port, files)
    command = [
        *(java, "-cp", f"{home}/lib/*", f"-Xmx{heap}", *JVM),
        *("-Dnode.environment=test", f"-Dnode.data-dir={folder}/data"),
        *(f"-Dconfig={folder}/etc/config.properties", "io.trino.server.TrinoServer"),
    ]
    with running(
        f"trino {name}",
        command,
        log=root / f"trino-{name}.log",
        url=f"http://127.0.0.1:{port}",
        environment={**os.environ, **(environment or {})},
        folder=folder,
    ) as part:
        yield part


def wait_until_started(part: Part) -> None:
    """Wait until the server says that it has started."""
    part.wait(lambda: not _starting(part.url), _START_SECONDS)


def wait_until_serving(
    part: Part, connection: client.dbapi.Connection, catalogs: Sequence[str], row: str
) -> None:
    """Wait until it lists all catalogs and answers ``row``, a statement over Iceberg."""
    wait_until_started(part)
    last: list[str] = []

    def serving() -> bool:
        cursor = connection.cursor()
        try:
            listed = {name for (name,) in cursor.execute("SHOW CATALOGS").fetchall()}
            last[:] = [f"catalogs: {sorted(listed)}"]
            return listed >= set(catalogs) and bool(cursor.execute(row).fetchall())
        except client.exceptions.Error as error:
            last[:] = [str(error)]
            return False

    try:
        part.wait(serving, _START_SECONDS)
    except RuntimeError as error:
        raise type(error)(f"{error}\nlast answer: {last}") from None


def _starting(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/info", timeout=5) as answer:
            return bool(json.load(answer)["starting"])
    except (URLError, OSError):
        return True


def _write(folder: Path, home: Path, port: int, files: Files) -> None:
    plugins = folder / "plugin"
    plugins.mkdir(parents=True)
    for name in PLUGINS:
        (plugins / name).symlink_to(home / "plugin" / name)
    etc = folder / "etc"
    (etc / "catalog").mkdir(parents=True, exist_ok=True)
    base = (
        "coordinator=true",
        "node-scheduler.include-coordinator=true",
        f"http-server.http.port={port}",
        f"discovery.uri=http://127.0.0.1:{port}",
        "query.max-memory=1GB",
        f"plugin.dir={plugins}",
    )
    for path, text in {"config.properties": _lines((*base, *files.config)), **files.others}.items():
        target = etc / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(text, "utf-8")


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def password_lines(passwords: Mapping[str, str]) -> str:
    """A password file in Trino's format, which the gateway reads too."""
    return _lines([f"{name}:{_hashed(word)}" for name, word in passwords.items()])


def _hashed(word: str) -> str:
    salted = bcrypt.hashpw(word.encode(), bcrypt.gensalt(_PASSWORD_ROUNDS))
    return salted.decode().replace("$2b$", "$2y$", 1)  # the same hash by the name Trino knows


def tls_lines(keys: Path, port: int) -> tuple[str, ...]:
    """What makes a server listen with TLS too; ``keys`` holds its key and certificate."""
    return (
        "http-server.https.enabled=true",
        f"http-server.https.port={port}",
        f"http-server.https.keystore.path={keys}",
    )


def lock_files(etc: Path, internal: str, passwords: Mapping[str, str]) -> Files:
    """What makes a server ask the gateway and take people's and the service's passwords."""
    asked = f"{internal}/trino-opa/v1"
    mapping = [
        {"pattern": "^meshgate$", "user": "meshgate"},
        {"pattern": "(?i)^(meshgate.*|.*@direct)$", "allow": False},
        {"pattern": "^(.+?)(@direct)?$", "user": "$1@direct"},
    ]
    config = (
        "http-server.authentication.type=PASSWORD",
        f"http-server.authentication.password.user-mapping.file={etc}/user-mapping.json",
        "http-server.authentication.allow-insecure-over-http=false",
        "http-server.process-forwarded=true",
        f"internal-communication.shared-secret={secrets.token_hex(32)}",
        "hide-inaccessible-columns=true",
    )
    others = {
        "access-control.properties": _lines(
            (
                "access-control.name=opa",
                f"opa.policy.uri={asked}/allow",
                f"opa.policy.batched-uri={asked}/batch",
                f"opa.policy.row-filters-uri={asked}/rowFilters",
                f"opa.policy.batch-column-masking-uri={asked}/batchColumnMasks",
                "opa.http-client.idle-timeout=2s",
            )
        ),
        "password-authenticator.properties": _lines(
            ("password-authenticator.name=file", f"file.password-file={etc}/password.db")
        ),
        "password.db": password_lines(passwords),
        "user-mapping.json": json.dumps({"rules": mapping}, indent=2),
    }
    return Files(config, others)
