"""Who may stand on what: the offered and standing grants of one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.choice import STANDING, covers, granted_for_other_purpose, offered
from gateway.access.grants import active_grants, holds, valid
from gateway.access.model import Grant
from gateway.catalog.model import Product, Table
from gateway.identity.principal import Principal
from gateway.policy.model import DecisionRequest
from gateway.policy.package import Package

ATTRIBUTES = "subject.attributes"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One table with the grants that could open it to this principal.

    ``standing`` are the names the domain's METADATA allows this principal's groups.
    ``holder``: has some grant in the domain, so a policy failure may be told.
    """

    table: Table
    product: Product | None
    offered: tuple[Grant, ...]
    standing: tuple[str, ...]
    holder: bool
    other_purpose: bool
    purpose: str

    @property
    def described(self) -> bool:
        """Columns and their denials may be explained."""
        return self.product is not None and self.product.visibility == "described"

    @property
    def discoverable(self) -> bool:
        """The table's denial may be explained."""
        visible = self.product is not None and self.product.visibility in {"listed", "described"}
        return visible or self.other_purpose

    @property
    def no_grant_message(self) -> str:
        """Why no grant opens the table."""
        if self.other_purpose:
            return f"granted, but not for purpose {self.purpose}"
        return f"no access grant for purpose {self.purpose}"


def own_grants(request: DecisionRequest) -> tuple[Grant, ...]:
    """The principal's valid grants, for any purpose: found once, however many are stored."""
    return tuple(
        grant
        for grant in request.grants
        if holds(grant, request.principal) and valid(grant, request.now)
    )


def candidate(table: Table, request: DecisionRequest, packages: Mapping[str, Package]) -> Candidate:
    """What could open this table to this principal now."""
    asker = (request.grants, request.principal, request.purpose, request.now)
    package = packages.get(f"domains.{table.domain}")
    standing = standing_names(package, request.principal)
    return Candidate(
        table=table,
        product=request.snapshot.product_of(table),
        offered=offered(*asker, table=table, snapshot=request.snapshot),
        standing=standing,
        holder=bool(standing) or _holds_in_domain(table, request),
        other_purpose=granted_for_other_purpose(*asker, table=table, snapshot=request.snapshot),
        purpose=request.purpose,
    )


def standing_names(package: Package | None, principal: Principal) -> tuple[str, ...]:
    """``standing:<name>`` for every name whose groups the principal is in, as METADATA has it."""
    if package is None:
        return ()
    return tuple(
        STANDING + name for name, groups in package.standing.items() if groups & principal.groups
    )


def _holds_in_domain(table: Table, request: DecisionRequest) -> bool:
    """True if any active grant, for any purpose, covers a table of the same domain."""
    mine = own_grants(request)
    if not mine:
        return False
    neighbours = [t for t in request.snapshot.tables.values() if t.domain == table.domain]
    return any(covers(grant, t, request.snapshot) for grant in mine for t in neighbours)


def waived(found: Candidate, request: DecisionRequest) -> dict[tuple[str, str], str]:
    """(mask rule, column) -> authority, from masking exceptions on this table."""
    pairs: dict[tuple[str, str], str] = {}
    for grant in active_grants(request.grants, request.principal, request.purpose, request.now):
        if grant.kind != "masking_exception" or not covers(grant, found.table, request.snapshot):
            continue
        scope = (grant.scope or {})[found.table.name]
        for rule in grant.waives:
            for column in scope.columns or ():
                if pairs.get((rule, column)) != "platform":
                    pairs[rule, column] = grant.approved_as
    return pairs
