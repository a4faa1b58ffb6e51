"""Views: which tables lie beneath them, and who may not see them for what lies there.

Invoker's rights: the tables beneath are decided for the reader. What is wrong with a view
is told only to those who may see it and everything beneath it: until the decision it is
kept as a ``BrokenView``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.policy.model import Decision, TableDecision
from gateway.sql.limits import MAX_DISTINCT_TABLES, MAX_TABLES
from gateway.sql.model import BrokenView, Defaults, Kind, Position, Statement, TableRef

MAX_DEPTH = 8
"""How many views may stand on each other."""

Parse = Callable[[str, Defaults], Awaitable[Statement]]
_UNREAD = "uses what is not supported here; its owner sees it by running the view's query"


async def expanded(
    statement: Statement, tables: Mapping[TableName, Table], parse: Parse
) -> Statement:
    """Add the queries of all views and, behind the statement's own, the tables beneath them."""
    found = _Expansion(tables, parse, {ref.name for ref in statement.tables})
    for ref in statement.tables:
        await found.root(ref)
    if not found.roots:
        return statement
    return replace(
        statement,
        tables=(*statement.tables, *found.beneath),
        views=MappingProxyType({**found.bodies, **found.broken}),
        heavy=statement.heavy or found.heavy,
    )


def refuse_broken(statement: Statement) -> None:
    """Raise for the first view of the statement that cannot be read."""
    for ref in statement.tables:
        broken = statement.views.get(ref.name)
        if isinstance(broken, BrokenView) and not ref.via:
            raise view_error(ref, broken.error, broken.message, broken.reason)


def view_error(ref: TableRef, name: str, message: str, reason: str = "") -> MeshgateError:
    """Build an error about a view at its place in the user's text."""
    return MeshgateError(
        name,
        f"line {ref.at.line}:{ref.at.column}: {message}",
        line=ref.at.line,
        column=ref.at.column,
        audit={"view": str(ref.name), "reason": reason} if reason else None,
    )


def invalid(name: TableName) -> str:
    """Word Trino's INVALID_VIEW without what lies beneath."""
    return f"Failed analyzing stored view '{name}': ask its owner to create it again"


def unsupported(name: TableName) -> str:
    """Word the refusal of a view's text without quoting it."""
    return f"View '{name}' {_UNREAD}"


def without_hidden(decision: Decision, refs: Iterable[TableRef]) -> Decision:
    """Hide every view of the statement beneath which something is hidden from the reader."""
    hidden = {ref.via[0] for ref in refs if ref.via and not _open(decision.tables.get(ref.name))}
    if not hidden:
        return decision
    tables = {
        name: hide(about) if name in hidden else about for name, about in decision.tables.items()
    }
    return replace(decision, tables=MappingProxyType(tables))


def _open(about: TableDecision | None) -> bool:
    return about is not None and about.effect == "allow" and bool(about.readable)


def hide(about: TableDecision) -> TableDecision:
    """Deny a table as if nobody had ever granted it."""
    denied = (replace(c, effect="deny", mask=None, discoverable=False) for c in about.columns)
    return replace(
        about,
        effect="deny",
        columns=tuple(denied),
        row_filter=None,
        grant=None,
        rights=frozenset(),
        discoverable=False,
        obligations=(),
        reasons=(),
    )


async def with_beneath(
    table: Table, tables: Mapping[TableName, Table], parse: Parse
) -> tuple[Table, ...]:
    """Give a view and every table beneath it, as a query of it alone would read them."""
    found = _Expansion(tables, parse, {table.name})
    at = Position(1, 1)
    await found.root(TableRef(table.name, (str(table.name),), at))
    return (table, *(tables[ref.name] for ref in found.beneath))


def listed(
    groups: Iterable[Collection[Table]], decided: Mapping[TableName, TableDecision]
) -> Mapping[TableName, TableDecision]:
    """The decision about the first table of each group, hidden where one beneath it is hidden."""
    found: dict[TableName, TableDecision] = {}
    for first, *beneath in groups:
        about = decided.get(first.name)
        if about is not None:
            open_ = all(_open(decided.get(table.name)) for table in beneath)
            found[first.name] = about if open_ else hide(about)
    return found


class _BrokenError(Exception):
    def __init__(self, error: str, message: str, reason: str) -> None:
        super().__init__(reason)
        self.broken = BrokenView(error, message, reason)


