"""Governance notes of an answer: what was limited, masked or assumed, and whom to ask.

Known when a query is admitted, so that every page carries the same list: at most one per
name. A note names no hidden object and no filter value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.access.choice import offered
from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal
from gateway.metadata.wording import ask, contact, listed, on, told
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Decision, Obligation, TableDecision
from gateway.results import Warning_
from gateway.sql.model import GovernedQuery

BASE = 0x4D47_0000
NAMES = (
    "MESHGATE_ROWS_FILTERED",
    "MESHGATE_MASKED",
    "MESHGATE_TOKENIZED",
    "MESHGATE_PURPOSE_ASSUMED",
    "MESHGATE_GRANT_CHOSEN",
    "MESHGATE_GRANT_EXPIRES",
    "MESHGATE_SLO_BREACHED",
    "MESHGATE_TRUNCATED",
    "MESHGATE_NOTICE",
)
_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class _Read:
    """One table of the query: its decision and the columns the statement reads."""

    decision: TableDecision
    used: frozenset[str]

    @property
    def name(self) -> TableName:
        return self.decision.table


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks, for what and when, with all stored grants."""

    principal: Principal
    purpose: str
    now: datetime
    grants: tuple[Grant, ...]

    def offers(self, table: Table, snapshot: CatalogSnapshot) -> tuple[Grant, ...]:
        """The active grants this person holds on a table."""
        return offered(
            self.grants, self.principal, self.purpose, self.now, table=table, snapshot=snapshot
        )


def warnings(
    decision: Decision,
    snapshot: CatalogSnapshot,
    governed: GovernedQuery,
    *,
    purpose: str,
    purpose_assumed: bool,
    level: str = "full",
    grants: Sequence[Grant] = (),
    now: datetime | None = None,
    principal: Principal | None = None,
    grant_stated: bool = False,
) -> tuple[Warning_, ...]:
    """Build the notes of one admitted query, in the order of their codes.

    ``level`` is ``full``, ``summary`` (names without reasons) or ``off`` (notices alone);
    with ``grants`` and ``now`` it tells of grants that end within 14 days, with ``principal``
    also where one of several was chosen, unless the client stated which.
    """
    notice = _notices(decision)
    if level == "off":
        return _made([("MESHGATE_NOTICE", notice)])
    reads = _reads(governed)
    short = level == "summary"
    chosen = ""
    if principal is not None and now is not None and not grant_stated:
        asker = _Asker(principal, purpose, now, tuple(grants))
        chosen = _chosen(reads, snapshot, asker)
    assumed = (
        f"purpose {purpose} was assumed; state yours by SET SESSION meshgate.purpose = '...'"
        if purpose_assumed
        else ""
    )
    return _made(
        [
            ("MESHGATE_ROWS_FILTERED", _filtered(reads, snapshot, short=short)),
            ("MESHGATE_MASKED", _masked(reads, snapshot, _is_mask, "masked: ", short=short)),
            ("MESHGATE_TOKENIZED", _masked(reads, snapshot, _is_token, "tokens: ", short=short)),
            ("MESHGATE_PURPOSE_ASSUMED", assumed),
            ("MESHGATE_GRANT_CHOSEN", chosen),
            ("MESHGATE_GRANT_EXPIRES", _expiring(reads, snapshot, grants, now)),
            ("MESHGATE_NOTICE", notice),
        ]
    )


def _made(found: Iterable[tuple[str, str]]) -> tuple[Warning_, ...]:
    return tuple(Warning_(BASE + NAMES.index(name) + 1, name, text) for name, text in found if text)


def _reads(governed: GovernedQuery) -> tuple[_Read, ...]:
    used: dict[TableName, set[str]] = {}
    decisions: dict[TableName, TableDecision] = {}
    for scan in governed.scans:
        used.setdefault(scan.table.name, set()).update(scan.used)
        decisions[scan.table.name] = scan.decision
    return tuple(_Read(decisions[name], frozenset(columns)) for name, columns in used.items())


def _filtered(reads: tuple[_Read, ...], snapshot: CatalogSnapshot, *, short: bool) -> str:
    """Only filters whose reason is disclosed are told of."""
    parts = []
    for read in reads:
        told_of = [reason for reason in on(read.decision, "row_filter") if reason.disclose]
        if read.decision.row_filter is None or not told_of:
            continue
        why = "" if short else f": {told(told_of)}{ask(contact(read.name, snapshot))}"
        parts.append(f"{read.name}{why}")
    return f"rows limited in {listed(parts, '; ')}" if parts else ""


def _is_mask(column: ColumnDecision) -> bool:
    return column.mask is not None and column.mask.kind != "token"


def _is_token(column: ColumnDecision) -> bool:
    return column.mask is not None and column.mask.kind == "token"


def _masked(
    reads: tuple[_Read, ...],
    snapshot: CatalogSnapshot,
    wanted: Callable[[ColumnDecision], bool],
    head: str,
    *,
    short: bool,
) -> str:
    parts = []
    for read in reads:
        columns = [c for c in read.decision.columns if c.name in read.used and wanted(c)]
        if columns and short:
            parts.append(f"{', '.join(c.name for c in columns)} of {read.name}")
        elif columns:
            named = ", ".join(_column(read.decision, c) for c in columns)
            parts.append(f"{named} of {read.name}{ask(contact(read.name, snapshot))}")
    return head + listed(parts, "; ") if parts else ""


def _column(table: TableDecision, column: ColumnDecision) -> str:
    kind = column.mask.kind if column.mask else ""
    disclosed = [reason for reason in on(table, f"column:{column.name}") if reason.disclose]
    why = told(disclosed) if disclosed else f"({', '.join(column.rules)})"
    return f"{column.name} by {kind} {why}"


def _chosen(reads: tuple[_Read, ...], snapshot: CatalogSnapshot, asker: _Asker) -> str:
    """Tables that stand on one of several grants, with the one that was taken."""
    parts = []
    for read in reads:
        ids = [grant.id for grant in asker.offers(snapshot.tables[read.name], snapshot)]
        if len(ids) > 1 and read.decision.grant in ids:
            parts.append(f"{read.name} on {read.decision.grant} of {listed(ids)}")
    if not parts:
        return ""
    return (
        f"grants chosen: {listed(parts, '; ')}; state yours by SET SESSION meshgate.grant = '...'"
    )


def _expiring(
    reads: tuple[_Read, ...],
    snapshot: CatalogSnapshot,
    grants: Sequence[Grant],
    now: datetime | None,
) -> str:
    """Grants the query stands on that end within two weeks."""
    if now is None:
        return ""
    known = {grant.id: grant for grant in grants}
    parts = []
    for read in reads:
        grant = known.get(read.decision.grant or "")
        if grant is not None and grant.valid_until - now <= _SOON:
            until = grant.valid_until.date().isoformat()
            parts.append(
                f"{grant.id} for {read.name} ends {until}{ask(contact(read.name, snapshot))}"
            )
    return f"access ends soon: {listed(parts, '; ')}" if parts else ""


def _notices(decision: Decision) -> str:
    every: list[Obligation] = [*decision.obligations]
    every += [one for table in decision.tables.values() for one in table.obligations]
    texts = [str(dict(one.params).get("text", "")) for one in every if one.kind == "notice"]
    return listed(list(dict.fromkeys(filter(None, texts))), "; ")
