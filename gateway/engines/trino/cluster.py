"""One cluster with all its parts over one pool of connections."""

from __future__ import annotations

from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.health import TrinoHealth
from gateway.engines.trino.service import ServiceQueries
from gateway.engines.trino.transport import Transport
from gateway.settings import TrinoSettings
from gateway.state.active import ActiveDecisions


class TrinoCluster:
    """The engine, the health and the gateway's own queries of the cluster of the settings.

    ``active`` are the decisions that the cluster's second lock must know. ``health.watch()`` has
    to run beside it: before two good rounds the engine takes nothing.

    Raises:
        AddressError, ValueError: the address is of no known form, or would show a password.
        SecretError: the password file cannot be read.

    """

    def __init__(self, settings: TrinoSettings, active: ActiveDecisions | None = None) -> None:
        self._transport = Transport(settings)
        self.health = TrinoHealth(settings, self._transport, active)
        self.engine = TrinoEngine(settings, self._transport, self.health)
        self.queries = ServiceQueries(settings, self._transport)

    async def close(self) -> None:
        """Close every connection to the cluster."""
        await self.engine.close()
