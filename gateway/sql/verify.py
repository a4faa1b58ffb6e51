"""The last check before an engine sees a text: it must say what the decision says.

Works from the text alone. Shares no code with what wrote it (an import contract holds
that): its own reader turns every secured sub-query back into table, columns, masks,
row filter and barrier, and everything else must be free of tables.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.catalog.model import Table, TokenDomain
from gateway.errors import MeshgateError
from gateway.names import TableName, fold
from gateway.policy.model import Decision, Mask, TableDecision
from gateway.sql.model import Engine
from gateway.sql.reader.blocks import Block, check_group
from gateway.sql.reader.conditions import normal, padded_instant, plain_domain
from gateway.sql.reader.secured import Context, Read, read_secured
from gateway.sql.reader.tokens import END, Cursor, UnreadableError, tokens
from gateway.sql.reader.vocabulary import known_function
from gateway.sql.reader.walk import Walk

__all__ = ["Context", "Read", "UnreadableError", "verify", "verify_secured"]


def verify(
    sql: str,
    engine: Engine,
    decision: Decision,
    tables: Mapping[TableName, Table],
    token_domains: Mapping[str, TokenDomain],
    salt: str,
) -> tuple[Read, ...]:
    """Return only if the text reads exactly the decided tables, each as decided.

    Returns:
        What was read, in the text's order.

    Raises:
        MeshgateError: GENERIC_INTERNAL_ERROR; the reason is in ``audit`` alone.

    """
    try:
        return _verify(sql, engine, decision, Context(engine, tables, token_domains, salt))
    except (UnreadableError, RecursionError, ValueError, LookupError, TypeError) as error:
        raise MeshgateError(
            "GENERIC_INTERNAL_ERROR",
            "the rewritten query did not pass verification; nothing was run: "
            "report the query id to the platform team",
            audit={"verify": str(error)[:200] or type(error).__name__},
        ) from None


def verify_secured(text: str, decided: TableDecision, context: Context) -> None:
    """Return only if one secured sub-query, without its outer alias, reads as decided.

    Raises:
        UnreadableError: it does not.

    """
    cursor = Cursor(tokens(text))
    read = read_secured(cursor, context)
    if cursor.peek() != END:
        raise UnreadableError("text after a secured sub-query")
    _as_decided(read, decided, "trino" if context.engine == "trino" else "duckdb")


def _verify(sql: str, engine: Engine, decision: Decision, context: Context) -> tuple[Read, ...]:
    if decision.effect != "allow":
        raise UnreadableError("the decision denies the query")
    walk = Walk(sql, context, known_function(engine))
    walk.run()
    for read, block in zip(walk.found, walk.blocks, strict=True):
        _as_decided(read, decision.tables.get(read.table.name), engine)
        _grouped(block, decision.tables[read.table.name], engine)
    if {read.table.name for read in walk.found} != set(decision.tables):
        raise UnreadableError("the tables read are not the tables decided")
    _private(walk)
    return tuple(walk.found)


def _as_decided(read: Read, decided: TableDecision | None, engine: Engine) -> None:
    if decided is None or decided.effect != "allow" or decided.table != read.table.name:
        raise UnreadableError("a table that is not allowed")
    for name in read.columns:
        _column(name, read, decided)
    wanted = decided.row_filter and normal(decided.row_filter, read.table)
    if read.condition != wanted:
        raise UnreadableError("a row filter that is not the decided one")
    barrier = engine == "trino" and _needs_barrier(decided, read.table)
    if read.barrier is not barrier:
        raise UnreadableError("a missing or misplaced security barrier")


def _grouped(block: Block, decided: TableDecision, engine: Engine) -> None:
    for one in decided.obligations:
        if one.kind == "min_group_size":
            params = dict(one.params)
            check_group(block, params["entity"], params["value"], engine)


def _needs_barrier(decided: TableDecision, table: Table) -> bool:
    return decided.row_filter is not None and not plain_domain(decided.row_filter, table)


def _column(name: str, read: Read, decided: TableDecision) -> None:
    column = decided.column(name)
    if column is None or column.effect not in {"allow", "mask"}:
        raise UnreadableError("a column that is not allowed")
    if (column.mask is None) is (column.effect == "mask"):
        raise UnreadableError("a column decision that contradicts itself")
    wanted = _comparable(column.mask, read.table, name) if column.mask else None
    if read.masks.get(name) != wanted:
        raise UnreadableError("a mask that is not the decided one")


def _comparable(mask: Mask, table: Table, name: str) -> Mask:
    """Bring a mask's parameters to the form the reader returns."""
    column = table.column(name)
    params = dict(mask.params)
    if mask.kind == "partial":
        params.setdefault("side", "last")
    if mask.kind == "constant" and column and column.type.base.startswith("time"):
        params["value"] = padded_instant(params["value"], 0)
    return Mask(mask.kind, tuple(sorted(params.items())))


def _private(walk: Walk) -> None:
    """Private aliases and scan names stay inside; one scan name is one table."""
    taken = {fold(read.private) for read in walk.found} | {fold(r.scan) for r in walk.found}
    if taken & {fold(name) for name in walk.names}:
        raise UnreadableError("a private name outside its secured sub-query")
