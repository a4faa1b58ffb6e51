"""Binding FROM: scans, WITH references, derived tables, UNNEST, LATERAL, joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from sqlglot import exp

from gateway.catalog.model import Table
from gateway.names import TableName, fold
from gateway.policy.model import Decision
from gateway.sql.binder import Binder, Env, Out, State, located
from gateway.sql.limits import MAX_RELATIONS, rejected
from gateway.sql.model import Scan, TableRef
from gateway.sql.scopes import Field, Relation, Scope, compare_key
from gateway.sql.trees import unique_keys


class FromBinder(Binder):
    """Turns the relations of one FROM clause into a scope."""

    def __init__(
        self,
        state: State,
        refs: tuple[TableRef, ...],
        decision: Decision,
        tables: Mapping[TableName, Table],
        first: int = 0,
    ) -> None:
        super().__init__(state)
        self._first = first
        self._refs = refs
        self._decision = decision
        self._tables = tables

    def from_scope(self, select: exp.Select, parent: Scope | None, env: Env) -> Scope:
        """Bind the FROM clause of a SELECT; without one the scope is empty."""
        from_ = select.args.get("from_")
        if from_ is None:
            return Scope([], [], parent)
        joins = cast("list[exp.Join]", select.args.get("joins") or [])
        return self._joined(from_.this, joins, parent, env)

    def _joined(
        self, first: exp.Expression, joins: list[exp.Join], parent: Scope | None, env: Env
    ) -> Scope:
        """Bind a flat list of joins; a comma begins a group whose ON sees the group alone."""
        done = Scope([], [], parent)
        group = self._relation(first, parent, env)
        for join in joins:
            lateral = isinstance(join.this, (exp.Lateral, exp.Unnest))
            if not join.args.get("kind") and not join.args.get("side"):
                done = _merge(done, group, parent)
                group = self._relation(join.this, done if lateral else parent, env)
                continue
            self._refuse_lateral_condition(join)
            right = self._relation(join.this, group if lateral else parent, env)
            group = self._join(join, group, right, parent, env)
        return _merge(done, group, parent)

    @staticmethod
    def _refuse_lateral_condition(join: exp.Join) -> None:
        if not isinstance(join.this, (exp.Lateral, exp.Unnest)) or join.args.get("kind") == "CROSS":
            return
        condition = join.args.get("on")
        plain = isinstance(condition, exp.Boolean) and condition.this
        if join.args.get("side") in {"RIGHT", "FULL"} or not plain:
            raise located(
                join, "NOT_SUPPORTED", "UNNEST and LATERAL join with CROSS JOIN or ON true alone"
            )

    def _join(
        self, join: exp.Join, left: Scope, right: Scope, parent: Scope | None, env: Env
    ) -> Scope:
        scope = _merge(left, right, parent)
        using = cast("list[exp.Identifier]", join.args.get("using") or [])
        if using:
            return self._using(join, using, left, right, scope)
        condition = join.args.get("on")
        if condition is not None:
            self.bind(condition, scope, env, "join")
        return scope

    def _using(
        self,
        join: exp.Join,
        names: list[exp.Identifier],
        left: Scope,
        right: Scope,
        scope: Scope,
    ) -> Scope:
        merged: list[Field] = []
        gone: list[Field] = []
        for name in names:
            one = self._using_side(join, name.this, left, "left")
            other = self._using_side(join, name.this, right, "right")
            parts = (*(one.parts or (one,)), *(other.parts or (other,)))
            sources = one.sources | other.sources
            both = Field(name.this, name.this, None, "using", "direct", sources, parts)
            self._note(both, "join")
            merged.append(both)
            gone += [one, other]
            name.args["quoted"] = True
        lost = {id(field) for field in gone}
        rest = [field for field in scope.fields if id(field) not in lost]
        return Scope([*merged, *rest], scope.relations, scope.parent)

    @staticmethod
    def _using_side(join: exp.Join, name: str, scope: Scope, side: str) -> Field:
        found = scope.find([name])
        if len(found) > 1:
            raise located(join, "AMBIGUOUS_NAME", f"Column '{name.lower()}' is ambiguous")
        if not found:
            message = f"Column '{name.lower()}' is missing from {side} side of join"
            raise located(join, "COLUMN_NOT_FOUND", message)
        return found[0]

    def _relation(self, node: exp.Expression, parent: Scope | None, env: Env) -> Scope:
        if isinstance(node, exp.Table):
            return self._table(node, env)
        if isinstance(node, exp.Subquery) and _holds_join(node):
            return self._nested_join(node.this, parent, env)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, parent, env)
        query = node.this if isinstance(node, exp.Lateral) else node
        return self._derived(node, self.query(query, parent, env, None))

    def _nested_join(self, first: exp.Expression, parent: Scope | None, env: Env) -> Scope:
        """Bind ``(a JOIN b …)``: the joins hang on the first relation inside."""
        joins = cast("list[exp.Join]", first.args.get("joins") or [])
        first.set("joins", None)
        scope = self._joined(first, joins, parent, env)
        first.set("joins", joins)
        return scope

    def _table(self, node: exp.Table, env: Env) -> Scope:
        if node.meta.get("cte"):
            spelled, outs = env[fold(node.this.this)]
            if outs is None:
                message = "recursive reference not allowed in this context"
                raise located(node, "INVALID_RECURSIVE_REFERENCE", message)
            if not node.args.get("alias"):
                node.set("alias", _alias(exp.Identifier(this=spelled, quoted=True)))
            node.this.set("this", spelled)
            return self._derived(node, outs)
        return self._scan(node)

    def _scan(self, node: exp.Table) -> Scope:
        ref = self._refs[node.meta["ref"]]
        index = self._first + node.meta["ref"]
        table, decision = self._tables[ref.name], self._decision.tables[ref.name]
        if ref.version is not None and table.moved:
            raise located(
                node,
                "NOT_SUPPORTED",
                "time travel is not supported on this table: in an older schema one of its "
                "column names meant another column; query its current state",
            )
        written = node.args.get("alias")
        alias = written.this if written else exp.Identifier(this=node.this.this, quoted=True)
        qualifier = (fold(alias.this),) if written else tuple(fold(part) for part in ref.parts)
        visible = {column.name for column in decision.readable}
        columns = [column for column in table.columns if column.name in visible]
        denied = {
            compare_key(column.name): (str(table.name), column.name)
            for column in table.columns
            if column.name not in visible
        }
        relation = Relation(
            alias, qualifier, ("scan", index), node, hides=bool(denied), denied=denied
        )
        node.meta["scan"] = index
        self.state.scans[index] = Scan(index, ref, table, decision, alias.this, ())
        self.state.used[index] = set()
        self.state.bring(len(columns))
        names: list[str | None] = [c.written or c.name for c in columns if not c.hidden]
        shown = iter(_renamed(node, names))
        if written:
            written.set("columns", [])
        fields = [
            Field(
                column.name if column.hidden else next(shown),
                column.name,
                relation,
                sources=frozenset({(table.name, column.name)}),
                starred=not column.hidden,
            )
            for column in columns
        ]
        return Scope(fields, [relation])

    def _derived(self, node: exp.Expression, outs: Iterable[Out]) -> Scope:
        """Give a derived relation an alias and every column of it one name."""
        given = list(outs)
        self.state.bring(len(given))
        alias = node.args.get("alias")
        names = _renamed(node, [out.name for out in given])
        keys = unique_keys(names)
        if alias is None:
            name = exp.Identifier(this=self.state.names.take("$q"), quoted=True)
            qualifier: tuple[str, ...] = ()
            alias = _alias(name)
            node.set("alias", alias)
        else:
            qualifier = (fold(alias.this.this),)
        if alias.args.get("columns") or keys != [out.name for out in given]:
            columns = [exp.Identifier(this=key, quoted=True) for key in keys]
            alias.set("columns", columns)
        self.state.derived += 1
        if self.state.derived > MAX_RELATIONS:
            raise rejected(f"the query has more than {MAX_RELATIONS} relations", "split it")
        node.meta["derived"] = self.state.derived
        relation = Relation(alias.this, qualifier, ("derived", self.state.derived), node)
        fields = [
            Field(name, key, relation, None, out.kind, out.sources)
            for name, key, out in zip(names, keys, given, strict=True)
        ]
        return Scope(fields, [relation])

    def _unnest(self, node: exp.Unnest, parent: Scope | None, env: Env) -> Scope:
        alias = node.args.get("alias")
        columns = alias.args.get("columns") if alias is not None else None
        if not columns:
            raise located(node, "NOT_SUPPORTED", "name the columns: UNNEST(…) AS t(x)")
        sink, self.state.sink = self.state.sink, set()
        for item in list(node.expressions):
            self.bind(item, parent, env, "output")
        sources, self.state.sink = frozenset(self.state.sink), sink
        outs = [Out(column.this, "derived", sources) for column in columns]
        return self._derived(node, outs)


def _holds_join(node: exp.Subquery) -> bool:
    inner = node.this
    relation = isinstance(inner, (exp.Table, exp.Subquery, exp.Unnest, exp.Lateral))
    return relation and bool(inner.args.get("joins"))


def _merge(left: Scope, right: Scope, parent: Scope | None) -> Scope:
    """Put two sides together; the same alias on both is refused."""
    taken = {relation.folded for relation in left.relations}
    for relation in right.relations:
        if relation.folded in taken:
            name = relation.alias.this
            message = f"the name '{name}' stands for two tables of one FROM: alias them apart"
            raise located(relation.node, "NOT_SUPPORTED", message)
    return Scope([*left.fields, *right.fields], [*left.relations, *right.relations], parent)


def _alias(name: exp.Identifier) -> exp.TableAlias:
    return exp.TableAlias(this=name, columns=[])


def _renamed(node: exp.Expression, names: list[str | None]) -> list[str | None]:
    """Apply ``AS t(a, b)``; the count must be that of the relation."""
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if alias is not None else None
    if alias is None or not columns:
        return names
    if len(columns) != len(names):
        message = (
            f"Column alias list has {len(columns)} entries but '{fold(alias.this.this)}' "
            f"has {len(names)} columns available"
        )
        raise located(node, "MISMATCHED_COLUMN_ALIASES", message)
    return [column.this for column in columns]
