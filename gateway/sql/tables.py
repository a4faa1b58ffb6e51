"""Which names of a tree are tables: our own WITH scoping over every argument."""

from __future__ import annotations

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.names import TableName, fold
from gateway.sql.limits import MAX_DISTINCT_TABLES, MAX_TABLES, MAX_WITH, rejected
from gateway.sql.model import Defaults, Position, TableRef
from gateway.sql.printer import Printer

_Names = frozenset[str]


def collect_tables(tree: exp.Expression, defaults: Defaults) -> tuple[TableRef, ...]:
    """Find every table reference, in the order of the text.

    Marks the nodes: ``meta["ref"]`` is the index into the answer, ``meta["cte"]`` a
    reference to a WITH element. A WITH name hides a table only if the reference has one
    part; it is visible to later elements, the body and nested queries, to itself only
    behind RECURSIVE.
    """
    found: list[exp.Table] = []
    stack: list[tuple[exp.Expr, _Names]] = [(tree, frozenset())]
    while stack:
        node, names = stack.pop()
        if isinstance(node, exp.Table):
            if not node.args.get("db") and fold(node.this.this) in names:
                node.meta["cte"] = True
                _refuse_version(node)
            else:
                found.append(node)
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            names = _enter_with(with_, names, stack)
        stack.extend((child, names) for child in node.iter_expressions() if child is not with_)
    found.sort(key=lambda table: table.meta["at"])
    refs = tuple(_reference(table, defaults) for table in found)
    _check_counts(refs)
    for index, table in enumerate(found):
        table.meta["ref"] = index
    return refs


def _enter_with(with_: exp.With, names: _Names, stack: list[tuple[exp.Expr, _Names]]) -> _Names:
    """Queue each element with the names before it; return the names the body sees."""
    if len(with_.expressions) > MAX_WITH:
        raise rejected(f"a WITH names more than {MAX_WITH} queries", "split the query")
    own: set[str] = set()
    for cte in with_.expressions:
        name = fold(cte.args["alias"].this.this)
        if name in own:
            line, column = cte.meta["at"]
            raise MeshgateError(
                "DUPLICATE_NAMED_QUERY",
                f"line {line}:{column}: WITH query name '{name}' specified more than once",
                line=line,
                column=column,
            )
        own.add(name)
        before, names = names, names | {name}
        stack.append((cte, names if with_.args.get("recursive") else before))
    return names


def _refuse_version(table: exp.Table) -> None:
    """Refuse time travel on a WITH name: Trino ignores it silently."""
    if table.args.get("version") is not None:
        line, column = table.meta["at"]
        raise MeshgateError(
            "NOT_SUPPORTED",
            f"line {line}:{column}: time travel on a name of WITH is not supported: "
            "write it inside the WITH",
            line=line,
            column=column,
        )


def _reference(table: exp.Table, defaults: Defaults) -> TableRef:
    parts = tuple(part.this for part in table.parts)
    line, column = table.meta["at"]
    at, version = Position(line, column), table.args.get("version")
    spelled = Printer().print(version) if version is not None else None
    return TableRef(complete(parts, defaults, at), parts, at, spelled)


def complete(parts: tuple[str, ...], defaults: Defaults, at: Position | None = None) -> TableName:
    """Fill a written name of one to three parts up with the connection's defaults.

    Raises:
        MeshgateError: MISSING_SCHEMA_NAME or MISSING_CATALOG_NAME in Trino's words.

    """
    folded = [fold(part) for part in parts]
    if len(folded) == 1:
        if defaults.schema is None:
            raise _missing("SCHEMA", at)
        folded.insert(0, defaults.schema)
    if len(folded) == 2:  # noqa: PLR2004 - schema and table
        if defaults.catalog is None:
            raise _missing("CATALOG", at)
        folded.insert(0, defaults.catalog)
    return TableName(*folded)


def _missing(what: str, at: Position | None) -> MeshgateError:
    place = f"line {at.line}:{at.column}: " if at else ""
    return MeshgateError(
        f"MISSING_{what}_NAME",
        f"{place}{what.capitalize()} must be specified when session {what.lower()} is not set",
        line=at.line if at else None,
        column=at.column if at else None,
    )


def _check_counts(refs: tuple[TableRef, ...]) -> None:
    if len(refs) > MAX_TABLES:
        raise rejected(f"the query names more than {MAX_TABLES} tables", "split it")
    if len({ref.name for ref in refs}) > MAX_DISTINCT_TABLES:
        raise rejected(f"the query reads more than {MAX_DISTINCT_TABLES} tables", "split it")
