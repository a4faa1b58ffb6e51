"""The secured sub-query: the fixed shape in which a governed table enters a statement."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.catalog.model import Column, TokenDomain
from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.sql.conditions import where
from gateway.sql.masks import Place, masked
from gateway.sql.model import Engine, Scan
from gateway.sql.spelling import spell

ALIAS = "$g"
NOTHING = '1 AS "$n"'


def secured(
    scan: Scan,
    engine: Engine,
    token_domains: Mapping[str, TokenDomain],
    salt: str,
    alias: str = ALIAS,
    body: str | None = None,
) -> str:
    """Write ``(SELECT … FROM table AS "$g" WHERE filter) AS "alias"``.

    Args:
        scan: one table reference with the decision about it.
        engine: whose SQL is written.
        token_domains: all token domains of the mesh by name.
        salt: lower-case hex, this query's own, for masks salted with the query.
        alias: the private alias; no identifier of the statement may equal it.
        body: a view's query as written for the engine; it stands in the place of the table.

    Raises:
        ValueError: the decision shows a column denied, unknown or not maskable.
        MeshgateError: NOT_SUPPORTED for a row filter on a view on DuckDB.

    """
    place = Place(engine, alias, token_domains, salt)
    columns = ", ".join(_column(column, scan, place) for column in _used(scan)) or NOTHING
    source = base_table(scan, engine)
    if scan.table.view is not None:
        source = view_source(scan, engine, alias, body)
    text = f"SELECT {columns} FROM {source} AS {quote(alias)}"  # noqa: S608 - quoted names and typed literals
    if scan.decision.row_filter is not None:
        text += f" WHERE {where(scan.decision.row_filter, scan.table, engine, alias)}"
    return f"({text}) AS {quote(scan.alias)}"


def base_table(scan: Scan, engine: Engine) -> str:
    """Name the raw table: three parts and its version on Trino, its scan on DuckDB."""
    if engine == "trino":
        version = scan.ref.version
        return scan.table.name.quoted() + (f" {version}" if version is not None else "")
    if scan.ref.version is not None:
        raise ValueError("time travel has no secured form on DuckDB")
    return quote(f"{scan.table.name}:{scan.index}")


def view_source(scan: Scan, engine: Engine, alias: str, body: str | None) -> str:
    """Write a view's query with the view's stored types, under an alias that names the view."""
    view = scan.table.view
    if view is None or body is None:
        raise ValueError("a view without its query")
    if engine == "duckdb" and scan.decision.row_filter is not None:
        raise MeshgateError(
            "NOT_SUPPORTED",
            f"the row filter on view {scan.table.name} is not supported by the embedded engine; "
            "use a Trino cluster",
        )
    own = quote(f"{alias}:{scan.table.name}")
    casts = ", ".join(
        f"CAST({own}.{quote(column.name)} AS {spell(column.type, engine)}) AS {quote(column.name)}"
        for column in scan.table.columns
    )
    names = ", ".join(quote(name) for name, _ in view.columns)
    return f"(SELECT {casts} FROM ({body}) AS {own} ({names}))"  # noqa: S608 - as above


def _used(scan: Scan) -> list[Column]:
    """Find the used columns in catalog order; one that the table does not have is a defect."""
    found = [column for column in scan.table.columns if column.name in scan.used]
    if len(found) != len(set(scan.used)):
        raise ValueError("a scan uses a column its table does not have")
    return found


def _column(column: Column, scan: Scan, place: Place) -> str:
    decided = scan.decision.column(column.name)
    raw = f"{quote(place.alias)}.{quote(column.name)}"
    if scan.decision.effect != "allow" or decided is None:
        raise ValueError("a scan reads what its decision does not allow")
    if decided.effect == "mask" and decided.mask is not None:
        return f"{masked(decided.mask, column, place)} AS {quote(column.name)}"
    if decided.effect == "allow" and decided.mask is None:
        return f"{raw} AS {quote(column.name)}"
    raise ValueError("a scan reads a column its decision denies")
