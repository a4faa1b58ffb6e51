"""FROM: scans, WITH names, derived tables, joins, UNNEST."""

from __future__ import annotations

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.names import fold, quote
from gateway.sql.duckdb_scope import Columns, Relation
from gateway.sql.duckdb_terms import at_node, duck_type, unsupported
from gateway.sql.duckdb_writer import Writer
from gateway.sql.typing_rules import BIGINT


def from_clause(writer: Writer, node: exp.Select) -> str:
    """Write FROM with its joins; binds the relations in the writer's scope."""
    clause = node.args.get("from_")
    if clause is None:
        return ""
    return " FROM " + _joined(writer, clause.this, node.args.get("joins") or [])


def _joined(writer: Writer, first: exp.Expression, joins: list[exp.Expression]) -> str:
    text = _relation(writer, first)
    for join in [*(first.args.get("joins") or []), *joins]:
        text += _join(writer, join)
    return text


def _join(writer: Writer, join: exp.Expression) -> str:
    side, kind = (str(join.args.get(name) or "").upper() for name in ("side", "kind"))
    before = list(writer.scope.relations)
    right = _relation(writer, join.this, side=side)
    using = join.args.get("using")
    if using:
        return f" {side} JOIN {right} USING ({_using(writer, using, before, join)})"
    on = join.args.get("on")
    if on is None:
        return f" CROSS JOIN {right}"
    if isinstance(join.this, exp.Unnest) and not (isinstance(on, exp.Boolean) and on.this):
        raise unsupported("JOIN UNNEST … ON anything but TRUE", join)
    if kind == "CROSS":
        raise unsupported("CROSS JOIN … ON", join)
    with writer.forbidding("JOIN clause"):
        condition = writer.predicate(on, "JOIN ON clause")
    return f" {side} JOIN {right} ON {condition.sql}"


def _using(
    writer: Writer, names: list[exp.Expression], before: list[Relation], join: exp.Expression
) -> str:
    scope = writer.scope
    for name in names:
        left = [kind for relation in before for _, kind in relation.find(name.name)]
        merged = scope.merged.get(name.name)
        added = scope.relations[len(before) :]
        right = [kind for relation in added for _, kind in relation.find(name.name)]
        kinds = {merged or left[0], *right} if left and right else set()
        if len(kinds) != 1:
            raise unsupported("USING over columns of different types", join)
        kind = kinds.pop()
        if kind.base in {"real", "double", "array", "map", "row", "json"}:
            raise unsupported(f"USING over {kind.compact()}", join)
        scope.merged[name.name] = kind
    return ", ".join(quote(name.name) for name in names)


def _relation(writer: Writer, node: exp.Expression, side: str = "") -> str:
    if isinstance(node, exp.Table):
        return _table(writer, node)
    if isinstance(node, exp.Subquery):
        return _derived(writer, node)
    if isinstance(node, exp.Unnest):
        return _unnest(writer, node, side)
    raise unsupported(f"{type(node).__name__} in FROM", node)


def _table(writer: Writer, node: exp.Table) -> str:
    alias = node.args.get("alias")
    if node.meta.get("cte"):
        columns = writer.with_names[fold(node.name)]
        name = alias.this.name if alias is not None else node.name
        return _bind(writer, f"{quote(fold(node.name))}", name, columns, alias, node)
    scan = writer.scans[node.meta["scan"]]
    columns = tuple(
        (column.name, column.type) for column in scan.table.columns if column.name in scan.used
    )
    if alias is not None and alias.args.get("columns"):
        raise unsupported("column aliases on a table", node)
    writer.scope.relations.append(Relation(scan.alias, columns))
    return writer.secured(scan)


def _bind(
    writer: Writer,
    text: str,
    name: str,
    columns: Columns,
    alias: exp.Expression | None,
    node: exp.Expression,
) -> str:
    from gateway.sql.duckdb_queries import renamed, unique  # noqa: PLC0415

    columns = renamed(columns, alias, node)
    writer.scope.relations.append(Relation(name, columns))
    listed = ", ".join(quote(column) for column, _ in unique(columns))
    return f"{text} AS {quote(name)}({listed})"


def _derived(writer: Writer, node: exp.Subquery) -> str:
    inner, alias = node.this, node.args.get("alias")
    if alias is None and _is_join(inner):
        return f"({_joined(writer, inner, [])})"
    if node.args.get("order") is not None or node.args.get("limit") is not None:
        raise unsupported("ORDER BY after a derived table", node)
    kept = writer.scope.relations
    writer.scope.relations = []
    found = writer.query(inner)
    writer.scope.relations = kept
    name = alias.this.name if alias is not None and alias.this is not None else ""
    return _bind(writer, f"({found.sql})", name or f"mg_t{id(node)}", found.columns, alias, node)


def _is_join(node: exp.Expression) -> bool:
    """Whether parentheses hold joins, led by a derived table perhaps, and not a query."""
    if isinstance(node, exp.Subquery):
        return bool(node.args.get("joins"))
    return not isinstance(node, exp.Query)


def _unnest(writer: Writer, node: exp.Unnest, side: str) -> str:
    if side in {"RIGHT", "FULL"}:
        raise unsupported(f"{side} JOIN UNNEST", node)
    cells: list[str] = []
    columns: list[tuple[str, DataType]] = []
    lengths: list[str] = []
    for value in node.expressions:
        term = writer.term(value)
        number = len(columns)
        if term.type.base == "array" and term.type.children[0].base == "row":
            kind = term.type.children[0]
            for index, child in enumerate(kind.children):
                field = (
                    f'"f{index + 1}"'
                    if kind.fields[index][0] is None
                    else quote(str(kind.fields[index][0]))
                )
                cells.append(f"unnest(list_transform({term.sql}, lambda mg_e: (mg_e).{field}))")
                columns.append((kind.fields[index][0] or f"_col{number + index}", child))
        elif term.type.base == "array":
            cells.append(f"unnest({term.sql})")
            columns.append((f"_col{number}", term.type.children[0]))
        elif term.type.base == "map":
            cells += [f"unnest(map_keys({term.sql}))", f"unnest(map_values({term.sql}))"]
            columns += [(f"_col{number + i}", kind) for i, kind in enumerate(term.type.children)]
        else:
            raise at_node("TYPE_MISMATCH", f"Cannot unnest type: {term.type.compact()}", value)
        size = f"len({term.sql})" if term.type.base == "array" else f"cardinality({term.sql})"
        lengths.append(f"coalesce({size}, 0)")
    if node.args.get("offset"):
        longest = lengths[0] if len(lengths) == 1 else f"greatest({', '.join(lengths)})"
        cells.append(f"unnest(generate_series(1, CAST({longest} AS BIGINT)))")
        columns.append(("ordinality", BIGINT))
    alias = node.args.get("alias")
    name = alias.this.name if alias is not None and alias.this is not None else "mg_u"
    listed = ", ".join(
        f"CAST({cell} AS {duck_type(kind)}) AS mg_c{n}"
        for n, (cell, (_, kind)) in enumerate(zip(cells, columns, strict=True))
    )
    return _bind(writer, f"LATERAL (SELECT {listed})", name, tuple(columns), alias, node)
