"""The writer: dispatch by node class, scopes, implicit conversions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_casts import cast_term
from gateway.sql.duckdb_scope import Columns, Scope
from gateway.sql.duckdb_terms import Term, at_node, unsupported
from gateway.sql.model import Scan
from gateway.sql.typing_rules import BOOLEAN, coercible, common_of

Rule = Callable[["Writer", exp.Expression], Term]


@dataclass(frozen=True, slots=True)
class Query:
    """One query's text and its output columns."""

    sql: str
    columns: Columns


class Writer:
    """Writes one statement; not reused. ``types`` holds each visited node's Trino type by id."""

    def __init__(
        self,
        scans: Sequence[Scan],
        secured: Callable[[Scan], str],
        rules: Mapping[type, Rule],
        write_query: Callable[[Writer, exp.Expression], Query],
    ) -> None:
        self.scans = {scan.index: scan for scan in scans}
        self.secured = secured
        self.scope = Scope()
        self.with_names: dict[str, Columns] = {}
        self.types: dict[int, DataType] = {}
        self.named_windows: list[Mapping[str, exp.Expression]] = []
        self._rules = rules
        self._write_query = write_query

    def term(self, node: exp.Expression) -> Term:
        """Type and write one expression."""
        rule = self._rules.get(type(node))
        if rule is None:
            raise unsupported(f"{type(node).__name__} expression", node)
        scope, mark = self.scope, len(self.scope.loose)
        found = rule(self, node)
        if found.sql in scope.keys:
            del scope.loose[mark:]
        self.types[id(node)] = found.type
        return found

    def query(self, node: exp.Expression) -> Query:
        """Write a query inside the current scope."""
        return self._write_query(self, node)

    def terms(self, nodes: Sequence[exp.Expression]) -> list[Term]:
        """Type and write several expressions."""
        return [self.term(node) for node in nodes]

    def predicate(self, node: exp.Expression, clause: str) -> Term:
        """Write a condition; raises TYPE_MISMATCH unless it is boolean."""
        term = self.term(node)
        if term.type.base not in {"boolean", "unknown"}:
            message = f"{clause} must evaluate to a boolean: actual type {term.type.compact()}"
            raise at_node("TYPE_MISMATCH", message, node)
        return coerce(term, BOOLEAN, node)

    @contextmanager
    def nested(self) -> Iterator[Scope]:
        """Open a scope inside the current one."""
        outer, names = self.scope, self.with_names
        self.scope, self.with_names = Scope(outer), dict(names)
        try:
            yield self.scope
        finally:
            self.scope, self.with_names = outer, names

    @contextmanager
    def forbidding(self, clause: str) -> Iterator[None]:
        """Refuse aggregates and windows while a clause is written."""
        before, self.scope.forbids = self.scope.forbids, clause
        try:
            yield
        finally:
            self.scope.forbids = before


def coerce(term: Term, target: DataType, node: exp.Expression | None) -> Term:
    """Convert as Trino does implicitly; the caller has checked that it does."""
    if term.type == target:
        return term
    return cast_term(term, target, node)


def unify(terms: Sequence[Term], node: exp.Expression, what: str) -> tuple[DataType, list[Term]]:
    """Convert all to their common super type; raises TYPE_MISMATCH if there is none."""
    found = common_of(term.type for term in terms)
    if found is None:
        kinds = ", ".join(dict.fromkeys(term.type.compact() for term in terms))
        raise at_node("TYPE_MISMATCH", f"{what} must be of one type: {kinds}", node)
    return found, [coerce(term, found, node) for term in terms]


def accepts(term: Term, target: DataType) -> bool:
    """Whether Trino converts the term implicitly."""
    return coercible(term.type, target)
