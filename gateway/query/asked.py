"""One statement with everything that was known when it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal
from gateway.policy.model import DecisionRequest
from gateway.session import Session
from gateway.sql.model import Defaults, Engine


@dataclass(frozen=True, slots=True)
class GrantBook:
    """All stored grants of one moment; ``version`` changes whenever one does."""

    version: str = ""
    all: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked what, when, over which catalog and grants.

    ``salt`` is 64 hex characters, keyed to this query alone.
    """

    text: str
    session: Session
    principal: Principal
    snapshot: CatalogSnapshot
    grants: GrantBook
    now: datetime
    query_id: str
    salt: str
    engine: Engine = "duckdb"

    @property
    def defaults(self) -> Defaults:
        """The connection's current catalog and schema."""
        return Defaults(self.session.catalog, self.session.schema)


def decision_request(asked: Asked, purpose: str, tables: tuple[Table, ...]) -> DecisionRequest:
    """The one question asked of the policies."""
    listed = asked.session.properties.get("meshgate.grant", "")
    choice = tuple(part.strip() for part in listed.split(",") if part.strip())
    return DecisionRequest(
        asked.principal,
        purpose,
        tables,
        asked.snapshot,
        asked.grants.all,
        asked.now,
        grant_choice=choice,
    )
