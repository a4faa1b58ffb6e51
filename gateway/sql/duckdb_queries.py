"""Queries: SELECT, VALUES, set operations, WITH, ORDER BY, LIMIT."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.names import fold, quote
from gateway.sql.duckdb_from import from_clause
from gateway.sql.duckdb_scope import Columns
from gateway.sql.duckdb_terms import Term, at_node, duck_type, unsupported
from gateway.sql.duckdb_writer import Query, Writer, coerce, unify
from gateway.sql.typing_rules import common_type


def write_query(writer: Writer, node: exp.Expression, *, ordered: bool = False) -> Query:
    """Write a query in a scope of its own.

    ``ordered``: its rows' order counts even without LIMIT (the statement itself).
    """
    while isinstance(node, exp.Subquery) and not _says_more(node):
        node = node.this
    with writer.nested() as scope:
        prefix = _with(writer, node)
        if isinstance(node, exp.Select):
            found = _select(writer, node, ordered=ordered)
        elif isinstance(node, exp.Values):
            found = _values(writer, node, ordered=ordered)
        elif isinstance(node, exp.SetOperation):
            found = _set_operation(writer, node, ordered=ordered)
        elif isinstance(node, exp.Subquery):
            found = _parenthesised(writer, node, ordered=ordered)
        elif isinstance(node, exp.Table):
            raise unsupported("TABLE", node)
        else:
            raise unsupported(f"{type(node).__name__} query", node)
        odd = _limited(node) or not isinstance(node, (exp.Select, exp.Subquery))
        if scope.correlated and odd:
            raise unsupported("a correlated sub-query with LIMIT, VALUES or a set operation", node)
    return Query(prefix + found.sql, found.columns)


def _says_more(node: exp.Subquery) -> bool:
    """Whether brackets around a query carry what the query itself does not."""
    return _limited(node) or any(node.args.get(key) is not None for key in ("order", "with_"))


def _with(writer: Writer, node: exp.Expression) -> str:
    clause = node.args.get("with_")
    if clause is None:
        return ""
    if clause.args.get("recursive"):
        raise unsupported("WITH RECURSIVE", clause)
    parts = []
    for element in clause.expressions:
        inner = write_query(writer, element.this)
        columns = renamed(inner.columns, element.args["alias"], element)
        name = element.args["alias"].this.name
        writer.with_names[fold(name)] = columns
        listed = ", ".join(quote(column) for column, _ in unique(columns))
        parts.append(f"{quote(fold(name))}({listed}) AS ({inner.sql})")
    return f"WITH {', '.join(parts)} "


def renamed(columns: Columns, alias: exp.Expression | None, node: exp.Expression) -> Columns:
    """Apply a relation's column aliases; raises MISMATCHED_COLUMN_ALIASES."""
    names = [item.name for item in (alias.args.get("columns") or [])] if alias else []
    if not names:
        return columns
    if len(names) != len(columns):
        message = (
            f"Column alias list has {len(names)} entries but relation has {len(columns)} columns"
        )
        raise at_node("MISMATCHED_COLUMN_ALIASES", message, node)
    return tuple((name, kind) for name, (_, kind) in zip(names, columns, strict=True))


def unique(columns: Columns) -> Columns:
    """Make names DuckDB can tell apart; a repeated one cannot be mentioned anyway."""
    seen: set[str] = set()
    found = []
    for number, (name, kind) in enumerate(columns):
        spelled = name if name and name.lower() not in seen else f"mg_c{number}"
        seen.add(spelled.lower())
        found.append((spelled, kind))
    return tuple(found)


def _select(writer: Writer, node: exp.Select, *, ordered: bool) -> Query:
    scope = writer.scope
    source = from_clause(writer, node)
    where = _condition(writer, node.args.get("where"), "WHERE clause")
    group = _group(writer, node)
    scope.loose.clear()
    windows = {fold(w.this.name): w for w in node.args.get("windows") or []}
    writer.named_windows.append(windows)
    items = [(_heading(item), writer.term(item.unalias())) for item in node.expressions]
    having = ""
    if node.args.get("having") is not None:
        having = f" HAVING {writer.predicate(node.args['having'].this, 'HAVING clause').sql}"
        scope.aggregated = True
    distinct = node.args.get("distinct") is not None
    order = _order(writer, node, items, wanted=ordered or _limited(node), distinct=distinct)
    writer.named_windows.pop()
    if (group or scope.aggregated) and scope.loose:
        loose = scope.loose[0]
        message = f"'{loose.sql()}' must be an aggregate expression or appear in GROUP BY clause"
        raise at_node("EXPRESSION_NOT_AGGREGATE", message, loose)
    listed = ", ".join(
        f"{term.sql} AS {quote(name)}"
        for (name, _), (_, term) in zip(
            unique(tuple((h, t.type) for h, t in items)), items, strict=True
        )
    )
    word = "SELECT DISTINCT" if distinct else "SELECT"
    sql = f"{word} {listed}{source}{where}{group}{having}{order}{_limit(node)}"
    return Query(sql, tuple((name, term.type) for name, term in items))


