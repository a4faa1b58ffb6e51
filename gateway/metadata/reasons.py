"""The one place that words refusals, from a decision and the visible catalog.

What is hidden reads like what does not exist; what may be discovered names rule, steward
and next step. Policies' own messages appear only where they are disclosed.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.catalog.model import CatalogSnapshot
from gateway.errors import MeshgateError
from gateway.metadata.visible import VisibleCatalog
from gateway.metadata.warnings import warnings
from gateway.metadata.wording import ask, contact, listed, on, told
from gateway.names import TableName
from gateway.policy.model import Decision, TableDecision
from gateway.sql.absent import table_error
from gateway.sql.model import TableRef

__all__ = ["column_refusal", "query_refusal", "refined", "table_refusal", "unavailable", "warnings"]


def table_refusal(
    ref: TableRef,
    found: TableDecision | None,
    decision: Decision,
    visible: VisibleCatalog,
    snapshot: CatalogSnapshot,
) -> MeshgateError:
    """Build the refusal of one table that the statement names but may not read.

    ``found`` is the decision about it, None where the catalog has no such table; ``visible``
    is all this principal may see, which chooses Trino's wording for what is absent.
    """
    domain = _failed_domain(ref.name, found, visible, snapshot)
    if domain:
        return unavailable(domain)
    if found is not None and found.discoverable:
        return _denied(found, decision, snapshot)
    error = table_error(ref, visible.catalogs, visible.schema_names)
    return _with_audit(error, _hidden(ref.name, snapshot))


def query_refusal(decision: Decision, snapshot: CatalogSnapshot) -> MeshgateError:
    """Build the refusal of a query whose tables are all allowed, but not together."""
    failed = next((t for t in decision.tables.values() if t.unavailable), None)
    if failed is not None:
        return unavailable(snapshot.tables[failed.table].domain)
    asked = dict.fromkeys(filter(None, (contact(n, snapshot) for n in decision.tables)))
    reasons = [reason for reason in decision.reasons if reason.on in {"query", "table"}]
    return MeshgateError(
        "PERMISSION_DENIED",
        f"Access Denied: Cannot run this query: {told(reasons)}{ask(listed(list(asked)))}",
    )


def column_refusal(
    found: TableDecision, columns: Iterable[str], snapshot: CatalogSnapshot
) -> MeshgateError:
    """Build the refusal of discoverable columns, listing the denied ones alone."""
    names = list(columns)
    reasons = on(found, *(f"column:{name}" for name in names))
    return MeshgateError(
        "PERMISSION_DENIED",
        f"Access Denied: Cannot select from columns [{', '.join(names)}] in table "
        f"{found.table}: {told(reasons)}{ask(contact(found.table, snapshot))}",
    )


def refined(error: MeshgateError, decision: Decision, snapshot: CatalogSnapshot) -> MeshgateError:
    """Turn COLUMN_NOT_FOUND of a column that may be discovered into the refusal that explains it.

    The resolver leaves ``table`` and ``column`` in ``error.audit``; all else stays as it is.
    """
    table, column = error.audit.get("table"), error.audit.get("column")
    if error.name != "COLUMN_NOT_FOUND" or not table or not column:
        return error
    found = decision.tables.get(TableName.parse(table))
    about = found.column(column) if found else None
    if found is None or about is None or about.effect != "deny" or not about.discoverable:
        return error
    return _with_audit(column_refusal(found, (column,), snapshot), dict(error.audit))


def unavailable(domain: str) -> MeshgateError:
    """Build the error for holders of a grant in a domain whose policy failed."""
    return MeshgateError(
        "CONFIGURATION_UNAVAILABLE",
        f"policy of domain {domain} is unavailable; try again, or ask its stewards",
        audit={"domain": domain},
    )


def _failed_domain(
    name: TableName, found: TableDecision | None, visible: VisibleCatalog, snapshot: CatalogSnapshot
) -> str | None:
    """The domain that owns this name's schema, if its policy failed for a holder of a grant."""
    if found is not None and found.unavailable:
        return snapshot.tables[name].domain
    return visible.unavailable.get((name.catalog, name.schema))


def _denied(found: TableDecision, decision: Decision, snapshot: CatalogSnapshot) -> MeshgateError:
    reasons = on(found, "table") or decision.reasons
    return MeshgateError(
        "PERMISSION_DENIED",
        f"Access Denied: Cannot select from table {found.table}: {told(reasons)}"
        f"{ask(contact(found.table, snapshot))}{purposes(found, snapshot)}",
        audit={"domain": snapshot.tables[found.table].domain},
    )


def purposes(found: TableDecision, snapshot: CatalogSnapshot) -> str:
    """Say which purposes a product is approved for, where a grant is what is missing."""
    lacking = any(reason.rule == "platform/no_grant" for reason in found.reasons)
    product = snapshot.product_of(snapshot.tables[found.table])
    if not lacking or product is None or not product.approval_purposes:
        return ""
    return (
        f". {product.display_name} is approved for: {', '.join(product.approval_purposes)}; "
        "with a grant, state yours by SET SESSION meshgate.purpose = '...'"
    )


def _hidden(name: TableName, snapshot: CatalogSnapshot) -> dict[str, str]:
    """What the audit record alone may know: whether the name exists, and where."""
    table = snapshot.tables.get(name)
    return {"hidden": "true", "domain": table.domain} if table else {"hidden": "false"}


def _with_audit(error: MeshgateError, audit: dict[str, str]) -> MeshgateError:
    return MeshgateError(
        error.name,
        error.message,
        line=error.line,
        column=error.column,
        audit={**error.audit, **audit},
    )
