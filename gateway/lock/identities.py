"""Who asks, by the name Trino knows: direct login, through the gateway, service, key reader."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.identity.directory import reserved

KEY_READER = "meshgate-keys"
"""The identity under which Trino evaluates native filters and masks."""
_DIRECT = "@direct"


class Role(StrEnum):
    """What a name may be."""

    DIRECT = "direct"
    BARE = "bare"
    KEYS = "keys"
    SERVICE = "service"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Identity:
    """A role, and the principal's bare name for people."""

    role: Role
    name: str


def identify(user: str, service: str) -> Identity:
    """Read a Trino user name. Names that look like a reserved one and are not it are nobody's."""
    if user == service:
        return Identity(Role.SERVICE, user)
    if user == KEY_READER:
        return Identity(Role.KEYS, user)
    bare = user.removesuffix(_DIRECT)
    if reserved(bare):
        return Identity(Role.NOBODY, user)
    return Identity(Role.DIRECT if bare != user else Role.BARE, bare)
