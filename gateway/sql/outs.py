"""Outputs of queries put together: set operations, WITH column lists, recursion."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.binder import Out, located
from gateway.sql.scopes import compare_key
from gateway.sql.trees import unique_keys


def union(left: Out, right: Out) -> Out:
    """Merge one column of a set operation: the left side names it."""
    kind = left.kind if left.kind == right.kind else "derived"
    return Out(left.name, kind, left.sources | right.sources)


def spread(named: list[Out], flowing: list[Out]) -> list[Out]:
    """Give every column all the sources: round a recursion any may reach any."""
    sources = frozenset(origin for out in flowing for origin in out.sources)
    kind = "aggregate" if any(out.kind == "aggregate" for out in flowing) else "derived"
    return [Out(out.name, kind, sources) for out in named]


def corresponding(node: exp.Expression, left: list[Out], right: list[Out]) -> list[Out]:
    """Match two sides by name: the columns both have, in the left one's order."""
    sides = []
    for outs in (left, right):
        names = {compare_key(out.name): out for out in outs if out.name is not None}
        if len(names) != len(outs):
            message = "CORRESPONDING needs one name for each column: alias them"
            raise located(node, "NOT_SUPPORTED", message)
        sides.append(names)
    one, other = sides
    if any(other[key].name != out.name for key, out in one.items() if key in other):
        message = "CORRESPONDING needs each name spelled alike on both sides: alias one"
        raise located(node, "NOT_SUPPORTED", message)
    common = [union(out, other[key]) for key, out in one.items() if key in other]
    if not common:
        raise located(node, "NOT_SUPPORTED", "No corresponding columns: select one on both sides")
    return common


def rename(cte: exp.CTE, outs: list[Out]) -> list[Out]:
    """Apply a WITH element's column list; raises MISMATCHED_COLUMN_ALIASES."""
    alias = cte.args["alias"]
    columns = alias.args["columns"]
    if len(columns) != len(outs):
        message = (
            f"WITH column alias list has {len(columns)} entries but WITH query({alias.this.this}) "
            f"has {len(outs)} columns"
        )
        raise located(cte, "MISMATCHED_COLUMN_ALIASES", message)
    return [
        Out(column.this, out.kind, out.sources) for column, out in zip(columns, outs, strict=True)
    ]


def name_columns(alias: exp.TableAlias, outs: list[Out]) -> None:
    """Give a WITH element a column list where its own names would not do."""
    keys = unique_keys(out.name for out in outs)
    if alias.args.get("columns") or keys != [out.name for out in outs]:
        alias.set("columns", [exp.Identifier(this=key, quoted=True) for key in keys])
