"""Which grants speak of a table, and which single one a query stands on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.access.grants import active_grants, holds, valid
from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal

UNSPECIFIED = "unspecified"
STANDING = "standing:"


def covers(grant: Grant, table: Table, snapshot: CatalogSnapshot) -> bool:
    """True if the grant's product publishes the table and its scope names it.

    A product is meant by GUID, by ``domain.key``, or by its key if no other
    domain uses that key too.
    """
    product = snapshot.product_of(table)
    if product is None:
        return False
    if grant.scope is not None and table.name not in grant.scope:
        return False
    if grant.product in {product.guid, f"{table.domain}.{product.key}"}:
        return True
    same_key = sum(domain.product(product.key) is not None for domain in snapshot.domains.values())
    return grant.product == product.key and same_key == 1


def offered(
    grants: Iterable[Grant],
    principal: Principal,
    purpose: str,
    now: datetime,
    *,
    table: Table,
    snapshot: CatalogSnapshot,
) -> tuple[Grant, ...]:
    """The active data-access grants for this table, sorted by id."""
    found = [
        grant
        for grant in active_grants(grants, principal, purpose, now)
        if grant.kind == "data_access" and covers(grant, table, snapshot)
    ]
    return tuple(sorted(found, key=lambda grant: grant.id))


def choose(
    honoured: Sequence[Grant], standing: Iterable[str], wanted: Sequence[str]
) -> Grant | str | None:
    """The one grant, or standing name, to stand on; None if there is none.

    First what the caller names (``wanted``); else dated grants, which match the
    stated purpose, before standing ones (in the order given); personal before group,
    then newest approval.
    """
    ranked: list[Grant | str] = [*sorted(honoured, key=_rank), *standing]
    for name in wanted:
        for candidate in ranked:
            if name == (candidate if isinstance(candidate, str) else candidate.id):
                return candidate
    return ranked[0] if ranked else None


def _rank(grant: Grant) -> tuple[bool, float, str]:
    return not grant.grantee.startswith("user:"), -grant.approved_at.timestamp(), grant.id


def granted_for_other_purpose(
    grants: Iterable[Grant],
    principal: Principal,
    purpose: str,
    now: datetime,
    *,
    table: Table,
    snapshot: CatalogSnapshot,
) -> bool:
    """True if the principal could read the table by stating another purpose."""
    return any(
        grant.kind == "data_access"
        and grant.purpose != purpose
        and holds(grant, principal)
        and valid(grant, now)
        and covers(grant, table, snapshot)
        for grant in grants
    )
