"""Caches of the pure stages. A key holds everything its value was made from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cachetools import LRUCache

from gateway.catalog.model import CatalogSnapshot, Table, TokenDomain
from gateway.names import TableName
from gateway.policy.model import Decision
from gateway.query.capped import CappedWorker
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, Engine, GovernedQuery, Statement
from gateway.sql.parse import is_heavy, parse
from gateway.sql.resolve import resolve
from gateway.sql.sessionfns import session_names, session_values
from gateway.sql.viewbodies import with_views
from gateway.sql.views import expanded

if TYPE_CHECKING:
    from gateway.query.asked import Asked


_ENTRY = 200  # characters: what even an empty entry costs


class _Parsed(NamedTuple):
    """A parsed statement and the length of its text."""

    statement: Statement
    chars: int

    def weight(self) -> int:
        return self.chars + _ENTRY


def _weight(governed: GovernedQuery) -> int:
    return len(governed.sql) + _ENTRY


class PlanCaches:
    """Parsed statements by text; verified text by statement, decision, catalog and session values.

    One event loop uses it; entries are immutable values, so a hit is shared safely. Texts
    with masks salted per query, and heavy ones, are not kept. Both caches are bounded by the
    characters of the texts they hold: trees weigh some hundred bytes a character.
    """

    def __init__(self, parsed_chars: int = 1 << 20, governed_chars: int = 8 << 20) -> None:
        self._parsed: LRUCache[Hashable, _Parsed] = LRUCache(parsed_chars, _Parsed.weight)
        self._governed: LRUCache[Hashable, GovernedQuery] = LRUCache(governed_chars, _weight)
        self._session_names: LRUCache[str, frozenset[str]] = LRUCache(1000)
        self._worker = CappedWorker()

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    async def parse(self, text: str, defaults: Defaults) -> Statement:
        """Parse, or return the same statement parsed before; heavy texts in the capped worker."""
        key = (text, defaults)
        found = self._parsed.get(key)
        if found is not None:
            return found.statement
        if is_heavy(text):
            return replace(await self._worker.call(parse, text, defaults), heavy=True)
        statement = parse(text, defaults)
        if len(text) <= self._parsed.maxsize // 8:
            self._parsed[key] = _Parsed(statement, len(text))
        return statement

    async def expand(self, statement: Statement, snapshot: CatalogSnapshot) -> Statement:
        """Add the queries of the statement's views and the tables beneath them."""
        return await expanded(statement, snapshot.tables, self.parse)

    async def govern(
        self,
        statement: Statement,
        decision: Decision,
        tables: Mapping[TableName, Table],
        asked: Asked,
    ) -> GovernedQuery:
        """Resolve, govern and verify; cached unless a mask is salted with the query."""
        values = self._session_values(statement, asked)
        salted = _salted(decision)
        key = (
            statement.digest,
            statement.defaults,
            asked.engine,
            asked.snapshot.version,
            # an append moves a table, a new text a view, without changing the catalog's version
            tuple((name, table.metadata_location) for name, table in tables.items()),
            decision.fingerprint,
            tuple(sorted((name, str(value)) for name, value in values.items())),
            asked.salt if salted else None,
        )
        found = self._governed.get(key)
        if found is None:
            arguments = (
                statement,
                decision,
                tables,
                values,
                asked.engine,
                asked.snapshot.token_domains,
                asked.salt,
            )
            if statement.heavy:
                return await self._worker.call(_governed, *arguments)
            found = _governed(*arguments)
            if not salted and len(found.sql) <= self._governed.maxsize // 8:
                self._governed[key] = found
        return found

    def _session_values(self, statement: Statement, asked: Asked) -> Mapping[str, Any]:
        """Literals for the session functions this statement calls, and for no other."""
        names = self._session_names.get(statement.digest)
        if names is None:
            names = session_names(statement.tree) if statement.tree is not None else frozenset()
            self._session_names[statement.digest] = names
        bodies = (body for body in statement.views.values() if isinstance(body, Statement))
        names = names.union(*(body.session_names for body in bodies))
        if not names:
            return {}
        values = session_values(
            asked.session, asked.principal.id, asked.now, groups=asked.principal.groups, names=names
        )
        return {name: value for name, value in values.items() if name in names}


def _governed(
    statement: Statement,
    decision: Decision,
    tables: Mapping[TableName, Table],
    values: Mapping[str, Any],
    engine: Engine,
    token_domains: Mapping[str, TokenDomain],
    salt: str,
) -> GovernedQuery:
    resolved = with_views(resolve(statement, decision, tables, values), tables, values)
    return govern(resolved, engine, token_domains, salt)


def _salted(decision: Decision) -> bool:
    return any(
        column.mask is not None and column.mask.kind == "sha-256-query-local"
        for table in decision.tables.values()
        for column in table.columns
    )
