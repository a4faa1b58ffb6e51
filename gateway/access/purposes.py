"""Declared uses: which exist, who may state them, which one a query has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.access.choice import UNSPECIFIED, offered
from gateway.access.lines import compose
from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Problem, Table
from gateway.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Purpose:
    """One use and the groups that may state it (``*`` in the file means everybody)."""

    name: str
    title: str
    groups: frozenset[str]

    def open_to(self, principal: Principal) -> bool:
        """True if this principal may state the purpose."""
        return "*" in self.groups or bool(self.groups & principal.groups)


def load_purposes(path: Path) -> tuple[dict[str, Purpose], list[Problem]]:
    """Read ``purposes.yaml``: ``fraud: {title: …, groups: […]}``."""
    problems: list[Problem] = []
    root = compose(path, problems.append)
    found: dict[str, Purpose] = {}
    for name, entry in (root.entries() if root else {}).items():
        parts = entry.mapping({"title", "groups"})
        if name == UNSPECIFIED:
            entry.problem("reserved", f"{UNSPECIFIED} is what a query has without a purpose")
        if parts.keys() >= {"title", "groups"}:
            groups = frozenset(parts["groups"].texts())
            found[name] = Purpose(name, parts["title"].text(), groups)
    return found, problems


def only_purpose(
    grants: Iterable[Grant],
    principal: Principal,
    tables: Sequence[Table],
    snapshot: CatalogSnapshot,
    now: datetime,
) -> str | None:
    """The single purpose under which every table has a grant, or None."""
    kept = tuple(grants)
    names = {grant.purpose for grant in kept}
    fitting = [
        name
        for name in sorted(names)
        if tables
        and all(offered(kept, principal, name, now, table=t, snapshot=snapshot) for t in tables)
    ]
    return fitting[0] if len(fitting) == 1 else None


def may_state(purposes: Mapping[str, Purpose], name: str, principal: Principal) -> bool:
    """True if the purpose exists and is open to the principal, or is ``unspecified``."""
    return name == UNSPECIFIED or (name in purposes and purposes[name].open_to(principal))
