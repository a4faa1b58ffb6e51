"""Binding expressions: every column reference to one field, or an error in Trino's words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql.functions import FUNCTIONS
from gateway.sql.limits import MAX_COLUMNS, MAX_STARRED, rejected
from gateway.sql.model import Scan
from gateway.sql.scopes import Field, Found, Origin, Scope, compare_key
from gateway.sql.sessionfns import CALLED_NAMES, SESSION_NAMES, key_of
from gateway.sql.trees import FreshNames, copy_tree

QUERIES = (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)
_Frames = tuple[frozenset[str], ...]


@dataclass(slots=True)
class Out:
    """One output column of a query: heading (None: unnamed), kind, sources."""

    name: str | None
    kind: str
    sources: frozenset[Origin]


@dataclass
class State:
    """What a resolution gathers on its way."""

    names: FreshNames
    session: Mapping[str, exp.Expression]
    scans: dict[int, Scan] = field(default_factory=dict)
    used: dict[int, set[str]] = field(default_factory=dict)
    usage: dict[Origin, set[str]] = field(default_factory=dict)
    sink: set[Origin] | None = None
    aggregates: int = 0
    last: Field | None = None
    derived: int = 0
    columns: int = 0
    starred: int = 0

    def bring(self, count: int) -> None:
        """Count columns that a relation brings into scope; QUERY_REJECTED beyond the limit."""
        self.columns += count
        if self.columns > MAX_COLUMNS:
            what = f"the relations of the query have more than {MAX_COLUMNS} columns together"
            raise rejected(what, "name the columns it needs in sub-queries")

    def star(self, count: int) -> None:
        """Count columns that a star stands for: stars of stars would multiply without end."""
        self.starred += count
        if self.starred > MAX_STARRED:
            what = f"the stars of the query stand for more than {MAX_STARRED} columns"
            raise rejected(what, "name the columns it needs")


Env = Mapping[str, tuple[str, list[Out] | None]]
"""WITH names: spelling and outputs, which are None where a name means itself too early."""


class Binder:
    """Walks expressions of one statement's private tree."""

    def __init__(self, state: State) -> None:
        self.state = state

    @abstractmethod
    def query(
        self, node: exp.Expression, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        """Bind a nested query; ``label`` says where its outputs are used."""

    def bind(self, root: exp.Expression, scope: Scope | None, env: Env, label: str | None) -> None:
        """Bind every column below ``root`` in text order; ``label`` is the place of use."""
        if isinstance(root, exp.Column):
            self._column(root, scope, (), label)
            return
        stack: list[tuple[exp.Expression, _Frames, str | None]] = [(root, (), label)]
        while stack:
            node, frames, label = stack.pop()
            if isinstance(node, exp.Column):
                self._column(node, scope, frames, label)
            elif isinstance(node, QUERIES):
                self._nested(node, scope, frames, env, label)
            elif isinstance(node, exp.Lambda):
                own = frozenset(compare_key(name.this) for name in node.expressions)
                stack.append((node.this, (*frames, own), label))
            elif isinstance(node, exp.Dot):
                stack.append((node.this, frames, label))
            else:
                self._call(node)
                for child in cast(
                    "list[exp.Expression]", list(node.iter_expressions(reverse=True))
                ):
                    inner = isinstance(node, exp.Window) and child.arg_key != "this"
                    stack.append((child, frames, "window" if inner and label else label))

    def _nested(
        self,
        node: exp.Expression,
        scope: Scope | None,
        frames: _Frames,
        env: Env,
        label: str | None,
    ) -> None:
        """Bind a sub-query of an expression; all but EXISTS give exactly one column."""
        if frames:
            raise located(node, "NOT_SUPPORTED", "Lambda expression cannot contain subqueries")
        place, aggregates = node.parent, self.state.aggregates
        outs = self.query(node, scope, env, label)
        self.state.aggregates = aggregates
        if len(outs) != 1 and not isinstance(place, exp.Exists):
            message = (
                f"Multiple columns returned by subquery are not yet supported. Found {len(outs)}"
            )
            raise located(node, "NOT_SUPPORTED", message)

    def _call(self, node: exp.Expression) -> None:
        if not isinstance(node, exp.Anonymous):
            return
        name = node.this.lower()
        if _is_aggregate(node):
            self.state.aggregates += 1
        if name in SESSION_NAMES:
            self._session_value(node, name)

    def _session_value(self, node: exp.Anonymous, name: str) -> None:
        key = key_of(node)
        value = self.state.session.get(key)
        keyword = node.meta.get("keyword", False)
        if value is None or keyword == (name in CALLED_NAMES):
            raise located(node, "NOT_SUPPORTED", f"{name} has no value in this session")
        if node.expressions and key == name:
            advice = "call it without arguments"
            raise located(node, "NOT_SUPPORTED", f"{name}(…) is not supported: {advice}")
        fresh = copy_tree(value)
        fresh.meta["at"] = node.meta.get("at", (1, 1))
        node.replace(fresh)

    def _column(
        self, node: exp.Column, scope: Scope | None, frames: _Frames, label: str | None
    ) -> None:
        parts = cast("list[exp.Identifier]", node.parts)
        first = compare_key(parts[0].this)
        if any(first in frame for frame in frames):
            bare = exp.Column(this=exp.Identifier(this=parts[0].this, quoted=parts[0].quoted))
            bare.meta.update(node.meta, bare="lambda")
            node.replace(_with_fields(bare, parts[1:]))
            return
        found = self._search(node, [part.this for part in parts], scope)
        self._note(found.field, label)
        self._refuse_capture(node, found)
        if found.field.bare == "order" and _aggregated(node):
            message = "Invalid reference to output projection attribute from ORDER BY aggregation"
            raise located(node, "COLUMN_NOT_FOUND", message)
        fields = parts[found.used :]
        self.state.last = None if fields else found.field
        bound = reference(node, found.field, parts[found.used - 1])
        node.replace(_with_fields(bound, fields))

    def _search(self, node: exp.Column, names: list[str], scope: Scope | None) -> Found:
        passed: list[Scope] = []
        while scope is not None:
            for size in range(len(names), 0, -1):
                fields = scope.find(names[:size])
                if len(fields) > 1:
                    name = ".".join(names[:size]).lower()
                    raise located(node, "AMBIGUOUS_NAME", f"Column '{name}' is ambiguous")
                if fields:
                    return Found(fields[0], size, tuple(passed))
            if scope.names_relation(names) or (len(names) == 1 and scope.hides):
                break
            if scope.looks_like(names[-1]):
                break
            passed.append(scope)
            scope = scope.parent
        name = ".".join(names).lower()
        searched = [*passed, scope] if scope is not None else passed
        denied = next(filter(None, (one.denied(names) for one in searched)), None)
        audit = {"table": denied[0], "column": denied[1]} if denied else None
        message = f"Column '{name}' cannot be resolved"
        raise located(node, "COLUMN_NOT_FOUND", message, audit)

    @staticmethod
    def _refuse_capture(node: exp.Column, found: Found) -> None:
        """Refuse an outward reference that its qualified form would not reach."""
        relation = found.field.relation
        if not found.passed:
            return
        if relation is None:
            if any(not scope.same_query for scope in found.passed):
                raise located(
                    node,
                    "NOT_SUPPORTED",
                    "a USING column cannot be read by an inner query: join with ON instead",
                )
            return
        if any(scope.captures(relation.alias.this) for scope in found.passed):
            alias = relation.alias.this
            raise located(
                node,
                "NOT_SUPPORTED",
                f"the name '{alias}' also means something else in an inner query: "
                "give the outer table another alias",
            )

    def _note(self, found: Field, label: str | None) -> None:
        """Record what a reference uses: columns of scans, lineage, places of use."""
        for one in found.parts or (found,):
            if one.relation is not None and one.relation.source[0] == "scan":
                self.state.used[one.relation.source[1]].add(one.key)
        if self.state.sink is not None:
            self.state.sink |= found.sources
        if label is not None:
            for origin in found.sources:
                self.state.usage.setdefault(origin, set()).add(label)


def reference(node: exp.Expression, found: Field, written: exp.Identifier | None) -> exp.Column:
    """Build the bound column: qualified, or bare for USING and ORDER BY names."""
    spelled = written.this if written is not None else found.key
    if compare_key(spelled) != compare_key(found.key) or not spelled.isascii():
        spelled = found.key
    name = exp.Identifier(this=spelled, quoted=True)
    if found.relation is None:
        column = exp.Column(this=name)
        column.meta["bare"] = found.bare
    else:
        alias = exp.Identifier(this=found.relation.alias.this, quoted=True)
        column = exp.Column(this=name, table=alias)
        column.meta["source"] = found.relation.source
    column.meta["column"] = found.key
    if "at" in node.meta:
        column.meta["at"] = node.meta["at"]
    return column


def _with_fields(node: exp.Expression, fields: list[exp.Identifier]) -> exp.Expression:
    for name in fields:
        node = exp.Dot(this=node, expression=exp.Identifier(this=name.this, quoted=True))
    return node


def _is_aggregate(node: exp.Anonymous) -> bool:
    function = FUNCTIONS.get(node.this.lower())
    return function is not None and function.kind == "aggregate" and not _windowed(node)


def _aggregated(node: exp.Expression) -> bool:
    """Whether a reference of ORDER BY stands inside an aggregate."""
    place = node.parent
    while place is not None and not isinstance(place, exp.Ordered):
        if isinstance(place, exp.Anonymous) and _is_aggregate(place):
            return True
        place = place.parent
    return False


def _windowed(node: exp.Expression) -> bool:
    """Whether a call is a window function: nothing is aggregated away."""
    place = node.parent
    while isinstance(place, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)):
        place = place.parent
    return isinstance(place, exp.Window)


def located(
    node: exp.Expression, name: str, message: str, audit: Mapping[str, str] | None = None
) -> MeshgateError:
    """Build an error at a node's place in the user's text."""
    at = node.meta.get("at")
    if at is None:
        return MeshgateError(name, message, audit=audit)
    line, column = at
    text = f"line {line}:{column}: {message}"
    return MeshgateError(name, text, line=line, column=column, audit=audit)
