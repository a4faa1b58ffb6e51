"""Decisions for direct logins: no stated purpose, the whole catalog at once, kept in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cachetools import LRUCache

from gateway.access.choice import UNSPECIFIED
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal
from gateway.lock.view import DirectView
from gateway.lock.wire import DoubtError
from gateway.names import TableName
from gateway.policy.model import Decision, DecisionRequest, TableDecision
from gateway.policy.service import PolicyService
from gateway.query.asked import GrantBook
from gateway.query.service import Sources
from gateway.sql.native import Native

LOOK_SECONDS = 0.5
ANSWER_SECONDS = 1.5
"""Trino gives up after two seconds; what takes longer is ready when it asks again."""
_CHUNK = 50
_KEPT = 1000
_ATTEMPTS = 3
_MAX_QUESTIONS = 200
_WRITTEN = 4096
_HOUR = timedelta(hours=1)
_FAILED = timedelta(seconds=1)
_UNTOLD = timedelta(seconds=60)
"""A policy server may change its mind without a word: ask it again once a minute."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Everything that a decision for one principal depends on."""

    principal: Principal
    snapshot: CatalogSnapshot
    grants: GrantBook
    now: datetime


class DirectDecisions:
    """The view of each direct login, decided again whenever anything it rests on changes."""

    def __init__(
        self,
        policy: PolicyService,
        sources: Sources,
        principal: Callable[[str], Principal | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._sources, self._principal = policy, sources, principal
        self._clock = clock
        self._looked = float("-inf")
        self._views: LRUCache[str, DirectView] = LRUCache(_KEPT)
        self._written: LRUCache[Hashable, Native] = LRUCache(_WRITTEN)
        self._running: dict[str, asyncio.Task[DirectView]] = {}

    async def view(self, name: str) -> DirectView | None:
        """What this person sees; None for a name nobody has.

        Raises:
            DoubtError: it was not decided in time, or decisions keep changing.

        """
        await self._look()
        moment = self._moment(name)
        if moment is None:
            return None
        found = self._views.get(name)
        if found is not None and found.key == self._key(moment) and found.expires > moment.now:
            return found
        return await self._decided(name)

    async def _look(self) -> None:
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            await self._policy.reload()
            self._looked = now

    def _moment(self, name: str) -> _Moment | None:
        principal = self._principal(name)
        if principal is None:
            return None
        sources = self._sources
        return _Moment(principal, sources.snapshot(), sources.grants(), sources.now())

    def _key(self, moment: _Moment) -> Hashable:
        principal = moment.principal
        return (
            principal.id,
            principal.kind,
            principal.groups,
            tuple(sorted(principal.attributes.items())),
            moment.snapshot.version,
            moment.grants.version,
            tuple(self._policy.revisions.items()),
        )

    async def _decided(self, name: str) -> DirectView:
        """Decide once however many ask; go on after the one who asked has given up."""
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(self._decide(name))
            task.add_done_callback(lambda _: self._running.pop(name, None))
        try:
            return await asyncio.wait_for(asyncio.shield(task), ANSWER_SECONDS)
        except TimeoutError:
            raise DoubtError("not decided in time") from None

    async def _decide(self, name: str) -> DirectView:
        for _ in range(_ATTEMPTS):
            moment = self._moment(name)
            if moment is None:
                break
            key = self._key(moment)
            decisions, expires = await self._all(moment)
            again = self._moment(name)
            if again is not None and self._key(again) == key:
                view = DirectView(decisions, moment.snapshot, key, expires, self._written)
                self._views[name] = view
                return view
        raise DoubtError("what decides keeps changing")

    async def _all(self, moment: _Moment) -> tuple[dict[TableName, TableDecision], datetime]:
        found: dict[TableName, TableDecision] = {}
        expires = moment.now + (_UNTOLD if self._policy.engine_name.startswith("opa") else _HOUR)
        tables = tuple(moment.snapshot.tables.values())
        for start in range(0, len(tables), _CHUNK):
            decision = await self._ask(moment, tables[start : start + _CHUNK])
            found.update(decision.tables)
            expires = min(expires, decision.expires_at)
            await asyncio.sleep(0)
        if any(decided.unavailable for decided in found.values()):
            expires = min(expires, moment.now + _FAILED)
        together = [moment.snapshot.tables[n] for n, d in found.items() if d.effect == "allow"]
        for name in await self._not_together(moment, together):
            found[name] = replace(found[name], effect="deny")
        return found, expires

    async def _ask(self, moment: _Moment, tables: Sequence[Table]) -> Decision:
        return await self._policy.decide(
            DecisionRequest(
                moment.principal,
                UNSPECIFIED,
                tuple(tables),
                moment.snapshot,
                moment.grants.all,
                moment.now,
                channel="direct",
            )
        )

    async def _not_together(self, moment: _Moment, tables: list[Table]) -> frozenset[TableName]:
        """Find what must be closed because Trino asks table by table and joins as it likes.

        A rule about a query as a whole cannot be kept that way, so of any tables that may not
        be read together none is open.
        """
        questions = _Questions(lambda part: self._ask(moment, part))
        closed: set[TableName] = set()
        left = tables
        while not await questions.fine(left):
            bad = await _smallest(left, questions)
            closed |= {table.name for table in bad}
            left = [table for table in left if table.name not in closed]
        return frozenset(closed)


class _Questions:
    """Counts questions about sets of tables; too many are a doubt."""

    def __init__(self, ask: Callable[[Sequence[Table]], Awaitable[Decision]]) -> None:
        self._ask = ask
        self._left = _MAX_QUESTIONS

    async def fine(self, tables: Sequence[Table]) -> bool:
        """Whether one query may read all of them, under no condition as a whole."""
        if not tables:
            return True
        self._left -= 1
        if self._left < 0:
            raise DoubtError("too many rules about tables together")
        decision = await self._ask(tables)
        return decision.effect == "allow" and not decision.obligations


async def _smallest(tables: Iterable[Table], questions: _Questions) -> list[Table]:
    """Find a smallest set that may not be read together: without any one of it, it may."""
    needed: list[Table] = []
    left = list(tables)
    while left and await questions.fine(needed):
        low, high = 0, len(left)  # the shortest prefix that, with ``needed``, is not fine
        while high - low > 1:
            middle = (low + high) // 2
            if await questions.fine([*needed, *left[:middle]]):
                low = middle
            else:
                high = middle
        needed.append(left[high - 1])
        left = left[: high - 1]
    return needed
