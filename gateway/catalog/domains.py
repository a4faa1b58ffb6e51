"""Domain files and connections as they are written: what can be known without Iceberg."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.catalog import cross
from gateway.catalog.connect import read_connections
from gateway.catalog.connection import Connection
from gateway.catalog.model import Problem
from gateway.catalog.parse import parse_domain
from gateway.catalog.spec import DomainSpec

RESERVED = frozenset({"connections.yaml", "grants.yaml", "principals.yaml"})
CONNECTIONS_VARIABLE = "MESHGATE_CATALOG__CONNECTIONS_FILE"
"""The setting, for commands that need no other."""


def connections_setting() -> Path | None:
    """Give the connections file that the environment names, for commands without settings."""
    named = os.environ.get(CONNECTIONS_VARIABLE)
    return Path(named) if named else None


def read_files(directory: Path) -> dict[Path, bytes | None]:
    """Read the domain files (``*.yaml`` but the reserved names); None: cannot be read.

    ``*.yml`` is read too, to be refused by name; editors' dot files are not.
    """
    paths = sorted(
        path
        for path in directory.glob("*.y*ml")
        if path.suffix in {".yaml", ".yml"}
        and path.name not in RESERVED
        and not path.name.startswith(".")
    )
    return {path: _read(path) for path in paths}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Declared:
    """What the files say: the domains that may be served, and each problem found so far."""

    open: tuple[DomainSpec, ...]
    closed: frozenset[Path]
    problems: tuple[Problem, ...]

    @property
    def connections(self) -> dict[str, Connection]:
        """How each catalog of an open domain is reached, by name, in order."""
        found = {spec.connection.name: spec.connection for spec in self.open if spec.connection}
        return dict(sorted(found.items()))


class DomainFiles:
    """Reads domain files; those that did not change since the last time are not parsed again."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        connections_file: Path | None = None,
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self._file = connections_file
        self._connections: Mapping[str, Connection] | None = None
        self._specs: dict[tuple[Path, bytes], DomainSpec] = {}

    def read(self, files: Mapping[Path, bytes | None]) -> Declared:
        """Give what these files, and the connections file as it is now, say."""
        files = {path: content for path, content in files.items() if not self._is_own(path)}
        read = {path: self._spec(path, content) for path, content in files.items()}
        self._specs = {
            (path, content): read[path] for path, content in files.items() if content is not None
        }
        unread = self._read_connections()
        specs = {path: self._connected(spec) for path, spec in read.items()}
        valid = [spec for spec in specs.values() if not spec.problems]
        between = cross.check(valid, specs.values())
        found = [problem for spec in specs.values() for problem in spec.problems]
        found += [problem for problems in between.values() for problem in problems]
        opened = tuple(spec for spec in valid if spec.file not in between)
        kept = {spec.file for spec in opened}
        closed = frozenset(path for path, spec in specs.items() if spec.file not in kept)
        return Declared(opened, closed, (*found, *unread))

    def _is_own(self, path: Path) -> bool:
        return self._file is not None and path.resolve() == self._file.resolve()

    def _spec(self, path: Path, content: bytes | None) -> DomainSpec:
        if content is None:
            problem = Problem(str(path), 1, 1, "unreadable", "the file cannot be read")
            return DomainSpec(str(path), "", None, None, None, (), (), (), (problem,))
        known = self._specs.get((path, content))
        return known or parse_domain(path, content, self._environment)

    def _read_connections(self) -> tuple[Problem, ...]:
        """Read the connections file; one that turns invalid leaves the last good ones in force."""
        if self._file is None:
            return ()
        found, problems = read_connections(self._file, _read(self._file), self._environment)
        if not problems or self._connections is None:
            self._connections = found
        return problems

    def _connected(self, spec: DomainSpec) -> DomainSpec:
        """Take the connection from the connections file, if there is one."""
        mark = spec.connection_mark
        if spec.domain is None or not spec.domain.catalog or mark is None:
            return spec
        name = spec.domain.catalog
        if self._file is not None:
            connection = (self._connections or {}).get(name)
            message = f"{name} is not in {self._file}"
        else:
            connection = spec.connection
            message = f"{name} needs type and database here, or a connections file"
        if connection is not None or spec.problems:
            return replace(spec, connection=connection)
        problem = Problem(spec.file, mark.line, mark.column, "missing-connection", message)
        return replace(spec, connection=None, problems=(problem,))
