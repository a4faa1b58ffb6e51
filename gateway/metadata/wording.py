"""Shared phrases of denials, warnings and explanations. Built only from what may be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.catalog.model import CatalogSnapshot
from gateway.names import TableName
from gateway.policy.model import Reason, TableDecision

MAX_NAMED = 8
UNDISCLOSED = "restricted by policy"


def contact(name: TableName, snapshot: CatalogSnapshot) -> str:
    """Whom to ask about a table of the catalog: its domain's steward contact."""
    table = snapshot.tables.get(name)
    domain = snapshot.domains.get(table.domain) if table else None
    return plain_contact(domain.steward_contact) if domain else ""


def plain_contact(text: str) -> str:
    """Print a contact as people read it: an address without ``mailto:``."""
    return text.removeprefix("mailto:")


def steward(name: TableName, snapshot: CatalogSnapshot) -> str:
    """The names of the stewards of a table's domain."""
    table = snapshot.tables.get(name)
    domain = snapshot.domains.get(table.domain) if table else None
    return ", ".join(domain.stewards) if domain else ""


def ask(who: str) -> str:
    """``, ask x`` or nothing."""
    return f", ask {who}" if who else ""


def listed(parts: Sequence[str], separator: str = ", ") -> str:
    """Join at most eight parts, then ``and n more``."""
    shown = separator.join(parts[:MAX_NAMED])
    return shown if len(parts) <= MAX_NAMED else f"{shown} and {len(parts) - MAX_NAMED} more"


def told(reasons: Iterable[Reason]) -> str:
    """Reasons in words: disclosed messages quoted, each with its rule; the others by rule alone."""
    found = list(reasons)
    if not found:
        return UNDISCLOSED
    return "; ".join(_one(reason) for reason in found)


def _one(reason: Reason) -> str:
    if reason.disclose and reason.message:
        return f'"{reason.message}" ({reason.rule})'
    return f"{said(reason)} ({reason.rule})"


def said(reason: Reason) -> str:
    """One reason in words, without its rule."""
    if reason.disclose and reason.message:
        return reason.message
    return _PLATFORM.get(reason.rule, UNDISCLOSED)


_PLATFORM = {
    "platform/no_grant": "no active grant for this purpose",
    "platform/missing_attribute": "an attribute the policy needs is not known of you",
    "platform/obligation_unknown": "the policy asks for something this gateway cannot do",
}


def on(decision: TableDecision, *places: str) -> tuple[Reason, ...]:
    """The reasons at these places: ``table``, ``row_filter``, ``column:<name>``."""
    return tuple(reason for reason in decision.reasons if reason.on in places)