@dataclass
class _Expansion:
    """One statement's views. ``beneath`` has each table once for each view of the statement."""

    tables: Mapping[TableName, Table]
    parse: Parse
    named: Collection[TableName]
    roots: set[TableName] = field(default_factory=set)
    bodies: dict[TableName, Statement] = field(default_factory=dict)
    broken: dict[TableName, BrokenView] = field(default_factory=dict)
    beneath: list[TableRef] = field(default_factory=list)
    heavy: bool = False
    _references: int = 0
    _fault: _BrokenError | None = None

    async def root(self, ref: TableRef) -> None:
        """Expand a view that the statement itself names."""
        table = self.tables.get(ref.name)
        if table is None or table.view is None:
            return
        found: dict[TableName, TableRef] = {}
        self._fault = None
        try:
            _check_version(ref)
            await self._visit(table, ref, found)
            self._check_counts(found)
        except _BrokenError as error:
            self._fault = self._fault or error
            if error.broken.error == "QUERY_REJECTED":
                found = {}
        if ref.name not in self.roots:
            self.beneath += found.values()
        self.roots.add(ref.name)
        if self._fault is not None:
            self.broken[ref.name] = self._fault.broken

    async def _visit(self, table: Table, ref: TableRef, found: dict[TableName, TableRef]) -> None:
        """Note every table beneath a view; ``ref.via`` are the views above it."""
        name = table.name
        via = (*ref.via, name)
        if name in ref.via:
            raise _BrokenError("INVALID_VIEW", invalid(via[0]), f"{name} is recursive")
        if len(via) > MAX_DEPTH:
            message = f"View '{via[0]}' stands on more than {MAX_DEPTH - 1} views"
            raise _BrokenError("NOT_SUPPORTED", f"{message}: ask for a flatter one", str(name))
        body = await self._body(table, via[0])
        self._references += len(body.tables)
        if self._references > MAX_TABLES:
            message = f"with its views the query names more than {MAX_TABLES} tables: split it"
            raise _BrokenError("QUERY_REJECTED", message, str(name))
        for one in body.tables:
            inner = TableRef(one.name, one.parts, ref.at, via=via)
            await self._below(one, inner, found)

    async def _below(self, one: TableRef, ref: TableRef, found: dict[TableName, TableRef]) -> None:
        below = self.tables.get(one.name)
        if one.name.schema == "information_schema" or one.name.catalog == "system":
            raise _unread(ref.via[0], f"metadata: {one.name}")
        if below is None:
            error = _BrokenError("INVALID_VIEW", invalid(ref.via[0]), f"no table {one.name}")
            self._fault = self._fault or error
            return
        found.setdefault(one.name, ref)
        if below.view is None:
            return
        if one.version is not None:
            raise _BrokenError("NOT_SUPPORTED", unsupported(ref.via[0]), "time travel on a view")
        await self._visit(below, ref, found)

    async def _body(self, table: Table, root: TableName) -> Statement:
        """Read a view's query by the view's own defaults."""
        known = self.bodies.get(table.name)
        if known is not None:
            return known
        assert table.view is not None
        defaults = Defaults(table.view.catalog or table.name.catalog, table.view.schema)
        try:
            body = await self.parse(table.view.sql, defaults)
        except MeshgateError as error:
            raise _unread(root, f"{table.name}: {error.message}") from None
        if body.kind is not Kind.QUERY or body.tree is None or body.parameters:
            raise _unread(root, f"{table.name}: not a query")
        self.bodies[table.name] = body
        self.heavy = self.heavy or body.heavy
        return body

    def _check_counts(self, found: Mapping[TableName, TableRef]) -> None:
        names = {*self.named, *(ref.name for ref in self.beneath), *found}
        if len(names) > MAX_DISTINCT_TABLES:
            limit = MAX_DISTINCT_TABLES
            message = f"with its views the query reads more than {limit} tables: split it"
            raise _BrokenError("QUERY_REJECTED", message, "")


def _check_version(ref: TableRef) -> None:
    """Trino would pass over a view's version in silence."""
    if ref.version is not None:
        message = "time travel on a view is not supported: query its current state"
        raise _BrokenError("NOT_SUPPORTED", message, "version")


def _unread(root: TableName, reason: str) -> _BrokenError:
    return _BrokenError("NOT_SUPPORTED", unsupported(root), reason)