def _heading(item: exp.Expression) -> str:
    if isinstance(item, exp.Alias):
        return str(item.alias)
    return item.name if isinstance(item, exp.Column) else ""


def _condition(writer: Writer, clause: exp.Expression | None, what: str) -> str:
    if clause is None:
        return ""
    with writer.forbidding(what):
        return f" WHERE {writer.predicate(clause.this, what).sql}"


def _group(writer: Writer, node: exp.Select) -> str:
    clause = node.args.get("group")
    if clause is None:
        return ""
    with writer.forbidding("GROUP BY clause"):
        parts = [key for item in clause.expressions for key in _keys(writer, node, item)]
        for name, word in (("rollup", "ROLLUP"), ("cube", "CUBE")):
            for element in clause.args.get(name) or []:
                keys = [_keys(writer, node, item) for item in element.expressions]
                listed = [key[0] if len(key) == 1 else f"({', '.join(key)})" for key in keys]
                parts.append(f"{word} ({', '.join(listed)})")
        sets = clause.args.get("grouping_sets") or []
        parts += [_grouping_sets(writer, node, element) for element in sets]
    writer.scope.aggregated = True
    return f" GROUP BY {', '.join(parts)}" if parts else ""


def _grouping_sets(writer: Writer, node: exp.Select, element: exp.Expression) -> str:
    sets = [f"({', '.join(_keys(writer, node, item))})" for item in element.expressions]
    return f"GROUPING SETS ({', '.join(sets)})"


def _keys(writer: Writer, node: exp.Select, item: exp.Expression) -> list[str]:
    """Write a grouping element: ``(a, b)`` groups by both, only ROW(a, b) is one key."""
    if isinstance(item, exp.Tuple) and not item.meta.get("row"):
        return [_key(writer, node, member) for member in item.expressions]
    return [_key(writer, node, cast("exp.Expression", item.unnest()))]


def _key(writer: Writer, node: exp.Select, item: exp.Expression) -> str:
    """Write one grouping key; a whole number means that output."""
    if isinstance(item, exp.Literal) and not item.is_string:
        place = int(item.this) if item.this.isdigit() else 0
        if not 1 <= place <= len(node.expressions):
            message = f"GROUP BY position {item.this} is not in select list"
            raise at_node("INVALID_COLUMN_REFERENCE", message, item)
        item = node.expressions[place - 1].unalias()
    term = writer.term(item)
    if term.type.base in {"map", "json"} or _has_nested_row(term.type):
        raise unsupported(f"GROUP BY {term.type.compact()}", item)
    writer.scope.keys.add(term.sql)
    return term.sql


def _has_nested_row(kind: DataType) -> bool:
    return kind.base == "map" or any(_has_nested_row(child) for child in kind.children)


def _limited(node: exp.Expression) -> bool:
    return node.args.get("limit") is not None or node.args.get("offset") is not None


def _limit(node: exp.Expression) -> str:
    text = ""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if limit is not None:
        text += f" LIMIT {_count(limit)}"
    if offset is not None:
        text += f" OFFSET {_count(offset)}"
    return text


def _count(clause: exp.Expression) -> str:
    value = clause.expression
    if not isinstance(value, exp.Literal) or not value.this.isdigit():
        raise unsupported("LIMIT or OFFSET that is no number", clause)
    return str(int(value.this))


def _order(
    writer: Writer,
    node: exp.Expression,
    items: list[tuple[str, Term]],
    *,
    wanted: bool,
    distinct: bool,
) -> str:
    clause = node.args.get("order")
    if clause is None:
        return ""
    scope = writer.scope
    scope.outputs = {name: term for name, term in items if name}
    parts = [_ordering(writer, item, items, distinct=distinct) for item in clause.expressions]
    scope.outputs = {}
    return f" ORDER BY {', '.join(parts)}" if wanted else ""


def _ordering(
    writer: Writer, item: exp.Expression, items: list[tuple[str, Term]], *, distinct: bool
) -> str:
    value = item.this
    if isinstance(value, exp.Literal) and not value.is_string:
        place = int(value.this) if value.this.isdigit() else 0
        if not 1 <= place <= len(items):
            message = f"ORDER BY position {value.this} is not in select list"
            raise at_node("INVALID_COLUMN_REFERENCE", message, value)
    else:
        term = writer.term(value)
        places = [number for number, (_, t) in enumerate(items, 1) if t.sql == term.sql]
        if not places:
            if distinct:
                message = "For SELECT DISTINCT, ORDER BY expressions must appear in select list"
                raise at_node("EXPRESSION_NOT_IN_DISTINCT", message, value)
            _orderable(term.type, value)
            return f"{term.sql}{direction(item)}"
        place = places[0]
    _orderable(items[place - 1][1].type, value)
    return f"{place}{direction(item)}"


