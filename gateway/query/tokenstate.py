"""Which tokens a cluster computes rightly: what has not been proven there is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog

from gateway.catalog.model import CatalogSnapshot
from gateway.errors import MeshgateError
from gateway.sql.model import GovernedQuery, Scan
from gateway.sql.tokencheck import ServiceQuery, trino_failures
from gateway.tokens.keys import KeyRing, unavailable
from gateway.tokens.keytable import KeyTableError, rows_of, sync

_LOG = structlog.get_logger()
_LOOK_SECONDS = 2.0
_AGAIN_SECONDS = 30.0
_TRUST_SECONDS = 300.0
_UNTESTED = "the token self-test has not run on this cluster yet"


class TrinoKeys:
    """The token domains one cluster may serve, by its self-test. Before the first one: none.

    Args:
        query: runs a statement of the gateway's own on the cluster, as the service.
        rings: the gateway's keys of a snapshot.
        key_database_url: where missing key rows are added before a test; None adds none.

    """

    def __init__(
        self,
        query: ServiceQuery,
        rings: Callable[[CatalogSnapshot], KeyRing],
        key_database_url: str | None = None,
    ) -> None:
        self._query = query
        self._rings = rings
        self._url = key_database_url
        self._proven: frozenset[tuple[str, int]] = frozenset()
        self.problems: Mapping[str, str] = MappingProxyType({})
        self._tested: tuple[str, float] | None = None

    async def refresh(self, snapshot: CatalogSnapshot) -> None:
        """Add missing key rows, test, and serve exactly what passed. Never raises."""
        ring = await asyncio.to_thread(self._rings, snapshot)
        await self._provide(ring)
        domains = snapshot.token_domains
        problems = await trino_failures(self._query, domains.values(), ring)
        for name, reason in problems.items():
            if self.problems.get(name) != reason:
                _LOG.error("token.refused", token_domain=name, engine="trino", reason=reason)
        self.problems = problems
        self._proven = frozenset(
            (name, domain.active.v) for name, domain in domains.items() if name not in problems
        )
        self._tested = snapshot.version, time.monotonic()

    async def watch(self, snapshot: Callable[[], CatalogSnapshot]) -> None:
        """Test again whenever the catalog changes, after a failure, and every few minutes."""
        while True:
            current = snapshot()
            if self._due(current.version):
                await self.refresh(current)
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def tested(self) -> bool:
        """Whether the self-test has run at all."""
        return self._tested is not None

    def refused(self, domain: str, version: int) -> str | None:
        """Why a token domain's key version is not served; None if it is."""
        if (domain, version) in self._proven:
            return None
        return self.problems.get(domain, _UNTESTED)

    def check(self, governed: GovernedQuery, snapshot: CatalogSnapshot) -> None:
        """Raise TOKEN_KEY_UNAVAILABLE if a token of this text is not proven on the cluster."""
        for name in sorted(token_domains_of(governed)):
            reason = self.refused(name, snapshot.token_domains[name].active.v)
            if reason is not None:
                error = unavailable(name)
                raise MeshgateError(error.name, error.message, audit={"token": reason})

    def _due(self, version: str) -> bool:
        if self._tested is None or self._tested[0] != version:
            return True
        limit = _AGAIN_SECONDS if self.problems else _TRUST_SECONDS
        return time.monotonic() - self._tested[1] > limit

    async def _provide(self, ring: KeyRing) -> None:
        if self._url is None:
            return
        try:
            done = await asyncio.to_thread(sync, self._url, rows_of(ring))
        except KeyTableError as error:
            _LOG.error("token.table", error=str(error))
            return
        if done.added:
            _LOG.info("token.provided", rows=list(done.added))


def token_domains_of(governed: GovernedQuery) -> frozenset[str]:
    """The token domains whose keys the governed text reads."""
    return frozenset(name for scan in governed.scans for name in _of_scan(scan))


def _of_scan(scan: Scan) -> set[str]:
    found: set[str] = set()
    for name in scan.used:
        decided, column = scan.decision.column(name), scan.table.column(name)
        keyed = decided is not None and decided.mask is not None and decided.mask.keyed
        if keyed and column is not None and column.token_domain is not None:
            found.add(column.token_domain)
    return found
