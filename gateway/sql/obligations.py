"""Obligations a governed text keeps: groups large enough, filters that must be there.

A statement whose shape cannot keep an obligation is refused, with what to write instead.
``max_rows`` is kept where rows are counted: ``GovernedQuery.max_rows`` says how many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.policy.model import Decision, Obligation, TableDecision
from gateway.sql.binder import located
from gateway.sql.groups import MIN_GROUP, keep_groups
from gateway.sql.model import Kind, ResolvedQuery, Scan
from gateway.sql.shapes import constant, unwrapped

MAX_ROWS, REQUIRE_FILTER = "max_rows", "require_filter"
BINDING = frozenset({MIN_GROUP, MAX_ROWS, REQUIRE_FILTER})
"""The kinds that limit a statement; ``notice`` and ``audit`` only accompany it."""
KEPT = BINDING | {"audit", "notice"}

_ANSWERED = frozenset({Kind.QUERY, Kind.EXPLAIN, Kind.EXPLAIN_ACCESS, Kind.SHOW_STATS})
_COMPARED = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def keep(resolved: ResolvedQuery) -> ResolvedQuery:
    """The same statement, kept within the obligations of everything it reads.

    Raises:
        MeshgateError: PERMISSION_DENIED where its shape cannot keep them, NOT_SUPPORTED
            for statements whose rows do not come back to be counted.

    """
    binding = [one for one in _all(resolved.decision) if one.kind in BINDING]
    unknown = [one for one in _all(resolved.decision) if one.kind not in KEPT]
    if unknown or (binding and resolved.statement.kind not in _ANSWERED):
        kind = (unknown or binding)[0].kind
        raise MeshgateError(
            "NOT_SUPPORTED", f"the obligation '{kind}' cannot be kept by this statement: query it"
        )
    if not binding:
        return resolved
    _refuse_views(resolved, binding)
    _refuse_unread(resolved)
    _require_filters(resolved)
    return keep_groups(resolved)


def _refuse_views(resolved: ResolvedQuery, binding: Iterable[Obligation]) -> None:
    """Refuse views where the shape of a SELECT counts: theirs and the reader's both would."""
    kinds = sorted({one.kind for one in binding} - {MAX_ROWS})
    view = next((scan for scan in resolved.scans if scan.table.view is not None), None)
    if kinds and view is not None:
        at = view.ref.at
        raise MeshgateError(
            "PERMISSION_DENIED",
            f"line {at.line}:{at.column}: Access Denied: Cannot select from view "
            f"{view.table.name}: the obligation '{kinds[0]}' is kept for tables alone: "
            "query its tables",
            line=at.line,
            column=at.column,
        )


def _refuse_unread(resolved: ResolvedQuery) -> None:
    """Refuse what is decided about a relation that no scan reads: nothing would keep it."""
    read = {scan.table.name for scan in resolved.scans}
    for name, table in resolved.decision.tables.items():
        for one in table.obligations:
            if one.kind in {MIN_GROUP, REQUIRE_FILTER} and name not in read:
                raise MeshgateError(
                    "NOT_SUPPORTED",
                    f"the obligation '{one.kind}' of {name} cannot be kept: read its tables",
                )


def limits(decision: TableDecision) -> bool:
    """Whether what an engine tells of a table could tell more than its obligations allow."""
    return any(one.kind in BINDING for one in decision.obligations)


def max_rows(decision: Decision) -> int | None:
    """How many rows an answer may have; None where nothing says."""
    found = [dict(one.params)["value"] for one in _all(decision) if one.kind == MAX_ROWS]
    return min(found) if found else None


def _all(decision: Decision) -> Iterator[Obligation]:
    yield from decision.obligations
    for table in decision.tables.values():
        yield from table.obligations


def _require_filters(resolved: ResolvedQuery) -> None:
    wanted = {
        scan.index: (scan, one)
        for scan in resolved.scans
        for one in scan.decision.obligations
        if one.kind == REQUIRE_FILTER
    }
    if not wanted:
        return
    for select in resolved.tree.find_all(exp.Select):
        filtered = set(_filtered(select))
        for index in _direct(select):
            if index in wanted:
                _check_filters(select, *wanted.pop(index), filtered)
    if wanted:  # a relation that no SELECT reads directly: nothing shows its filter
        scan, obligation = next(iter(wanted.values()))
        _check_filters(resolved.tree, scan, obligation, set())


def _check_filters(
    select: exp.Expression, scan: Scan, obligation: Obligation, filtered: set[tuple[int, str]]
) -> None:
    missing = [
        name for name in dict(obligation.params)["columns"] if (scan.index, name) not in filtered
    ]
    if not missing:
        return
    rules = ", ".join(obligation.rules) or "a policy"
    shown = {column.name for column in scan.decision.readable}
    if not shown.issuperset(missing):
        advice = "which you cannot see; ask its steward"
        raise _denied(select, scan, f"{rules} requires a filter on columns {advice}")
    listed = ", ".join(missing)
    raise _denied(
        select,
        scan,
        f"{rules} requires a filter on {listed}: compare each with literals (=, IN, BETWEEN, <) "
        "by AND in the WHERE of the SELECT that reads the table",
    )


def _denied(node: exp.Expression, scan: Scan, why: str) -> MeshgateError:
    table = scan.table.name
    return located(
        node, "PERMISSION_DENIED", f"Access Denied: Cannot select from table {table}: {why}"
    )


def _direct(select: exp.Select) -> Iterator[int]:
    """The scans in a SELECT's own FROM, those in bracketed joins too."""
    from_ = select.args.get("from_")
    if from_ is None:
        return
    stack = [from_.this, *(join.this for join in select.args.get("joins") or [])]
    while stack:
        node = stack.pop()
        stack += [join.this for join in node.args.get("joins") or []]
        if isinstance(node, exp.Table) and "scan" in node.meta:
            yield node.meta["scan"]
        elif isinstance(node, exp.Subquery) and not isinstance(
            node.this, (exp.Select, exp.SetOperation, exp.Values)
        ):
            stack.append(node.this)


def _filtered(select: exp.Select) -> Iterator[tuple[int, str]]:
    """The columns that a term of WHERE compares with constants, by scan."""
    where = select.args.get("where")
    for term in _terms(where.this) if where is not None else ():
        yield from _compared(term)


def _terms(condition: exp.Expression) -> Iterator[exp.Expression]:
    stack = [condition]
    while stack:
        node = unwrapped(stack.pop())
        if isinstance(node, exp.And):
            stack += [node.this, node.expression]
        else:
            yield node


def _compared(term: exp.Expression) -> Iterator[tuple[int, str]]:
    if isinstance(term, _COMPARED):
        yield from _column(term.this, [term.expression])
        yield from _column(term.expression, [term.this])
    elif isinstance(term, exp.In) and term.args.get("query") is None:
        yield from _column(term.this, term.expressions)
    elif isinstance(term, exp.Between):
        yield from _column(term.this, [term.args["low"], term.args["high"]])


def _column(node: exp.Expression, against: Iterable[exp.Expression]) -> Iterator[tuple[int, str]]:
    column = unwrapped(node)
    kind, index = column.meta.get("source", ("", 0))
    if isinstance(column, exp.Column) and kind == "scan" and all(map(constant, against)):
        yield index, column.meta["column"]
