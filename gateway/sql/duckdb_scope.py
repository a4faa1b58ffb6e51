"""What names mean where: relations in scope, lambda parameters, grouping keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.names import equals_ignore_case, fold, quote
from gateway.sql.duckdb_terms import Term, at_node, duck_type, unsupported

Columns = tuple[tuple[str, DataType], ...]
"""Names and types of a relation's columns, in order."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a FROM clause."""

    alias: str
    columns: Columns

    def find(self, name: str) -> list[tuple[str, DataType]]:
        """The columns of this name as they are spelled here: one, unless absent or ambiguous.

        One spelling each, so that a grouping key is found again by its text.
        """
        return [one for one in self.columns if equals_ignore_case(one[0], name)]


@dataclass(slots=True)
class Scope:
    """One query's names; ``outer`` is the enclosing query's."""

    outer: Scope | None = None
    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, DataType] = field(default_factory=dict)
    """Columns of USING, which stay bare."""
    lambdas: dict[str, Term] = field(default_factory=dict)
    outputs: dict[str, Term] = field(default_factory=dict)
    """Output names that ORDER BY may mention."""
    keys: set[str] = field(default_factory=set)
    loose: list[exp.Expression] = field(default_factory=list)
    """Column references of this query outside grouping keys and aggregates."""
    aggregated: bool = False
    forbids: str | None = None
    """The clause being written, where it allows no aggregate and no window."""
    in_aggregate: bool = False
    correlated: bool = False
    """Whether a column of an enclosing query is mentioned."""

    def column(self, node: exp.Column) -> Term:
        """Bind a column reference; raises COLUMN_NOT_FOUND, AMBIGUOUS_NAME."""
        name, bare = node.name, node.meta.get("bare")
        if not node.table:
            found = self._bare(name, bare)
            if found is not None:
                return found
        scope: Scope | None = self
        while scope is not None:
            term = scope.own(node)
            if term is not None:
                if scope is self and not self.in_aggregate:
                    self.loose.append(node)
                self._correlate(scope, node)
                return term
            scope = scope.outer
        raise at_node("COLUMN_NOT_FOUND", f"Column '{name}' cannot be resolved", node)

    def _correlate(self, owner: Scope, node: exp.Expression) -> None:
        """Mark a correlated sub-query; Trino plans few that reach over a query between."""
        if self is owner:
            return
        if self.outer is not owner:
            raise unsupported("a sub-query correlated over more than one level", node)
        self.correlated = True

    def _bare(self, name: str, bare: str | None) -> Term | None:
        scope: Scope | None = self
        while scope is not None:
            for written, term in scope.lambdas.items():
                if equals_ignore_case(written, name):
                    return term
            scope = scope.outer
        if bare == "order" or (bare is None and name in self.outputs):
            for written, term in self.outputs.items():
                if equals_ignore_case(written, name):
                    return term
        for written, kind in self.merged.items():
            if equals_ignore_case(written, name):
                return Term(kind, f"CAST({quote(written)} AS {duck_type(kind)})")
        return None

    def own(self, node: exp.Column) -> Term | None:
        """Bind to a relation of this query alone; None if it has no such column."""
        wanted = fold(node.table) if node.table else None
        found: list[Term] = []
        for relation in self.relations:
            if wanted is None or fold(relation.alias) == wanted:
                found += [
                    Term(kind, f"{quote(relation.alias)}.{quote(written)}")
                    for written, kind in relation.find(node.name)
                ]
        if len(found) > 1:
            raise at_node("AMBIGUOUS_NAME", f"Column '{node.name}' is ambiguous", node)
        return found[0] if found else None


def lambda_name(written: str) -> str:
    """Spell a lambda parameter so that it never meets a column of the same name."""
    return quote("mg_p_" + fold(written))
