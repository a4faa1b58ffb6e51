"""From a resolved query to verified text. The only maker of ``GovernedQuery``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from gateway.catalog.model import TokenDomain
from gateway.errors import MeshgateError
from gateway.names import fold
from gateway.sql.accounting import account
from gateway.sql.duckdb import translate, translate_view
from gateway.sql.inject import ALIAS, secured
from gateway.sql.model import Engine, GovernedQuery, Output, ResolvedQuery, Scan
from gateway.sql.obligations import keep, limits, max_rows
from gateway.sql.pushdown import with_hints
from gateway.sql.trino import outline, print_trino
from gateway.sql.verify import Read, verify
from gateway.sql.viewbodies import outside

MAX_GOVERNED_BYTES = 2_000_000


def govern(
    resolved: ResolvedQuery,
    engine: Engine,
    token_domains: Mapping[str, TokenDomain],
    salt: str,
) -> GovernedQuery:
    """Write the statement for one engine with every table secured, and verify it.

    Args:
        resolved: the bound statement with its decision.
        engine: whose SQL is written.
        token_domains: all token domains of the mesh by name.
        salt: lower-case hex, this query's own, for masks salted with the query.

    Raises:
        MeshgateError: NOT_SUPPORTED for what has no proven form on DuckDB,
            PERMISSION_DENIED where an obligation cannot be kept, QUERY_TEXT_TOO_LARGE,
            GENERIC_INTERNAL_ERROR for any defect: nothing passes that is not proven.

    """
    try:
        return _govern(resolved, engine, token_domains, salt)
    except MeshgateError:
        raise
    except Exception as error:
        raise MeshgateError(
            "GENERIC_INTERNAL_ERROR",
            "the query could not be rewritten safely; nothing was run: "
            "report the query id to the platform team",
            audit={"defect": type(error).__name__, "govern": str(error)[:200]},
        ) from error


def _govern(
    resolved: ResolvedQuery,
    engine: Engine,
    token_domains: Mapping[str, TokenDomain],
    salt: str,
) -> GovernedQuery:
    resolved = keep(resolved)
    scans = _all_scans(resolved)
    bodies = [scan.body.tree for scan in scans if scan.body is not None]
    alias = _free_alias([resolved.tree, *bodies])
    if engine == "duckdb":
        _refuse_scan_names(resolved.tree, scans)

    def write(scan: Scan) -> str:
        body = _view_body(scan, engine, write)
        return secured(scan, engine, token_domains, salt, alias, body)

    make = _trino if engine == "trino" else _duckdb
    sql, outputs, ordered = make(resolved, write)
    _check_size(sql)
    tables = {scan.table.name: scan.table for scan in scans}
    found = verify(sql, engine, resolved.decision, tables, token_domains, salt)
    if engine == "trino":
        _check_versions(scans, found)
    return GovernedQuery(
        sql=sql,
        engine=engine,
        kind=resolved.statement.kind,
        scans=tuple(
            replace(scan, body=None)
            for query in _queries(resolved)
            for scan in (with_hints(query) if engine == "duckdb" else query.scans)
        ),
        outputs=outputs,
        usage=resolved.usage,
        restricted=any(s.decision.restricted or limits(s.decision) for s in scans),
        decision_id=resolved.decision.decision_id,
        decision_fingerprint=resolved.decision.fingerprint,
        ordered=ordered,
        max_rows=max_rows(resolved.decision),
    )


def _queries(resolved: ResolvedQuery) -> Iterator[ResolvedQuery]:
    """The statement's query and those of all views beneath."""
    yield resolved
    for scan in resolved.scans:
        if scan.body is not None:
            yield from _queries(scan.body)


def _all_scans(resolved: ResolvedQuery) -> list[Scan]:
    return [scan for query in _queries(resolved) for scan in query.scans]


def _view_body(scan: Scan, engine: Engine, write: Callable[[Scan], str]) -> str | None:
    if scan.body is None:
        return None
    if engine == "trino":
        return _trino(scan.body, write)[0]
    try:
        return translate_view(scan, scan.body, write)
    except MeshgateError as error:
        raise outside(scan, error) from None


def _check_size(sql: str) -> None:
    if len(sql.encode()) > MAX_GOVERNED_BYTES:
        raise MeshgateError(
            "QUERY_TEXT_TOO_LARGE",
            f"the rewritten query would exceed {MAX_GOVERNED_BYTES} bytes: name fewer columns",
        )


def _check_versions(scans: Sequence[Scan], found: Sequence[Read]) -> None:
    """Compare in which states tables are read: neither decision nor outline knows them."""
    wanted = Counter((scan.table.name, scan.ref.version) for scan in scans)
    if Counter((read.table.name, read.version) for read in found) != wanted:
        raise ValueError("a table is read in another state than the statement asks for")


Made = tuple[str, tuple[Output, ...], bool]


def _trino(resolved: ResolvedQuery, write: Callable[[Scan], str]) -> Made:
    texts = {scan.index: write(scan) for scan in resolved.scans}
    sql = print_trino(resolved, lambda scan: texts[scan.index])
    _check_size(sql)  # before it is read back
    names = {text: f"$s{at}" for at, text in enumerate(dict.fromkeys(texts.values()))}
    account(outline(sql, names), resolved.tree, {i: names[text] for i, text in texts.items()})
    return sql, resolved.outputs, resolved.tree.args.get("order") is not None


def _duckdb(resolved: ResolvedQuery, write: Callable[[Scan], str]) -> Made:
    translated = translate(resolved, write)
    return translated.sql, translated.outputs, translated.ordered


def _free_alias(trees: list[exp.Expression]) -> str:
    """Find the first private alias that no identifier equals, alone or before a view's name."""
    taken = {fold(name).partition(":")[0] for tree in trees for name in _names(tree)}
    alias, count = ALIAS, 0
    while alias in taken:
        count += 1
        alias = f"{ALIAS}{count}"
    return alias


def _refuse_scan_names(tree: exp.Expression, scans: list[Scan]) -> None:
    """Refuse a name of the statement that is a scan's own on the embedded engine."""
    own = {f"{scan.table.name}:{scan.index}" for scan in scans}
    for name in _names(tree):
        if fold(name) in own:
            raise MeshgateError(
                "NOT_SUPPORTED", f"the name '{name}' is one of the gateway's own: choose another"
            )


def _names(tree: exp.Expression) -> Iterator[str]:
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if type(node) is list:
            stack += node
        elif isinstance(node, exp.Identifier):
            yield node.this
        elif isinstance(node, exp.Expression):
            stack += node.args.values()
