"""Stage types of the SQL pipeline. Frozen; each is made by one module only.

text -> ``Statement`` (parse) -> ``ResolvedQuery`` (resolve) -> ``GovernedQuery`` (govern).
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from sqlglot import exp

from gateway.catalog.model import Table
from gateway.datatypes import DataType
from gateway.names import TableName
from gateway.policy.model import Condition, Decision, TableDecision

Engine = Literal["duckdb", "trino"]


def _proxy(values: dict[str, str]) -> Mapping[str, str]:
    return MappingProxyType(values)


def _reduce(proxy: Mapping[str, str]) -> tuple[Callable[..., Mapping[str, str]], tuple[object]]:
    """Pickle a read-only mapping: stages of heavy statements travel between processes."""
    return _proxy, (dict(proxy),)


copyreg.pickle(MappingProxyType, _reduce)  # type: ignore[arg-type]


class Kind(StrEnum):
    """What a statement is; everything not here is refused with NOT_SUPPORTED."""

    QUERY = "QUERY"
    EXPLAIN = "EXPLAIN"
    EXPLAIN_ACCESS = "EXPLAIN_ACCESS"
    SHOW_CATALOGS = "SHOW_CATALOGS"
    SHOW_SCHEMAS = "SHOW_SCHEMAS"
    SHOW_TABLES = "SHOW_TABLES"
    SHOW_COLUMNS = "SHOW_COLUMNS"
    SHOW_CREATE = "SHOW_CREATE"
    SHOW_FUNCTIONS = "SHOW_FUNCTIONS"
    SHOW_SESSION = "SHOW_SESSION"
    SHOW_STATS = "SHOW_STATS"
    USE = "USE"
    SET_SESSION = "SET_SESSION"
    RESET_SESSION = "RESET_SESSION"
    SET_TIME_ZONE = "SET_TIME_ZONE"
    SET_ROLE = "SET_ROLE"
    PREPARE = "PREPARE"
    EXECUTE = "EXECUTE"
    EXECUTE_IMMEDIATE = "EXECUTE_IMMEDIATE"
    DEALLOCATE = "DEALLOCATE"
    DESCRIBE_INPUT = "DESCRIBE_INPUT"
    DESCRIBE_OUTPUT = "DESCRIBE_OUTPUT"
    START_TRANSACTION = "START_TRANSACTION"
    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"
    KILL_QUERY = "KILL_QUERY"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The connection's current catalog and schema, folded."""

    catalog: str | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """1-based place in the user's text."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class TableRef:
    """One table: ``name`` completed with the defaults and folded, ``parts`` as written."""

    name: TableName
    parts: tuple[str, ...]
    at: Position
    version: str | None = None
    role: Literal["read", "target"] = "read"
    via: tuple[TableName, ...] = ()
    """The views a table lies beneath, the one the statement names first; ``at`` is its place."""


@dataclass(frozen=True, slots=True)
class BrokenView:
    """Why a view that the statement names cannot be read; told to those who may see it."""

    error: str
    message: str
    reason: str = ""
    """For the audit record alone."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One accepted statement.

    ``tree`` is set for QUERY, EXPLAIN, EXPLAIN_ACCESS (the query inside); never mutated.
    ``words`` holds a command's operands by name (see ``statement``), ``text`` an inner
    statement's text (PREPARE, EXECUTE IMMEDIATE), ``arguments`` the USING expressions.
    ``parameters`` counts the ``?`` of the tree.
    """

    kind: Kind
    digest: str
    defaults: Defaults
    tree: exp.Expression | None = None
    tables: tuple[TableRef, ...] = ()
    parameters: int = 0
    words: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    text: str | None = None
    arguments: tuple[exp.Expression, ...] = ()
    heavy: bool = False
    """So large that every further stage runs apart, with capped CPU and memory."""
    session_names: frozenset[str] = frozenset()
    """The session functions the tree calls: their values belong into a cache's key."""
    views: Mapping[TableName, Statement | BrokenView] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    """The queries of all views beneath; their tables stand at the end of ``tables``, with ``via``.
    Filled by ``views.expanded``."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One governed table reference of a resolved query.

    The tree's ``exp.Table`` node carries ``meta["scan"] = index``; its alias is ``alias``
    (as the user wrote it, or the table's name). ``used`` are the columns the statement
    reads, lower case, catalog order.
    """

    index: int
    ref: TableRef
    table: Table
    decision: TableDecision
    alias: str
    used: tuple[str, ...]
    hints: tuple[Condition, ...] = field(default=(), repr=False)
    """What the statement itself says of the scan's rows: it holds literals of the user."""
    body: ResolvedQuery | None = field(default=None, repr=False, compare=False)
    """The query of a view, until it is written; a table has none."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output column: heading, lineage sources and how they flow into it.

    ``type`` is None until the typer has run (engine ``trino`` needs none).
    ``kind`` is direct, derived or aggregate; ``sources`` are (table, column) pairs.
    """

    name: str
    type: DataType | None = None
    kind: str = "derived"
    sources: tuple[tuple[TableName, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """Every table and column bound. ``tree`` is a private copy with qualified columns.

    ``usage`` maps (table, column) to where it is used: output, filter, join, group, order, window.
    """

    statement: Statement
    decision: Decision
    tree: exp.Expression
    scans: tuple[Scan, ...]
    outputs: tuple[Output, ...]
    usage: Mapping[tuple[TableName, str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class GovernedQuery:
    """Verified text for one engine: the only thing an engine accepts."""

    sql: str
    engine: Engine
    kind: Kind
    scans: tuple[Scan, ...]
    outputs: tuple[Output, ...]
    usage: Mapping[tuple[TableName, str], frozenset[str]]
    restricted: bool
    decision_id: str
    decision_fingerprint: str
    ordered: bool = False
    max_rows: int | None = None
    """More rows than these fail the statement: an obligation, counted where rows are."""

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The distinct tables read, in order of first appearance."""
        return tuple(dict.fromkeys(scan.table.name for scan in self.scans))
