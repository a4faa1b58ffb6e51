"""Plans statements without running them, over a fixture world or the configured mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.access.grants import load_grants
from gateway.access.model import Grant
from gateway.catalog.load import load_catalog
from gateway.catalog.model import CatalogSnapshot
from gateway.identity.directory import Directory
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.world import World
from gateway.sql.model import Engine

SALT_KEY = b"nothing is run with this key"
"""Planned texts are never run, so their salts need no secret and may be repeatable."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """What planning needs: the catalog, people, grants, policies and a clock."""

    snapshot: CatalogSnapshot
    directory: Directory
    grants: tuple[Grant, ...]
    policies: Path
    now: Callable[[], datetime]

    @classmethod
    def of_world(cls, world: World) -> Mesh:
        """Take a fixture world, its clock included."""
        return cls(world.snapshot, world.directory, world.grants, world.policies, lambda: world.now)

    @classmethod
    def configured(cls, catalogs: Path, policies: Path) -> Mesh:
        """Load the configured mesh; principals and grants stand beside the domain files.

        Raises:
            ValueError: the directory or the grants cannot be used; the text says why.

        """
        grants = catalogs / "grants.yaml"
        return cls(
            load_catalog(catalogs),
            Directory.load(catalogs / "principals.yaml"),
            load_grants(grants) if grants.exists() else (),
            policies,
            lambda: datetime.now(UTC),
        )

    def service(self, engine: Engine) -> QueryService:
        """Build the service that plans for one engine; it has no engine to run on."""
        book = GrantBook("planning", self.grants)
        sources = Sources(lambda: self.snapshot, lambda: book, self.now)
        policy = PolicyService.open(self.policies)
        return QueryService(policy, sources, salt_key=SALT_KEY, target=engine)
