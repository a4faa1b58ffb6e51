"""Remembered answers, as a decorator of any engine.

A decision depends on input and revision alone; grants, date and hour are part of the
input, so revocation and time need no invalidation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cachetools import LRUCache

from gateway.policy.ask import QUERY_POSITION, Answer, Answers, Item, PolicyEngine, Question
from gateway.policy.canonical import sha256
from gateway.policy.package import QUERY

Key = tuple[str, str, str]


class CachedEngine:
    """Asks the engine only what it has not answered at the revision in force."""

    def __init__(self, engine: PolicyEngine, *, entries: int = 4096) -> None:
        self._engine = engine
        self._answers: LRUCache[Key, Answer] = LRUCache(entries)

    @property
    def name(self) -> str:
        """The engine's own name."""
        return self._engine.name

    def revision(self, package: str) -> str | None:
        """The engine's own answer."""
        return self._engine.revision(package)

    async def ask(self, question: Question) -> Answers:
        """Answers from memory where possible; one round trip for the rest."""
        keys = self._keys(question)
        known = {at: self._answers[key] for at, key in keys.items() if key in self._answers}
        missing = tuple(item for item in question.items if not _complete(item, known))
        query = question.query
        if query is not None and (QUERY_POSITION, QUERY) in known:
            query = None
        if not missing and query is None:
            return known
        asked = await self._engine.ask(replace(question, items=missing, query=query))
        for at, answer in asked.items():
            digest = keys.get(at, ("", "", ""))[2] or self._digest(question, at)
            if answer.failure is None and answer.revision and digest:
                self._answers[at[1], answer.revision, digest] = answer
        return {**known, **asked}

    def _keys(self, question: Question) -> dict[tuple[int, str], Key]:
        """Keys of everything whose revision is certain."""
        keys: dict[tuple[int, str], Key] = {}
        for at, document in _documents(question):
            revision = self._engine.revision(at[1])
            if revision:
                keys[at] = (at[1], revision, document if isinstance(document, str) else "")
        return keys

    @staticmethod
    def _digest(question: Question, wanted: tuple[int, str]) -> str:
        return next((digest for at, digest in _documents(question) if at == wanted), "")

    async def close(self) -> None:
        """Forget everything and close the engine."""
        self._answers.clear()
        await self._engine.close()


def _complete(item: Item, known: Mapping[tuple[int, str], Answer]) -> bool:
    return all((item.position, package) in known for package in item.packages)


def _documents(question: Question) -> list[tuple[tuple[int, str], str]]:
    """(position, package) with the digest of its input."""
    common: Mapping[str, Any] = question.common
    found: list[tuple[tuple[int, str], str]] = []
    for item in question.items:
        digest = sha256({**common, **item.body})
        found.extend(((item.position, package), digest) for package in item.packages)
    if question.query is not None:
        found.append(((QUERY_POSITION, QUERY), sha256({**common, "tables": list(question.query)})))
    return found