def _orderable(kind: DataType, node: exp.Expression) -> None:
    if kind.base in {"map", "json"}:
        message = (
            f"Type {kind.compact()} is not orderable, and therefore cannot be used in ORDER BY"
        )
        raise at_node("TYPE_MISMATCH", message, node)
    if kind.base in {"array", "row"}:
        raise unsupported(f"ORDER BY {kind.compact()}", node)


def direction(item: exp.Expression) -> str:
    """Write DESC and the place of NULLs, which Trino sorts last both ways."""
    word = " DESC" if item.args.get("desc") else " ASC"
    return word + (" NULLS FIRST" if item.args.get("nulls_first") else " NULLS LAST")


def _values(writer: Writer, node: exp.Values, *, ordered: bool) -> Query:
    rows = [
        writer.terms(row.expressions if isinstance(row, exp.Tuple) else [row])
        for row in node.expressions
    ]
    if len({len(row) for row in rows}) != 1:
        raise at_node("TYPE_MISMATCH", "Values rows have mismatched sizes", node)
    unified = [unify(column, node, "Values rows") for column in zip(*rows, strict=True)]
    columns = tuple((f"_col{number}", kind) for number, (kind, _) in enumerate(unified))
    lines = ", ".join(
        "(" + ", ".join(term.sql for term in row) + ")"
        for row in zip(*(terms for _, terms in unified), strict=True)
    )
    names = ", ".join(quote(name) for name, _ in columns)
    items = [(name, Term(kind, quote(name))) for name, kind in columns]
    order = _order(writer, node, items, wanted=ordered or _limited(node), distinct=False)
    sql = f"SELECT * FROM (VALUES {lines}) AS mg_values({names}){order}{_limit(node)}"  # noqa: S608
    return Query(sql, columns)


def _set_operation(writer: Writer, node: exp.SetOperation, *, ordered: bool) -> Query:
    words = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
    left, right = write_query(writer, node.this), write_query(writer, node.expression)
    if len(left.columns) != len(right.columns):
        raise at_node("TYPE_MISMATCH", "query has a different number of fields", node)
    columns = []
    for number, ((name, one), (_, other)) in enumerate(
        zip(left.columns, right.columns, strict=True), 1
    ):
        kind = common_type(one, other)
        if kind is None:
            message = f"column {number} has incompatible types: {one.compact()}, {other.compact()}"
            raise at_node("TYPE_MISMATCH", message, node)
        if kind.base in {"map", "json"} and node.args.get("distinct"):
            raise unsupported(f"set operation over {kind.compact()}", node)
        columns.append((name, kind))
    word = words[type(node)] + ("" if node.args.get("distinct") else " ALL")
    wanted = tuple(columns)
    sql = f"{_operand(left, wanted, node)} {word} {_operand(right, wanted, node)}"
    items = [(name, Term(kind, quote(f"mg_c{n}"))) for n, (name, kind) in enumerate(columns)]
    order = _order(writer, node, items, wanted=ordered or _limited(node), distinct=True)
    if order or _limited(node):
        sql = f"SELECT * FROM ({sql}) AS mg_set{order}{_limit(node)}"  # noqa: S608
    return Query(sql, wanted)


def _operand(query: Query, wanted: Columns, node: exp.Expression) -> str:
    names = [f"mg_c{number}" for number in range(len(wanted))]
    cells = []
    for name, (_, source), (_, target) in zip(names, query.columns, wanted, strict=True):
        value = coerce(Term(source, f"mg_o.{quote(name)}"), target, node)
        cells.append(f"CAST({value.sql} AS {duck_type(target)}) AS {quote(name)}")
    listed = ", ".join(quote(name) for name in names)
    return f"(SELECT {', '.join(cells)} FROM ({query.sql}) AS mg_o({listed}))"  # noqa: S608


def _parenthesised(writer: Writer, node: exp.Subquery, *, ordered: bool) -> Query:
    inner = write_query(writer, node.this, ordered=ordered and node.args.get("order") is None)
    if node.args.get("order") is None and not _limited(node):
        return inner
    items = [(name, Term(kind, quote(f"mg_c{n}"))) for n, (name, kind) in enumerate(inner.columns)]
    order = _order(writer, node, items, wanted=ordered or _limited(node), distinct=True)
    listed = ", ".join(quote(f"mg_c{n}") for n in range(len(inner.columns)))
    sql = f"SELECT * FROM ({inner.sql}) AS mg_set({listed}){order}{_limit(node)}"  # noqa: S608
    return Query(sql, inner.columns)
