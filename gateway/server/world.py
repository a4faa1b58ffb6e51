"""A fixture world: a whole data mesh in one YAML file, without any data.

``meshgate govern --world FILE.yaml`` and the golden tests plan against it. The format
is described in ``tests/README.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from gateway.access.lines import Place, compose
from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Domain, Problem, Table
from gateway.identity.directory import Directory, DirectoryError
from gateway.names import TableName
from gateway.server.worldparts import (
    Entries,
    check_references,
    grant_of,
    read_domain,
    read_tables,
    time_of,
)

_NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
_KEYS = {"world", "policies", "principals", "domains"}


class WorldError(ValueError):
    """The file describes no world; the text lists every finding with line and column."""


@dataclass(frozen=True, slots=True)
class World:
    """A mesh as the pipeline sees it. ``now`` is the clock of everything asked of it."""

    name: str
    snapshot: CatalogSnapshot
    directory: Directory
    grants: tuple[Grant, ...]
    policies: Path
    now: datetime


def load_world(path: Path) -> World:
    """Read a world; raises WorldError listing what to mend."""
    problems: list[Problem] = []
    root = compose(path, problems.append)
    world = _world(root, path, problems) if root else None
    if world is None or problems:
        raise WorldError("\n".join(str(problem) for problem in problems))
    return world


def _world(root: Place, path: Path, problems: list[Problem]) -> World | None:
    found = root.mapping(_KEYS, {"grants", "now"})
    if problems or not found.keys() >= _KEYS:
        return None
    domains = {name: read_domain(name, body) for name, body in found["domains"].entries().items()}
    tables = _tables(found["domains"].entries())
    _check(domains, tables, found)
    policies = path.parent / found["policies"].text()
    if not policies.is_dir():
        found["policies"].problem("unreadable", f"{policies} is no folder")
    grants = tuple(grant_of(item) for item in found["grants"].items()) if "grants" in found else ()
    return World(
        name=found["world"].text(),
        snapshot=_snapshot(path, domains, tables),
        directory=_directory(found["principals"]),
        grants=grants,
        policies=policies,
        now=time_of(found["now"]) if "now" in found else _NOW,
    )


def _tables(domains: Entries) -> dict[TableName, Table]:
    found: dict[TableName, Table] = {}
    for name, body in domains.items():
        for table in read_tables(name, body):
            if table.name in found:
                body.problem("duplicate-table", f"{table.name} stands twice")
            found[table.name] = table
    return dict(sorted(found.items()))


def _check(
    domains: Mapping[str, Domain], tables: Mapping[TableName, Table], found: Entries
) -> None:
    bodies = found["domains"].entries()
    known = {t.name for domain in domains.values() for t in domain.token_domains}
    for table in tables.values():
        check_references(table, domains[table.domain], known, bodies[table.domain])


def _directory(place: Place) -> Directory:
    try:
        return Directory.of({"principals": place.plain()}, where=place.file)
    except DirectoryError as error:
        place.problem("invalid", str(error))
        return Directory()


def _snapshot(
    path: Path, domains: Mapping[str, Domain], tables: Mapping[TableName, Table]
) -> CatalogSnapshot:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return CatalogSnapshot(
        version=f"c1:{digest}",
        domains=MappingProxyType(dict(domains)),
        tables=MappingProxyType(dict(tables)),
    )
