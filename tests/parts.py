"""Where the real parts stand, and what to do when one is missing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("MESHGATE_CACHE", Path.home() / ".cache" / "meshgate"))
REQUIRED = frozenset(filter(None, os.environ.get("MESHGATE_REQUIRE", "").split(",")))
TRINO_VERSION = 476
JDBC_VERSIONS = (400, 435, 461, 476, 483)
_LEAST_JDK = 24
_JUDGE_JARS = (
    f"trino-parser-{TRINO_VERSION}",
    f"trino-grammar-{TRINO_VERSION}",
    "antlr4-runtime-4.13.2",
    "guava-33.4.8-jre",
    "failureaccess-1.0.3",
)
_JDK_FOLDERS = (
    "/usr/lib/jvm/*",
    "/opt/*jdk*",
    "/opt/java/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
)
_JDK_FOLDERS_AT_HOME = (".sdkman/candidates/java/*", ".jdks/*")
_POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)


def opa_path() -> Path | None:
    """The OPA binary: MESHGATE_OPA, the cache, PATH."""
    named = os.environ.get("MESHGATE_OPA")
    found = named or shutil.which("opa", path=f"{CACHE}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


def jdbc_jar(version: int = TRINO_VERSION) -> Path | None:
    """The Trino JDBC driver, where Java is there to run it."""
    return _jar(f"trino-jdbc-{version}.jar") if shutil.which("java") else None


def cli_jar() -> Path | None:
    """The Trino CLI, where Java is there to run it."""
    return _jar(f"trino-cli-{TRINO_VERSION}-executable.jar") if shutil.which("java") else None


def judge_jars() -> list[Path] | None:
    """Trino's parser and what it needs, all or nothing."""
    found = [_jar(f"{name}.jar") for name in _JUDGE_JARS]
    jars = [path for path in found if path is not None]
    return jars if len(jars) == len(_JUDGE_JARS) else None


def rest_jar() -> Path | None:
    """Iceberg's tests, which hold its REST servlet."""
    return _jar("iceberg-core-1.9.1-tests.jar")


def trino_home() -> Path | None:
    """The unpacked Trino server."""
    path = CACHE / f"trino-server-{TRINO_VERSION}"
    return path if path.is_dir() else None


def jdk() -> Path | None:
    """The ``java`` of a JDK new enough for Trino: JAVA_HOME, PATH, the usual folders."""
    good = [(version, home) for home in _java_homes() if (version := _jdk_version(home))]
    fit = [(version, home) for version, home in good if version >= _LEAST_JDK]
    return min(fit)[1] / "bin" / "java" if fit else None


def postgres_programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``, newest version first."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    for pattern in _POSTGRES_FOLDERS:
        folders += sorted(_glob(pattern), key=_numbers, reverse=True)
    return next((one for one in folders if (one / "initdb").is_file()), None)


def require(part: str, found: Path | None) -> Path:
    """The part's path; without it a skip that says so, or a failure where it is required."""
    if found is None:
        missing(part, f"{part} is not here: run `make fetch`")
    return found


def missing(part: str, message: str) -> NoReturn:
    """Skip saying why; fail where the part is required."""
    if part in REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


def _jar(name: str) -> Path | None:
    path = CACHE / name
    return path if path.is_file() else None


def _java_homes() -> Iterator[Path]:
    if named := os.environ.get("JAVA_HOME"):
        yield Path(named)
    if found := shutil.which("java"):
        yield Path(found).resolve().parent.parent
    for pattern in _JDK_FOLDERS:
        yield from _glob(pattern)
    for pattern in _JDK_FOLDERS_AT_HOME:
        yield from Path.home().glob(pattern)


def _jdk_version(home: Path) -> int | None:
    """The major version, from the file every JDK has beside its folders."""
    try:
        text = (home / "release").read_text("utf-8")
    except OSError:
        return None
    found = re.search(r'^JAVA_VERSION="(\d+)', text, re.MULTILINE)
    return int(found[1]) if found and (home / "bin" / "java").is_file() else None


def _glob(pattern: str) -> list[Path]:
    return sorted(Path("/").glob(pattern.removeprefix("/")))


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]
