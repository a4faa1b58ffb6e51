"""The question to a policy engine and its answers, whatever the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Answers = Mapping[tuple[int, str], "Answer"]
"""By (position of the table, package); the query's own package has position -1."""

QUERY_POSITION = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """A package's raw decision, or why there is none.

    ``failure`` is a platform code: no_package, policy_error, policy_timeout,
    policy_stale, invalid_output.
    """

    value: Any = None
    failure: str | None = None
    detail: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One table: the input's ``table`` and ``grants``, and which packages to ask."""

    position: int
    fqn: str
    body: Mapping[str, Any]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Everything asked in one round trip. ``query`` is the list for ``global.query``, if any."""

    common: Mapping[str, Any]
    items: tuple[Item, ...]
    query: tuple[Mapping[str, Any], ...] | None = None


class PolicyEngine(Protocol):
    """Answers questions; never raises for a policy's failure."""

    @property
    def name(self) -> str:
        """Name and version, e.g. ``rego/1.5.2``."""
        ...

    def revision(self, package: str) -> str | None:
        """The revision an answer would be taken by now; None if that is not certain."""
        ...

    async def ask(self, question: Question) -> Answers:
        """One answer for every (table, package) asked."""
        ...

    async def close(self) -> None:
        """Release connections and threads."""
        ...
