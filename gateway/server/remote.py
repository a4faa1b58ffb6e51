"""A Trino cluster with what goes with it: health, key test, second lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.catalog.model import CatalogSnapshot
from gateway.engines.trino.cluster import TrinoCluster
from gateway.engines.trino.health import State as Health
from gateway.identity.directory import Directory
from gateway.lock.app import SecondLock
from gateway.policy.service import PolicyService
from gateway.query.service import Cluster, Sources
from gateway.query.tokenstate import TrinoKeys
from gateway.server.state import State
from gateway.settings import Settings
from gateway.tokens.keys import KeyRings

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Remote:
    """Everything about the cluster of the settings.

    ``lock`` answers the cluster's own questions; it is served on the internal listener alone.
    """

    trino: TrinoCluster
    keys: TrinoKeys
    lock: SecondLock
    cluster: Cluster

    def watches(self, snapshot: Callable[[], CatalogSnapshot]) -> list[Coroutine[Any, Any, None]]:
        """What has to run beside the gateway."""
        return [self.trino.health.watch(), self._test_keys(snapshot)]

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps statements from being served, in one word each."""
        known = (
            ("cluster", self.trino.health.state is Health.HEALTHY),
            ("tokens", self.keys.tested),
        )
        return tuple(name for name, good in known if not good)

    async def _test_keys(self, snapshot: Callable[[], CatalogSnapshot]) -> None:
        """Test tokens once the cluster answers: before, every domain would fail."""
        while self.trino.health.state is not Health.HEALTHY:  # noqa: ASYNC110 - health tells nobody
            await asyncio.sleep(_LOOK_SECONDS)
        await self.keys.watch(snapshot)

    async def close(self) -> None:
        """Close every connection to the cluster."""
        await self.trino.close()


def open_remote(
    settings: Settings,
    policy: PolicyService,
    sources: Sources,
    directory: Callable[[], Directory],
    state: State,
    rings: KeyRings,
) -> Remote | None:
    """Build what the settings name; None where statements run in this process.

    Raises:
        ValueError, OSError: an address or a password file that cannot be used.

    """
    if settings.engine.kind != "trino":
        return None
    trino = TrinoCluster(settings.trino, state.active)
    url = settings.trino.key_database_url
    keys = TrinoKeys(trino.queries.service_query, rings, url.get_secret_value() if url else None)
    lock = SecondLock(
        policy,
        sources,
        lambda name: directory().principal(name, "direct"),
        state.active,
        service=settings.trino.user,
        refused=keys.refused,
        pin_seconds=settings.trino.pin_seconds,
    )
    cluster = Cluster(trino.engine, state.active, state.statements, keys.check)
    return Remote(trino, keys, lock, cluster)
