"""Which purpose a query has: stated, the principal's default, inferred, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.access.purposes import Purpose as Declared
from gateway.access.purposes import may_state, only_purpose
from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.query.asked import Asked
from gateway.query.plan import Purpose

PROPERTY = "meshgate.purpose"
_TAG = "purpose:"
_DEFAULT = "default_purpose"


def choose_purpose(
    asked: Asked, tables: Iterable[Table], purposes: Mapping[str, Declared]
) -> Purpose:
    """Find the one purpose of a query over these tables.

    In order: the session property, the client tag ``purpose:x``, the principal's default,
    the only purpose under which every table has a grant, else ``unspecified``.

    Raises:
        MeshgateError: INVALID_SESSION_PROPERTY for a purpose that is unknown or not the caller's.

    """
    stated = asked.session.properties.get(PROPERTY) or _tagged(asked.session.client_tags)
    if stated:
        return Purpose(stated_purpose(stated, asked.principal, purposes), "stated")
    default = asked.principal.attributes.get(_DEFAULT)
    if isinstance(default, str) and may_state(purposes, default, asked.principal):
        return Purpose(default, "default")
    grants = asked.grants.all
    only = only_purpose(grants, asked.principal, tuple(tables), asked.snapshot, asked.now)
    if only and may_state(purposes, only, asked.principal):
        return Purpose(only, "inferred")
    return Purpose()


def _tagged(tags: tuple[str, ...]) -> str | None:
    return next((tag.removeprefix(_TAG) for tag in tags if tag.startswith(_TAG)), None)


def stated_purpose(name: str, principal: Principal, purposes: Mapping[str, Declared]) -> str:
    """The purpose itself, if it is declared and this principal's to state.

    Raises:
        MeshgateError: INVALID_SESSION_PROPERTY, naming the purposes that are the caller's.

    """
    if may_state(purposes, name, principal):
        return name
    yours = ", ".join(p for p in sorted(purposes) if may_state(purposes, p, principal))
    raise MeshgateError(
        "INVALID_SESSION_PROPERTY",
        f"{PROPERTY}: '{name}' is not a purpose you may state; yours: {yours or 'none'}",
    )
