"""Plans statements without running them, over a fixture world or the configured mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.access.grants import load_grants
from gateway.access.model import Grant
from gateway.catalog.load import load_catalog
from gateway.catalog.model import CatalogSnapshot
from gateway.identity.directory import Directory
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.world import World
from gateway.settings import PolicySettings, Settings
from gateway.sql.model import Engine

SALT_KEY = b"nothing is run with this key"
"""Planned texts are never run, so their salts need no secret and may be repeatable."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """What planning needs: the catalog, people, grants, policies and a clock."""

    snapshot: CatalogSnapshot
    directory: Directory
    grants: tuple[Grant, ...]
    policies: PolicySettings
    now: Callable[[], datetime]

    @classmethod
    def of_world(cls, world: World) -> Mesh:
        """Take a fixture world, its clock included."""
        policies = PolicySettings(directory=world.policies)
        return cls(world.snapshot, world.directory, world.grants, policies, lambda: world.now)

    @classmethod
    def configured(cls, settings: Settings) -> Mesh:
        """Load the configured mesh.

        Raises:
            ValueError: the directory or the grants cannot be used; the text says why.

        """
        catalogs = settings.catalog.directory
        people = settings.identity.directory_file or catalogs / "principals.yaml"
        grants = settings.catalog.grants_file or catalogs / "grants.yaml"
        wanted = settings.catalog.grants_file is not None or grants.exists()
        return cls(
            load_catalog(catalogs, connections_file=settings.catalog.connections_file),
            Directory.load(people),
            load_grants(grants) if wanted else (),
            settings.policy,
            lambda: datetime.now(UTC),
        )

    def policy(self) -> PolicyService:
        """Open the policies; close the service after use."""
        policy = self.policies
        token = policy.opa_token.get_secret_value() if policy.opa_token else None
        return PolicyService.open(
            policy.directory,
            engine=policy.engine or "rego",
            opa_url=policy.opa_url,
            timeout_seconds=policy.timeout_seconds,
            time_zone=policy.time_zone,
            opa_token=token,
        )

    def service(self, engine: Engine, policy: PolicyService) -> QueryService:
        """Build the service that plans for one engine; it has no engine to run on."""
        book = GrantBook("planning", self.grants)
        sources = Sources(lambda: self.snapshot, lambda: book, self.now)
        return QueryService(policy, sources, salt_key=SALT_KEY, target=engine)
