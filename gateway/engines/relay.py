"""What a remote Trino offers the gateway: submit governed text, relay its pages, cancel."""

from __future__ import annotations

from typing import Protocol

from gateway.relayed import ClientSettings, Handle, RelayedPage
from gateway.sql.model import GovernedQuery


class RelayEngine(Protocol):
    """A cluster behind the gateway. Nothing but a GovernedQuery is ever submitted."""

    async def submit(
        self, governed: GovernedQuery, settings: ClientSettings, attempt: int = 1
    ) -> Handle:
        """Send a statement; Trino runs it at the first ``page``.

        Raises:
            MeshgateError: NO_NODES_AVAILABLE, REMOTE_HOST_GONE, TOKEN_KEY_UNAVAILABLE,
                QUERY_QUEUE_FULL or an error of the cluster, redacted.

        """
        ...

    async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
        """Fetch the page of a handle, stepping over empty ones for up to so many seconds.

        Never past a page with rows. Raises MeshgateError REMOTE_HOST_GONE where the cluster
        lost the statement, GENERIC_INTERNAL_ERROR for a page that cannot be proven whole.
        """
        ...

    async def cancel(self, handle: Handle, *, partial: bool = False) -> None:
        """End the statement on the cluster; idempotent, never raises."""
        ...
