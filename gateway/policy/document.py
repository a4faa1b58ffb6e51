"""A decision as its JSON document."""

from __future__ import annotations

from typing import Any

from gateway.policy import conditions
from gateway.policy.model import (
    ColumnDecision,
    Decision,
    Obligation,
    Reason,
    TableDecision,
)

SCHEMA = 1


def to_document(decision: Decision, *, identified: bool = True) -> dict[str, Any]:
    """The merged decision; without ids, times and revisions if not ``identified``."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "effect": decision.effect,
        "obligations": [_obligation(o) for o in decision.obligations],
        "reasons": [_reason(r) for r in decision.reasons],
        "tables": [table_document(table) for table in decision.tables.values()],
    }
    if identified:
        document |= {
            "decision_id": decision.decision_id,
            "fingerprint": decision.fingerprint,
            "engine": decision.engine,
            "revisions": dict(decision.revisions),
            "expires_at": decision.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "input_sha256": decision.input_sha256,
        }
    return document


def table_document(table: TableDecision) -> dict[str, Any]:
    """One table of the document; keys that say nothing are left out."""
    document: dict[str, Any] = {
        "fqn": str(table.table),
        "effect": table.effect,
        "discoverable": table.discoverable,
        "grant": table.grant,
        "rights": sorted(table.rights),
        "row_filter": conditions.to_json(table.row_filter) if table.row_filter else None,
        "columns": [_column(column) for column in table.columns],
        "obligations": [_obligation(o) for o in table.obligations],
        "reasons": [_reason(r) for r in table.reasons],
    }
    if table.unavailable:
        document["unavailable"] = True
    return document


def _column(column: ColumnDecision) -> dict[str, Any]:
    document: dict[str, Any] = {"name": column.name, "effect": column.effect}
    if column.mask is not None:
        document["mask"] = {"kind": column.mask.kind, "params": dict(column.mask.params)}
    if column.effect == "deny":
        document["discoverable"] = column.discoverable
    if column.rules:
        document["rules"] = list(column.rules)
    return document


def _obligation(obligation: Obligation) -> dict[str, Any]:
    params = {k: list(v) if isinstance(v, tuple) else v for k, v in obligation.params}
    return {"kind": obligation.kind, "params": params, "rules": list(obligation.rules)}


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "rule": reason.rule,
        "on": reason.on,
        "message": reason.message,
        "disclose": reason.disclose,
    }
