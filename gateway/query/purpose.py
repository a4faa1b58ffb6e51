"""Which purpose a query has, and which grants stand behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.access.grants import active_grants
from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.query.plan import Purpose
from gateway.session import Session
from datetime import datetime

PROPERTY = "meshgate.purpose"
_TAG = "purpose:"
_DEFAULT = "default_purpose"


def choose_purpose(
    session: Session,
    principal: Principal,
    tables: Iterable[Table],
    grants: tuple[Grant, ...],
    purposes: Mapping[str, frozenset[str]],
    now: datetime,
) -> Purpose:
    """Find the one purpose of a query: stated, tagged, the principal's default, else inferred.

    Args:
        purposes: purpose name to the groups that may state it (empty: everybody).

    Raises:
        MeshgateError: INVALID_SESSION_PROPERTY for a purpose that is unknown or not the caller's.
    """
    stated = session.properties.get(PROPERTY) or _tagged(session.client_tags)
    if stated:
        return Purpose(_checked(stated, principal, purposes), "stated")
    default = principal.attributes.get(_DEFAULT)
    if isinstance(default, str) and _allowed(default, principal, purposes):
        return Purpose(default, "default")
    inferred = _inferred(tuple(tables), principal, grants, purposes, now)
    return Purpose(inferred, "inferred") if inferred else Purpose()


def _tagged(tags: tuple[str, ...]) -> str | None:
    return next((tag.removeprefix(_TAG) for tag in tags if tag.startswith(_TAG)), None)


def _allowed(name: str, principal: Principal, purposes: Mapping[str, frozenset[str]]) -> bool:
    groups = purposes.get(name)
    return groups is not None and (not groups or bool(groups & principal.groups))


def _checked(name: str, principal: Principal, purposes: Mapping[str, frozenset[str]]) -> str:
    if _allowed(name, principal, purposes):
        return name
    mine = sorted(p for p in purposes if _allowed(p, principal, purposes))
    raise MeshgateError(
        "INVALID_SESSION_PROPERTY",
        f"{PROPERTY}: '{name}' is not a purpose you may state; yours: {', '.join(mine) or 'none'}",
    )


def _inferred(
    tables: tuple[Table, ...],
    principal: Principal,
    grants: tuple[Grant, ...],
    purposes: Mapping[str, frozenset[str]],
    now: datetime,
) -> str | None:
    """Return the only purpose under which every granted product of the query has a grant."""
    products = {table.product for table in tables if table.product}
    if not products or not grants:
        return None
    found = [
        name
        for name in purposes
        if _allowed(name, principal, purposes)
        and products <= {g.product for g in active_grants(grants, principal, name, now)}
    ]
    return found[0] if len(found) == 1 else None
