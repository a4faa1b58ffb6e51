"""Where the real parts stand, and what to do when one is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("MESHGATE_CACHE", Path.home() / ".cache" / "meshgate"))
REQUIRED = frozenset(filter(None, os.environ.get("MESHGATE_REQUIRE", "").split(",")))


def opa_path() -> Path | None:
    """The OPA binary: MESHGATE_OPA, the cache, PATH."""
    named = os.environ.get("MESHGATE_OPA")
    found = named or shutil.which("opa", path=f"{CACHE}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


def jdbc_jar() -> Path | None:
    """The Trino JDBC driver, where Java is there to run it."""
    return _jar("trino-jdbc-476.jar")


def cli_jar() -> Path | None:
    """The Trino CLI, where Java is there to run it."""
    return _jar("trino-cli-476-executable.jar")


def _jar(name: str) -> Path | None:
    path = CACHE / name
    return path if path.is_file() and shutil.which("java") else None


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
