"""Views as their queries: each text bound on its own and held against what is stored of it.

A body sees the view's own defaults and nothing around its place in the statement: no WITH
name, no outer column, no alias. What fails inside is worded without what lies beneath.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlglot import exp

from gateway.catalog.model import Table
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.sql.model import Output, ResolvedQuery, Scan, Statement
from gateway.sql.resolve import resolve
from gateway.sql.types import annotate
from gateway.sql.typing_rules import coercible
from gateway.sql.views import invalid, unsupported, view_error

_Origin = tuple[TableName, str]
_REFUSED = frozenset({"NOT_SUPPORTED", "QUERY_REJECTED"})


def with_views(
    resolved: ResolvedQuery,
    tables: Mapping[TableName, Table],
    session: Mapping[str, exp.Expression] | None = None,
) -> ResolvedQuery:
    """Give every scan of a view its bound query, and lineage the columns beneath.

    Raises:
        MeshgateError: VIEW_IS_STALE, INVALID_VIEW, NOT_SUPPORTED; none names what lies beneath.

    """
    if all(scan.table.view is None for scan in resolved.scans):
        return resolved
    return _Bodies(resolved, tables, session).into(resolved)


class _Bodies:
    """Binds the queries of one statement's views; every scan gets a number of its own."""

    def __init__(
        self,
        outer: ResolvedQuery,
        tables: Mapping[TableName, Table],
        session: Mapping[str, exp.Expression] | None,
    ) -> None:
        self._views = outer.statement.views
        self._decision = outer.decision
        self._tables = tables
        self._session = session
        self._next = len(outer.statement.tables)

    def into(self, resolved: ResolvedQuery) -> ResolvedQuery:
        """Bind the views of one query, and theirs."""
        scans = tuple(
            scan if scan.table.view is None else self._bound(scan) for scan in resolved.scans
        )
        flows = _flows(scans)
        return replace(
            resolved,
            scans=scans,
            outputs=tuple(_beneath(output, flows) for output in resolved.outputs),
            usage=_usage(resolved, scans, flows),
        )

    def _bound(self, scan: Scan) -> Scan:
        statement = self._views.get(scan.table.name)
        if not isinstance(statement, Statement):
            raise MeshgateError("GENERIC_INTERNAL_ERROR", "a view without its query was resolved")
        first, self._next = self._next, self._next + len(statement.tables)
        try:
            body = self.into(resolve(statement, self._decision, self._tables, self._session, first))
        except MeshgateError as error:
            raise outside(scan, error) from None
        _check_stored(scan, body)
        return replace(scan, body=body)


def outside(scan: Scan, error: MeshgateError) -> MeshgateError:
    """Word what failed inside a view for the one who reads it."""
    name = scan.table.name
    if error.name == "GENERIC_INTERNAL_ERROR":
        return error
    if error.name in _REFUSED:
        return view_error(scan.ref, "NOT_SUPPORTED", unsupported(name), error.name)
    return view_error(scan.ref, "INVALID_VIEW", invalid(name), error.name)


def _check_stored(scan: Scan, body: ResolvedQuery) -> None:
    """Refuse a view whose query no longer gives the stored columns."""
    stored = scan.table.view.columns if scan.table.view else ()
    if len(stored) != len(body.outputs):
        raise _stale(
            scan,
            f"stored view column count ({len(stored)}) does not match column count derived "
            f"from the view query analysis ({len(body.outputs)})",
        )
    found = zip(stored, body.outputs, _types(body), strict=True)
    for at, ((name, kind), output, given) in enumerate(found):
        misfit = kind is not None and given is not None and not coercible(given, kind)
        if misfit or output.name.lower() != name:
            raise _stale(
                scan, f"column [{name}] stored in view definition is not what position {at} gives"
            )


def _stale(scan: Scan, what: str) -> MeshgateError:
    message = f"View '{scan.table.name}' is stale or in invalid state: {what}"
    return view_error(scan.ref, "VIEW_IS_STALE", f"{message}; ask its owner to create it again")


def _types(body: ResolvedQuery) -> tuple[DataType | None, ...]:
    """Type a body as far as the typer goes; beyond it, plain columns alone."""
    try:
        return annotate(body).outputs
    except MeshgateError:
        tables = {scan.table.name: scan.table for scan in body.scans}
        return tuple(_plain(output, tables) for output in body.outputs)


def _plain(output: Output, tables: Mapping[TableName, Table]) -> DataType | None:
    """Type an output that is one column of a table read here."""
    origins = [(name, column) for name, column in output.sources if name in tables]
    if output.kind != "direct" or len(origins) != 1:
        return None
    column = tables[origins[0][0]].column(origins[0][1])
    return column.type if column else None


def _flows(scans: Iterable[Scan]) -> dict[_Origin, Output]:
    """Map each column of a view to the output of its query."""
    return {
        (scan.table.name, name): output
        for scan in scans
        if scan.body is not None and scan.table.view is not None
        for (name, _), output in zip(scan.table.view.columns, scan.body.outputs, strict=True)
    }


def _beneath(output: Output, flows: Mapping[_Origin, Output]) -> Output:
    """Add the columns beneath a view's, and what its query does to them."""
    through = [flows[origin] for origin in output.sources if origin in flows]
    if not through:
        return output
    sources = {*output.sources, *(origin for one in through for origin in one.sources)}
    kind = through[0].kind if output.kind == "direct" and len(through) == 1 else output.kind
    return replace(output, kind=kind, sources=tuple(sorted(sources)))


def _usage(
    resolved: ResolvedQuery, scans: Iterable[Scan], flows: Mapping[_Origin, Output]
) -> Mapping[_Origin, frozenset[str]]:
    """Say where columns count: beneath a view where its column does, and in its query."""
    found: dict[_Origin, frozenset[str]] = dict(resolved.usage)
    for origin, places in resolved.usage.items():
        for source in flows[origin].sources if origin in flows else ():
            found[source] = found.get(source, frozenset()) | places
    for scan in scans:
        for origin, places in scan.body.usage.items() if scan.body else ():
            inner = places - {"output"}
            if inner:
                found[origin] = found.get(origin, frozenset()) | inner
    return MappingProxyType(found)
