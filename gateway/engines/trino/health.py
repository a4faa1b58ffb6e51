"""Whether a cluster may take statements, found out by asking it, again and again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from gateway.engines.failures import failure
from gateway.engines.trino import probes
from gateway.engines.trino.outcomes import NotReadyError
from gateway.engines.trino.probes import ProbeError
from gateway.engines.trino.proven import PROVEN
from gateway.engines.trino.service import ServiceQueries
from gateway.engines.trino.transport import Transport
from gateway.errors import MeshgateError
from gateway.settings import TrinoSettings
from gateway.state.active import ActiveDecisions

_LOG = structlog.get_logger()
_GOOD: Final = 2
_BAD: Final = 3
_DEEP_SECONDS: Final = 30.0


class State(StrEnum):
    """Where a cluster stands: only HEALTHY takes new statements."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    DOWN = "DOWN"


_PAUSES: Final = {State.UNKNOWN: 0.5, State.HEALTHY: 5.0, State.DOWN: 2.0}


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """What operators see: no address, no name of a person."""

    cluster: str
    state: State
    version: str
    proven: bool
    restricted_served: bool
    second_lock: str
    reason: str


class TrinoHealth:
    """The health of one cluster. ``watch`` keeps asking; ``check`` answers from memory.

    Two good rounds make it HEALTHY; three bad ones, or one that shows that it must not serve,
    DOWN. Another version, which tells of a restart, starts from UNKNOWN. With ``active`` the
    cluster also has to show that it asks a lock that knows these decisions.
    """

    def __init__(
        self,
        settings: TrinoSettings,
        transport: Transport | None = None,
        active: ActiveDecisions | None = None,
    ) -> None:
        self._settings = settings
        self._active = active
        self._transport = transport or Transport(settings)
        self._queries = ServiceQueries(settings, self._transport)
        self._state = State.UNKNOWN
        self._reason = "not asked yet"
        self._version = ""
        self._good = 0
        self._bad = 0
        self._deep_at = float("-inf")

    @property
    def state(self) -> State:
        """Where the cluster stands."""
        return self._state

    @property
    def version(self) -> str:
        """The version it told last; empty before."""
        return self._version

    @property
    def summary(self) -> HealthSummary:
        """The health as operators see it."""
        return HealthSummary(
            self._settings.cluster,
            self._state,
            self._version,
            self._version in PROVEN,
            self._serves_restricted,
            self._settings.second_lock,
            self._reason,
        )

    @property
    def _serves_restricted(self) -> bool:
        return self._version in PROVEN or self._settings.unproven_version == "restricted"

    def check(self, *, restricted: bool) -> None:
        """Refuse a statement that must not be sent to the cluster now.

        Raises:
            MeshgateError: NO_NODES_AVAILABLE unless it is HEALTHY; CONFIGURATION_UNAVAILABLE for
                a restricted statement on a version that the barrier suite has not proven.

        """
        if self._state is not State.HEALTHY:
            error = failure("NO_NODES_AVAILABLE", "", cause=f"cluster is {self._state.value}")
            raise NotReadyError(error, answered=False)
        if restricted and not self._serves_restricted:
            raise MeshgateError(
                "CONFIGURATION_UNAVAILABLE",
                "tables with row filters or masks are not served on this cluster's version; "
                "tell the operators",
                audit={"cluster": f"version {self._version} is not proven"},
            )

    async def watch(self) -> None:
        """Ask for ever: of a healthy cluster every 5 seconds whether it is there, every 30 all."""
        self._warn_of_settings()
        while True:
            await self.round()
            await asyncio.sleep(_PAUSES[self._state])

    async def round(self) -> None:
        """Ask once what is due now and take note; never raises."""
        try:
            await self._ask()
        except ProbeError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a probe that breaks proves nothing
            self._failed(ProbeError(f"probe: {type(error).__name__}"))

    async def _ask(self) -> None:
        version = await probes.read_version(self._transport)
        if version != self._version:
            self._changed(version)
        now = time.monotonic()
        if self._state is State.HEALTHY and self._bad == 0 and now - self._deep_at < _DEEP_SECONDS:
            return
        await probes.runs_statements(self._queries)
        if self._settings.second_lock == "required":
            await probes.refuses_plain_http(self._settings, self._transport)
            await probes.asks_the_lock(self._queries, self._active)
        self._deep_at = now
        self._bad = 0
        self._good += 1
        if self._good >= _GOOD:
            self._enter(State.HEALTHY, "")

    def _failed(self, error: ProbeError) -> None:
        self._good = 0
        self._bad += 1
        if error.down or self._bad >= _BAD:
            self._enter(State.DOWN, error.reason)
        elif self._state is State.UNKNOWN:
            self._reason = error.reason

    def _changed(self, version: str) -> None:
        self._version = version
        self._good = 0
        self._enter(State.UNKNOWN, "asked, but not yet often enough")
        if version not in PROVEN:
            _LOG.error(
                "trino.version_unproven",
                cluster=self._settings.cluster,
                version=version,
                proven=sorted(PROVEN),
                restricted="served" if self._serves_restricted else "refused",
            )

    def _enter(self, state: State, reason: str) -> None:
        if (state, reason) != (self._state, self._reason):
            log = _LOG.error if state is State.DOWN else _LOG.info
            log(
                "trino.health",
                cluster=self._settings.cluster,
                state=state.value,
                version=self._version,
                reason=reason,
            )
        self._state, self._reason = state, reason

    def _warn_of_settings(self) -> None:
        if self._settings.second_lock == "off":
            _LOG.warning("trino.second_lock_off", cluster=self._settings.cluster)
