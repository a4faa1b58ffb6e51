"""Forms that the embedded engine cannot answer as Trino does: refused by name, before writing."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.duckdb_terms import unsupported

_NODES: dict[type[exp.Expression], str] = {
    exp.TableSample: "TABLESAMPLE",
    exp.Version: "time travel",
    exp.LimitOptions: "WITH TIES",
    exp.OverflowTruncateBehavior: "ON OVERFLOW TRUNCATE",
    exp.JSONExists: "JSON_EXISTS",
    exp.JSONValue: "JSON_VALUE",
    exp.JSONExtract: "JSON_QUERY",
    exp.JSONObject: "JSON_OBJECT",
    exp.JSONArray: "JSON_ARRAY",
}
_ARGUMENTS: dict[tuple[type[exp.Expression], str], str] = {
    (exp.With, "recursive"): "WITH RECURSIVE",
    (exp.Group, "all"): "GROUP BY AUTO or DISTINCT",
    (exp.Union, "by_name"): "UNION CORRESPONDING",
    (exp.Intersect, "by_name"): "INTERSECT CORRESPONDING",
    (exp.Except, "by_name"): "EXCEPT CORRESPONDING",
    (exp.Window, "first"): "a window built on another",
}


def refuse_foreign(tree: exp.Expression) -> None:
    """Raise NOT_SUPPORTED at the first form that only Trino answers."""
    stack: list[tuple[exp.Expression, exp.Expression]] = [(tree, tree)]
    while stack:
        node, place = stack.pop()
        place = node if "at" in node.meta else place
        what = _NODES.get(type(node))
        for key, value in node.args.items():
            if value:
                what = what or _ARGUMENTS.get((type(node), key))
        if what is not None:
            raise unsupported(what, place)
        children = [child for child in node.iter_expressions() if isinstance(child, exp.Expression)]
        stack.extend((child, place) for child in children)
