"""The rows of EXPLAIN ACCESS: every decision about one query, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from gateway.catalog.model import CatalogSnapshot
from gateway.metadata.wording import UNDISCLOSED, contact, on, steward
from gateway.policy.conditions import to_json
from gateway.policy.model import (
    ColumnDecision,
    Decision,
    Obligation,
    Reason,
    TableDecision,
)
from gateway.sql.model import GovernedQuery, Scan


class AccessRow(NamedTuple):
    """One decided item: table, filter, column, grant or obligation."""

    item: str
    name: str
    effect: str
    detail: str
    reason: str
    rule: str
    steward: str
    next_step: str


def access_rows(
    decision: Decision | None, governed: GovernedQuery | None, snapshot: CatalogSnapshot
) -> list[AccessRow]:
    """Every decision about the tables and used columns of a query, table by table."""
    rows = [row for scan in reads(governed) for row in _table(scan, governed, snapshot)]
    obligations = decision.obligations if decision else ()
    return rows + [_obligation("query", obligation, "", "") for obligation in obligations]


def reads(governed: GovernedQuery | None) -> list[Scan]:
    """The first scan of every table read."""
    found: dict[object, Scan] = {}
    for scan in governed.scans if governed else ():
        found.setdefault(scan.table.name, scan)
    return list(found.values())


def treatment(column: ColumnDecision) -> str:
    """``mask:<kind>``, ``deny``, or nothing for a column shown as it is."""
    if column.effect == "deny":
        return "deny"
    return f"mask:{column.mask.kind}" if column.mask else ""


def _table(
    scan: Scan, governed: GovernedQuery | None, snapshot: CatalogSnapshot
) -> Iterator[AccessRow]:
    table = scan.decision
    used = [
        about
        for column in scan.table.columns
        if (about := table.column(column.name)) and _is_used(scan, column.name, governed)
    ]
    yield from table_rows(table, used, snapshot)


def table_rows(
    table: TableDecision, columns: Iterable[ColumnDecision], snapshot: CatalogSnapshot
) -> Iterator[AccessRow]:
    """What was decided about one table that may be read, and about these of its columns."""
    name = str(table.table)
    who = steward(table.table, snapshot)
    step = _next_step(table, snapshot)
    yield AccessRow("table", name, table.effect, "", "", "", who, step)
    if table.grant:
        yield AccessRow("grant", table.grant, "used", f"opens {name}", "", "", who, "")
    yield from _filters(table, who, step)
    for column in columns:
        yield column_row(table, column, who, step)
    hidden = frozenset(column.name for column in table.columns if column.effect == "deny")
    for obligation in table.obligations:
        yield _obligation(name, obligation, who, step, hidden)


def _is_used(scan: Scan, column: str, governed: GovernedQuery | None) -> bool:
    every = governed.scans if governed else ()
    return any(column in one.used for one in every if one.table.name == scan.table.name)


def _filters(table: TableDecision, who: str, step: str) -> Iterator[AccessRow]:
    """Only a disclosed filter is told of; its condition only if every rule behind it is."""
    found = on(table, "row_filter")
    told = tuple(reason for reason in found if reason.disclose)
    condition = table.row_filter
    if not told or condition is None:
        return
    detail = orjson.dumps(to_json(condition)).decode() if told == found else ""
    rules = ", ".join(dict.fromkeys(reason.rule for reason in told))
    yield AccessRow(
        "filter", str(table.table), "rows limited", detail, _words(told), rules, who, step
    )


def column_row(table: TableDecision, column: ColumnDecision, who: str, step: str) -> AccessRow:
    """What was decided about one column; the reason where it is limited."""
    found = on(table, f"column:{column.name}")
    told = bool(found) and all(reason.disclose for reason in found)
    params = column.mask.params if column.mask and told else ()
    detail = ", ".join(f"{key}={value}" for key, value in params)
    limited = column.effect != "allow"
    return AccessRow(
        "column",
        f"{table.table}.{column.name}",
        treatment(column) or "allow",
        detail,
        _words(found) if limited else "",
        ", ".join(column.rules),
        who,
        step if limited else "",
    )


def _obligation(
    name: str,
    obligation: Obligation,
    who: str,
    step: str,
    hidden: frozenset[str] = frozenset(),
) -> AccessRow:
    """What an obligation asks; of columns it names, those that are shown alone."""
    detail = ", ".join(f"{key}={_told(key, value, hidden)}" for key, value in obligation.params)
    rules = ", ".join(obligation.rules)
    return AccessRow("obligation", name, obligation.kind, detail, "", rules, who, step)


def _told(key: str, value: object, hidden: frozenset[str]) -> object:
    if key == "entity" and value in hidden:
        return UNDISCLOSED
    if key == "columns" and isinstance(value, tuple):
        return "(" + ", ".join(UNDISCLOSED if one in hidden else str(one) for one in value) + ")"
    return value


def _words(reasons: tuple[Reason, ...]) -> str:
    told = [reason.message for reason in reasons if reason.disclose and reason.message]
    return "; ".join(dict.fromkeys(told)) or UNDISCLOSED


def _next_step(table: TableDecision, snapshot: CatalogSnapshot) -> str:
    who = contact(table.table, snapshot)
    return f"ask {who}" if table.restricted and who else ""
