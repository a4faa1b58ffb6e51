"""Parts of an audit record, read from what the pipeline made of a statement."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from gateway.audit.model import (
    ColumnUse,
    Lineage,
    LineageInput,
    RowFilter,
    StatementText,
    TableUse,
    UsagePlace,
    Who,
)
from gateway.audit.redact import fingerprint, redact
from gateway.catalog.model import CatalogSnapshot
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy.conditions import to_json
from gateway.policy.model import ColumnDecision, Decision, TableDecision
from gateway.sql.lineage import CLEAR as UNMASKED
from gateway.sql.lineage import OutputLineage, Source
from gateway.sql.lineage import lineage as flow
from gateway.sql.model import GovernedQuery, Scan

CLEAR = "clear"


def who(principal: Principal, peer_address: str = "") -> Who:
    """The principal as the record keeps it."""
    return Who(
        principal.id,
        principal.kind,
        principal.method,
        tuple(sorted(principal.groups)),
        peer_address,
    )


def statement(
    text: str, kind: str, governed: GovernedQuery | None = None, *, strict: bool = False
) -> StatementText:
    """The statement without literals. ``strict`` for statements that were never bound."""
    redacted = redact(text, strict=strict)
    digest = sha256(governed.sql.encode()).hexdigest() if governed else ""
    return StatementText(kind, redacted, fingerprint(redacted), digest)


def tables(governed: GovernedQuery, snapshot: CatalogSnapshot) -> tuple[TableUse, ...]:
    """Every table a governed statement reads, with the columns it uses."""
    used: dict[TableName, set[str]] = {}
    first: dict[TableName, Scan] = {}
    for scan in governed.scans:
        used.setdefault(scan.table.name, set()).update(scan.used)
        first.setdefault(scan.table.name, scan)
    return tuple(
        _table(first[name].decision, snapshot, _columns(first[name], columns, governed))
        for name, columns in used.items()
    )


def refused_tables(
    names: Iterable[TableName], decision: Decision | None, snapshot: CatalogSnapshot
) -> tuple[TableUse, ...]:
    """The tables a refused statement named: the record knows which exist and which are hidden."""
    found = []
    for name in dict.fromkeys(names):
        about = decision.tables.get(name) if decision else None
        if about is not None:
            found.append(_table(about, snapshot, ()))
        elif name in snapshot.tables:
            found.append(TableUse(str(name), "undecided", snapshot.tables[name].domain))
        else:
            found.append(TableUse(str(name), "absent"))
    return tuple(found)


def lineage(governed: GovernedQuery) -> tuple[Lineage, ...]:
    """The outputs of a governed statement with the columns they came from."""
    return tuple(
        Lineage(output.name, tuple(_input(output, source) for source in output.sources))
        for output in flow(governed).outputs
    )


def usage(governed: GovernedQuery) -> tuple[UsagePlace, ...]:
    """What each column is used for, by the statement and by the policies."""
    found = flow(governed)
    return tuple(
        UsagePlace(str(one.table), one.column, one.places, one.by)
        for one in (*found.usage, *found.added)
    )


def _input(output: OutputLineage, source: Source) -> LineageInput:
    masking = source.effect.removeprefix("mask:") if source.effect != UNMASKED else ""
    return LineageInput(str(source.table), source.column, output.kind, masking)


def _table(
    decision: TableDecision, snapshot: CatalogSnapshot, columns: tuple[ColumnUse, ...]
) -> TableUse:
    table = snapshot.tables.get(decision.table)
    denied = decision.effect != "allow"
    return TableUse(
        name=str(decision.table),
        effect=decision.effect,
        domain=table.domain if table else "",
        product=(table.product or "") if table else "",
        table_uuid=table.uuid if table else "",
        grant=decision.grant or "",
        hidden=denied and not decision.discoverable,
        filters=_filters(decision),
        columns=columns,
        obligations=tuple(obligation.kind for obligation in decision.obligations),
        rules=tuple(sorted({r.rule for r in decision.reasons if r.on == "table"})),
    )


def _filters(decision: TableDecision) -> tuple[RowFilter, ...]:
    if decision.row_filter is None:
        return ()
    rules = tuple(sorted({r.rule for r in decision.reasons if r.on == "row_filter"}))
    return (RowFilter(rules, to_json(decision.row_filter)),)


def _columns(scan: Scan, used: set[str], governed: GovernedQuery) -> tuple[ColumnUse, ...]:
    found = []
    for column in scan.table.columns:
        about = scan.decision.column(column.name)
        if column.name in used and about is not None:
            usage = governed.usage.get((scan.table.name, column.name), frozenset())
            found.append(
                ColumnUse(
                    column.name,
                    column.field_id,
                    tuple(sorted(usage)),
                    treatment(about),
                    about.rules,
                )
            )
    return tuple(found)


def treatment(column: ColumnDecision) -> str:
    """``clear``, the mask's kind, or ``denied``."""
    if column.effect == "deny":
        return "denied"
    return column.mask.kind if column.mask else CLEAR
