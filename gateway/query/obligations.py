"""Obligations the gateway honours; a query under any other one is refused."""

from __future__ import annotations

from gateway.catalog.model import CatalogSnapshot
from gateway.errors import MeshgateError
from gateway.policy.model import Decision, Obligation
from gateway.sql.obligations import KEPT

HONOURED = KEPT


def check_obligations(decision: Decision, snapshot: CatalogSnapshot) -> None:
    """Refuse a query whose data comes with a condition that cannot be enforced here.

    Raises:
        MeshgateError: NOT_SUPPORTED, naming the obligation, its rule and the steward.

    """
    for obligation in decision.obligations:
        _check(obligation, "")
    for name, table in decision.tables.items():
        contact = snapshot.domains[snapshot.tables[name].domain].steward_contact
        for obligation in table.obligations:
            _check(obligation, f"; ask {contact}")


def _check(obligation: Obligation, ask: str) -> None:
    if obligation.kind in HONOURED:
        return
    rules = ", ".join(obligation.rules) or "a policy"
    raise MeshgateError(
        "NOT_SUPPORTED",
        f"{rules} allows this only under the obligation '{obligation.kind}', "
        f"which this gateway cannot enforce yet{ask}",
    )
