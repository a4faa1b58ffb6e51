"""Who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Attribute = str | int | bool | tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated person or account, with what policies may know of it.

    ``id`` is the login name; ``kind`` is ``user`` or ``service``; ``method`` says how it
    authenticated (``none``, ``basic``, ``token``, ``jwt``).
    """

    id: str
    kind: str = "user"
    groups: frozenset[str] = frozenset()
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))
    method: str = "none"
