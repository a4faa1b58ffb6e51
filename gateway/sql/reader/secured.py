"""Reading one secured sub-query: which table, which columns, which filter, which masks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.catalog.model import Column, Table, TokenDomain
from gateway.names import TableName
from gateway.policy.model import Condition, Mask
from gateway.sql.reader.conditions import ConditionReader
from gateway.sql.reader.expressions import Expressions, Tree
from gateway.sql.reader.literals import same_type
from gateway.sql.reader.masks import Keys, read_mask
from gateway.sql.reader.tokens import Cursor, UnreadableError

PRIVATE = re.compile(r"\$g\d*")
_SCAN = re.compile(r"([^:]+):(0|[1-9]\d{0,5})", re.ASCII)
_VIEW = re.compile(r"\$g\d*:([^:]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Read:
    """What one secured sub-query says. ``scan`` is its name on DuckDB; ``masks`` by column.

    Of a view, ``scan`` is the alias of its query.
    """

    table: Table
    scan: str
    private: str
    columns: tuple[str, ...]
    masks: Mapping[str, Mask]
    condition: Condition | None
    barrier: bool
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the reader needs to know beside the text."""

    engine: str
    tables: Mapping[TableName, Table]
    token_domains: Mapping[str, TokenDomain]
    salt: str


Body = Callable[[], None]
"""Reads the query of a view at the cursor, where no name of the text around it is known."""


def read_secured(cursor: Cursor, context: Context, body: Body | None = None) -> Read:
    """Read from ``(SELECT`` to the closing bracket; raises UnreadableError on any other form."""
    cursor.expect("sign", "(")
    cursor.words("SELECT")
    items = _items(cursor, context.engine)
    cursor.words("FROM")
    version = None
    if cursor.sign("("):
        table, scan = _view(cursor, context, body)
    else:
        table, scan = _base(cursor, context)
        if context.engine == "trino" and cursor.word("FOR"):
            version = _version(cursor)
    cursor.words("AS")
    private = cursor.expect("name")
    if not PRIVATE.fullmatch(private):
        raise UnreadableError("a table under an alias that is not private")
    condition, barrier = None, False
    if cursor.take("word", "WHERE"):
        tree = Expressions(cursor, context.engine).read()
        condition, barrier = ConditionReader(table, private, context.engine).read(tree)
        if table.view is not None and context.engine != "trino":
            raise UnreadableError("a row filter on a view without a barrier")
    cursor.expect("sign", ")")
    if table.view is not None and not scan.startswith(f"{private}:"):
        raise UnreadableError("a view under another alias than its own")
    masks = _columns(items, table, private, context)
    columns = tuple(name for name, _ in items if name != "$n")
    return Read(table, scan, private, columns, masks, condition, barrier, version)


def _version(cursor: Cursor) -> str:
    """Read ``FOR … AS OF`` and one literal; the text that says so."""
    cursor.words("FOR")
    kind = cursor.expect("word")
    cursor.words("AS OF")
    if kind == "TIMESTAMP":
        word = cursor.expect("word")
        if word not in {"DATE", "TIMESTAMP"}:
            raise UnreadableError("a moment that is no literal")
        return f"FOR TIMESTAMP AS OF {word} {_quoted(cursor.expect('text'))}"
    if kind != "VERSION" or cursor.peek().kind not in {"number", "text"}:
        raise UnreadableError("a version that is no literal")
    token = cursor.next()
    return f"FOR VERSION AS OF {token.value if token.kind == 'number' else _quoted(token.value)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _items(cursor: Cursor, engine: str) -> list[tuple[str, Tree]]:
    found: list[tuple[str, Tree]] = []
    while True:
        tree = Expressions(cursor, engine).read()
        cursor.words("AS")
        found.append((cursor.expect("name"), tree))
        if not cursor.take("sign", ","):
            return found


def _base(cursor: Cursor, context: Context) -> tuple[Table, str]:
    parts = [cursor.expect("name")]
    while cursor.take("sign", "."):
        parts.append(cursor.expect("name"))
    name = ".".join(parts)
    if context.engine == "duckdb":
        hit = _SCAN.fullmatch(name)
        if len(parts) != 1 or hit is None:
            raise UnreadableError("a table that is no scan")
        parts = hit.group(1).split(".")
    if len(parts) != 3:  # noqa: PLR2004 - catalog, schema, table
        raise UnreadableError("a table without its full name")
    table = context.tables.get(TableName(*parts))
    if table is None:
        raise UnreadableError("a table that was not decided")
    if table.view is not None:
        raise UnreadableError("a view by its name")
    return table, name


def _view(cursor: Cursor, context: Context, body: Body | None) -> tuple[Table, str]:
    """Read ``(SELECT CAST(…) AS …, … FROM (query) AS "$g:view" (names))``."""
    if body is None:
        raise UnreadableError("a view where none can stand")
    cursor.expect("sign", "(")
    cursor.words("SELECT")
    items = _items(cursor, context.engine)
    cursor.words("FROM")
    cursor.expect("sign", "(")
    body()
    cursor.expect("sign", ")")
    cursor.words("AS")
    alias = cursor.expect("name")
    hit = _VIEW.fullmatch(alias)
    parts = hit.group(1).split(".") if hit else []
    table = context.tables.get(TableName(*parts)) if len(parts) == 3 else None  # noqa: PLR2004
    if table is None or table.view is None:
        raise UnreadableError("a query under the name of no view that was decided")
    if _names(cursor) != [name for name, _ in table.view.columns]:
        raise UnreadableError("a view with other columns than it has")
    cursor.expect("sign", ")")
    _check_casts(items, table, alias, context.engine)
    return table, alias


def _names(cursor: Cursor) -> list[str]:
    cursor.expect("sign", "(")
    found = [cursor.expect("name")]
    while cursor.take("sign", ","):
        found.append(cursor.expect("name"))
    cursor.expect("sign", ")")
    return found


def _check_casts(items: list[tuple[str, Tree]], table: Table, alias: str, engine: str) -> None:
    """Every column once, in order, with its stored type."""
    if [name for name, _ in items] != [column.name for column in table.columns]:
        raise UnreadableError("a view with other columns than it has")
    for (name, tree), column in zip(items, table.columns, strict=True):
        if tree[:2] != ("cast", ("col", alias, name)) or not same_type(
            tree[2], column.type, engine
        ):
            raise UnreadableError("a view's column without its stored type")


def _columns(
    items: list[tuple[str, Tree]], table: Table, private: str, context: Context
) -> dict[str, Mask]:
    if items == [("$n", ("number", "1"))]:
        return {}
    order = {column.name: at for at, column in enumerate(table.columns)}
    places = [order.get(name, -1) for name, _ in items]
    if places != sorted(set(places)) or -1 in places:
        raise UnreadableError("columns that are not the table's, in its order, once each")
    masks: dict[str, Mask] = {}
    keys = Keys(context.token_domains, context.salt)
    for (name, tree), at in zip(items, places, strict=True):
        raw = ("col", private, name)
        if tree != raw:
            masks[name] = read_mask(tree, _known(table, at), raw, context.engine, keys)
    return masks


def _known(table: Table, at: int) -> Column:
    return table.columns[at]
