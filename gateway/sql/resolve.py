"""Names to columns: ``Statement`` and ``Decision`` to ``ResolvedQuery``.

Every reference is bound here, against what the decision shows, before anything is
rewritten: a hidden column does not exist. The rules are Trino's except where searching
outward could bind a name to something else than the author meant; there we refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import cast

from sqlglot import exp

from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.names import TableName, fold
from gateway.policy.model import Decision
from gateway.sql.binder import Env, Out, State, located, reference
from gateway.sql.fromclause import FromBinder
from gateway.sql.limits import allow_recursion
from gateway.sql.model import Output, ResolvedQuery, Scan, Statement
from gateway.sql.outs import corresponding, name_columns, rename, spread, union
from gateway.sql.scopes import Field, Scope
from gateway.sql.trees import FreshNames, copy_tree


def resolve(
    statement: Statement,
    decision: Decision,
    tables: Mapping[TableName, Table],
    session: Mapping[str, exp.Expression] | None = None,
    first: int = 0,
) -> ResolvedQuery:
    """Bind every table and column of a statement's tree.

    Args:
        statement: a statement with a tree; it is not changed.
        decision: dense and allowing for every table of the statement.
        tables: the snapshot's tables by name.
        session: literals for the session functions (``sessionfns.session_values``).
        first: the number of the first scan; a view's query counts on from the statement's.

    Raises:
        MeshgateError: COLUMN_NOT_FOUND, AMBIGUOUS_NAME, MISMATCHED_COLUMN_ALIASES,
            INVALID_COLUMN_REFERENCE, TYPE_MISMATCH, NOT_SUPPORTED, QUERY_REJECTED.

    """
    if statement.tree is None:
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "a statement without a query was resolved")
    for ref in statement.tables:
        found = decision.tables.get(ref.name)
        if found is None or found.effect != "allow" or ref.name not in tables:
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "a table without a decision was resolved")
    allow_recursion()
    try:
        tree = copy_tree(statement.tree)
        state = State(FreshNames(tree), session or {})
        binder = QueryBinder(state, statement.tables, decision, tables, first)
        outs = binder.query(tree, None, {}, "output")
    except RecursionError as error:
        raise MeshgateError(
            "QUERY_REJECTED", "the query is nested too deeply: name parts of it with WITH"
        ) from error
    return ResolvedQuery(
        statement,
        decision,
        tree,
        tuple(_scan(state, index) for index in sorted(state.scans)),
        tuple(_output(index, out) for index, out in enumerate(outs)),
        MappingProxyType({origin: frozenset(places) for origin, places in state.usage.items()}),
    )


def _scan(state: State, index: int) -> Scan:
    scan, used = state.scans[index], state.used[index]
    columns = tuple(column.name for column in scan.table.columns if column.name in used)
    return replace(scan, used=columns)


def _output(index: int, out: Out) -> Output:
    name = out.name if out.name is not None else f"_col{index}"
    return Output(name, None, out.kind, tuple(sorted(out.sources)))


class QueryBinder(FromBinder):
    """Binds whole queries, innermost FROM first."""

    def query(
        self, node: exp.Expression, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        """Bind one query; the outputs carry what flowed into them."""
        with_ = node.args.get("with_")
        if with_ is not None:
            env = self._with(with_, parent, env)
        if isinstance(node, exp.Select):
            return self._select(node, parent, env, label)
        outs = self._body(node, parent, env, label)
        self._order(node, Scope(_output_fields(outs), [], parent, same_query=True), outs, env)
        return outs

    def _body(
        self, node: exp.Expression, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, parent, env, label)
        if isinstance(node, exp.Values):
            return self._values(node, parent, env, label)
        return self.query(node.this, parent, env, label)

    def _with(self, with_: exp.With, parent: Scope | None, env: Env) -> Env:
        inner = dict(env)
        for cte in with_.expressions:
            alias = cte.args["alias"]
            if with_.args.get("recursive"):
                outs = self._recursive(cte, parent, inner)
            else:
                outs = self.query(cte.this, parent, inner, None)
            if alias.args.get("columns"):
                outs = rename(cte, outs)
            name_columns(alias, outs)
            alias.this.args["quoted"] = True
            inner[fold(alias.this.this)] = (alias.this.this, outs)
        return inner

    def _recursive(self, cte: exp.CTE, parent: Scope | None, env: Env) -> list[Out]:
        """Bind an element of WITH RECURSIVE: its name means itself, in the step alone.

        What flows round the recursion may reach any column, so each gets all sources; the
        step is bound once before, on a copy, to know them.
        """
        alias, query = cte.args["alias"], cte.this
        if not alias.args.get("columns"):
            message = "missing column aliases in recursive WITH query"
            raise located(cte, "MISSING_COLUMN_ALIASES", message)
        name, own = alias.this.this, fold(alias.this.this)
        inner = {**env, own: (name, None)}
        if not isinstance(query, exp.Union) or query.args.get("with_") is not None:
            return self.query(query, parent, inner, None)
        self._refuse_nested(query)
        if query.args.get("by_name") or any(
            query.args.get(k) for k in ("order", "limit", "offset")
        ):
            message = "CORRESPONDING, ORDER BY, OFFSET and LIMIT cannot end a recursive query"
            raise located(query, "NOT_SUPPORTED", f"{message}: put them behind it")
        anchor = rename(cte, self.query(query.this, parent, inner, None))
        inner[own] = (name, spread(anchor, anchor))
        draft = self.query(copy_tree(query.expression), parent, inner, None)
        whole = spread(anchor, [*anchor, *draft])
        inner[own] = (name, whole)
        step = self.query(query.expression, parent, inner, None)
        if len(step) != len(anchor):
            message = f"UNION query has different number of fields: {len(anchor)}, {len(step)}"
            raise located(query, "TYPE_MISMATCH", message)
        return whole

    @staticmethod
    def _refuse_nested(query: exp.Expression) -> None:
        for with_ in query.find_all(exp.With):
            if with_.args.get("recursive"):
                raise located(query, "NESTED_RECURSIVE", "nested recursive query")

    def _set_operation(
        self, node: exp.SetOperation, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        left = self.query(node.this, parent, env, label)
        right = self.query(node.expression, parent, env, label)
        if node.args.get("by_name"):
            return corresponding(node, left, right)
        if len(left) != len(right):
            name = node.key.upper()
            message = f"{name} query has different number of fields: {len(left)}, {len(right)}"
            raise located(node, "TYPE_MISMATCH", message)
        return [union(one, other) for one, other in zip(left, right, strict=True)]

    def _values(
        self, node: exp.Values, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        widths = {len(row.expressions) for row in node.expressions}
        if len(widths) != 1:
            listed = " vs ".join(str(width) for width in sorted(widths))
            message = f"Values rows have mismatched sizes: {listed}"
            raise located(node, "TYPE_MISMATCH", message)
        outs: list[Out] = []
        for row in node.expressions:
            found = [self._traced(item, parent, env, label) for item in list(row.expressions)]
            outs = [union(a, b) for a, b in zip(outs, found, strict=True)] if outs else found
        return [Out(None, out.kind, out.sources) for out in outs]

    def _select(
        self, node: exp.Select, parent: Scope | None, env: Env, label: str | None
    ) -> list[Out]:
        scope = self.from_scope(node, parent, env)
        if node.args.get("where") is not None:
            self._untraced(node.args["where"], scope, env, "filter")
        outs = self._outputs(node, scope, env, label)
        if node.args.get("group") is not None:
            self._group(node.args["group"], scope, outs, env)
        if node.args.get("having") is not None:
            self._untraced(node.args["having"], scope, env, "filter")
        for window in node.args.get("windows") or []:
            self._untraced(window, scope, env, "window")
        self._order(node, Scope(_output_fields(outs), [], scope, same_query=True), outs, env)
        return outs

    def _outputs(self, node: exp.Select, scope: Scope, env: Env, label: str | None) -> list[Out]:
        """Bind the SELECT list; stars become the visible columns they stand for."""
        if isinstance(node.parent, exp.Exists):
            _drop_stars(node, scope)
        stars: dict[int, list[exp.Expression]] = {}
        outs: list[Out] = []
        for index, item in enumerate(list(node.expressions)):
            fields = star_fields(item, scope)
            if fields is None:
                outs.append(self._item(item, scope, env, label))
                continue
            self.state.star(len(fields))
            stars[index] = [self._expanded(item, one, label) for one in fields]
            outs += [Out(one.name, one.kind, one.sources) for one in fields]
        if stars:
            kept = ([item] for item in node.expressions)
            flat = [stars.get(index, item) for index, item in enumerate(kept)]
            node.set("expressions", [item for items in flat for item in items])
        return outs

    def _expanded(self, star: exp.Expression, one: Field, label: str | None) -> exp.Expression:
        self._note(one, label)
        if self.state.sink is not None:
            self.state.sink |= one.sources
        return _named(reference(star, one, None), one.name)

    def _item(self, item: exp.Expression, scope: Scope, env: Env, label: str | None) -> Out:
        name = heading(item)
        if isinstance(item, exp.Alias):
            item.args["alias"].args["quoted"] = True
            out = self._traced(item.this, scope, env, label)
        else:
            place, index = cast("exp.Select", item.parent), cast("int", item.index)
            out = self._traced(item, scope, env, label)
            bound = place.expressions[index]
            wanted = _named(bound, name)
            if wanted is not bound:
                bound.replace(wanted)
        return Out(name, out.kind, out.sources)

    def _traced(
        self, item: exp.Expression, scope: Scope | None, env: Env, label: str | None
    ) -> Out:
        """Bind an expression and say what flows into its value."""
        outer, self.state.sink = self.state.sink, set()
        before = self.state.aggregates
        plain = isinstance(item, exp.Column)
        self.state.last = None
        self.bind(item, scope, env, label)
        sources = frozenset(self.state.sink)
        last = self.state.last
        if outer is not None:
            outer |= sources
        self.state.sink = outer
        if self.state.aggregates > before:
            return Out(None, "aggregate", sources)
        kind = last.kind if plain and last is not None else "derived"
        return Out(None, kind, sources)

    def _untraced(self, node: exp.Expression, scope: Scope | None, env: Env, label: str) -> None:
        outer, self.state.sink = self.state.sink, None
        self.bind(node, scope, env, label)
        self.state.sink = outer

    def _group(self, group: exp.Group, scope: Scope, outs: list[Out], env: Env) -> None:
        if group.args.get("all") == "AUTO":
            for origin in {o for out in outs if out.kind != "aggregate" for o in out.sources}:
                self.state.usage.setdefault(origin, set()).add("group")
        items = list(group.expressions)
        for key in ("rollup", "cube", "grouping_sets"):
            for element in group.args.get(key) or []:
                for one in element.expressions:
                    items += one.expressions if isinstance(one, exp.Tuple) else [one]
        for item in items:
            if not self._ordinal(item, outs, "GROUP BY", "group"):
                self._untraced(item, scope, env, "group")

    def _order(self, node: exp.Expression, scope: Scope, outs: list[Out], env: Env) -> None:
        order = node.args.get("order")
        if order is None:
            return
        for ordered in order.expressions:
            if not self._ordinal(ordered.this, outs, "ORDER BY", "order"):
                self._untraced(ordered.this, scope, env, "order")

    def _ordinal(self, item: exp.Expression, outs: list[Out], clause: str, label: str) -> bool:
        """Whether an element is a position in the SELECT list; checks its range."""
        if not isinstance(item, exp.Literal) or item.is_string or not item.this.isdigit():
            return False
        position = int(item.this)
        if not 1 <= position <= len(outs):
            message = f"{clause} position {item.this} is not in select list"
            raise located(item, "INVALID_COLUMN_REFERENCE", message)
        for origin in outs[position - 1].sources:
            self.state.usage.setdefault(origin, set()).add(label)
        return True


def _drop_stars(node: exp.Select, scope: Scope) -> None:
    """``EXISTS (SELECT * …)`` asks for rows alone: read no column for it."""
    plain = not any(node.args.get(key) for key in ("distinct", "group", "having", "order"))
    if plain and all(star_fields(item, scope) is not None for item in node.expressions):
        node.set("expressions", [exp.Literal(this="1", is_string=False)])


def star_fields(item: exp.Expression, scope: Scope) -> list[Field] | None:
    """Columns that ``*`` or ``t.*`` stands for; None for any other item."""
    if isinstance(item, exp.Star):
        fields = [one for one in scope.fields if one.starred]
        if not fields:
            message = "SELECT * not allowed in queries without FROM clause"
            if scope.relations:
                message = "SELECT * not allowed from relation that has no columns"
            raise located(item, "COLUMN_NOT_FOUND", message)
        return fields
    if not isinstance(item, exp.Column) or not isinstance(item.this, exp.Star):
        return None
    names = tuple(fold(part.this) for part in item.parts[:-1])
    relations = [relation for relation in scope.relations if relation.answers_to(names)]
    if len(relations) != 1:
        message = f"Unable to resolve reference {'.'.join(names)}"
        raise located(item, "TABLE_NOT_FOUND", message)
    fields = [one for one in scope.fields if one.relation is relations[0] and one.starred]
    if not fields:
        message = "SELECT * not allowed from relation that has no columns"
        raise located(item, "COLUMN_NOT_FOUND", message)
    return fields


def heading(item: exp.Expression) -> str | None:
    """Name a SELECT item as Trino does: alias, else the last part of a name, else None."""
    if isinstance(item, exp.Alias):
        return cast("str", item.args["alias"].this)
    if isinstance(item, exp.Column):
        return cast("str", item.this.this)
    if isinstance(item, exp.Dot):
        base: exp.Expression = item
        while isinstance(base, exp.Dot):
            base = base.this
        return cast("str", item.expression.this) if isinstance(base, exp.Column) else None
    return None


def _named(node: exp.Expression, name: str | None) -> exp.Expression:
    """Alias a bound item whose own text would not give it its name."""
    if name is None or (isinstance(node, exp.Column) and node.this.this == name):
        return node
    alias = exp.Alias(this=node.copy(), alias=exp.Identifier(this=name, quoted=True))
    if "at" in node.meta:
        alias.meta["at"] = node.meta["at"]
    return alias


def _output_fields(outs: list[Out]) -> list[Field]:
    return [Field(out.name, out.name or "", None, "order", out.kind, out.sources) for out in outs]
