"""A small mesh with hand-made decisions, shared by the metadata tests."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.catalog.model import CatalogSnapshot, Column, Contact, Domain, Product, Table
from gateway.datatypes import DataType
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import (
    ColumnDecision,
    Decision,
    FieldCondition,
    Mask,
    Reason,
    TableDecision,
)

CLAIM = TableName("lake", "claims", "claim")
PLAIN = TableName("lake", "claims", "region")
NOTES = TableName("lake", "claims", "notes")
FLIGHT = TableName("air", "ops", "flight")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def column(name: str, kind: str, number: int, **more: object) -> Column:
    return Column(name, DataType.parse(kind), number, **more)


def table(name: TableName, domain: str, *columns: Column, **more: object) -> Table:
    return Table(name, domain, columns, **more)


def snapshot() -> CatalogSnapshot:
    tables = [
        table(
            CLAIM,
            "claims",
            column("claim_id", "bigint", 1, required=True, doc="the claim's number"),
            column("email", "varchar", 2),
            column("diagnosis", "varchar(10)", 3),
            column("paid", "decimal(12,2)", 4),
            column("seen", "timestamp(6) with time zone", 5),
            product="claims",
            comment="Claims, one row each",
            uuid="u-1",
        ),
        table(PLAIN, "claims", column("code", "varchar", 1)),
        table(NOTES, "claims", column("text", "varchar", 1), column("pages", "integer", 2)),
        table(FLIGHT, "air", column("number", "integer", 1), kind="view"),
    ]
    product = Product(
        "g-1",
        "claims",
        "Claims",
        "claims-team",
        "active",
        "described",
        "analysts",
        approval_purposes=("care", "fraud"),
        tables=(CLAIM,),
    )
    contact = (Contact("steward", "mailto:claims-stewards@example.org"),)
    claims = Domain(
        "claims",
        "lake",
        stewards=("claims-stewards",),
        contacts=contact,
        schemas=("claims",),
        products=(product,),
    )
    air = Domain("air", "air", schemas=("ops",))
    return CatalogSnapshot(
        "c1", {"claims": claims, "air": air}, {found.name: found for found in tables}
    )


REGION = Reason("domains.claims/region", "row_filter", "only your regions", disclose=True)
MAIL = Reason("domains.claims/mail", "column:email", "personal data", disclose=True)
HEALTH = Reason("domains.claims/health", "column:diagnosis", "secret words")


def claim_decision() -> TableDecision:
    """Filtered; email masked, diagnosis hidden but discoverable."""
    return TableDecision(
        CLAIM,
        "allow",
        (
            ColumnDecision("claim_id", "allow"),
            ColumnDecision("email", "mask", Mask("email-domain"), ("domains.claims/mail",)),
            ColumnDecision(
                "diagnosis", "deny", None, ("domains.claims/health",), discoverable=True
            ),
            ColumnDecision("paid", "allow"),
            ColumnDecision("seen", "allow"),
        ),
        row_filter=FieldCondition("in", "email", ("EU-SECRET",)),
        grant="ag-1",
        reasons=(HEALTH, MAIL, REGION),
    )


def allowed(name: TableName, *columns: str) -> TableDecision:
    return TableDecision(name, "allow", tuple(ColumnDecision(c, "allow") for c in columns))


def denied(name: TableName, *reasons: Reason, **more: bool) -> TableDecision:
    columns = tuple(ColumnDecision(c.name, "deny") for c in snapshot().tables[name].columns)
    return TableDecision(name, "deny", columns, reasons=reasons, **more)


def decision(*tables: TableDecision, effect: str = "allow", reasons=()) -> Decision:
    return Decision(
        "d1",
        "sha256:x",
        "rego",
        {"policy": "r1"},
        NOW,
        effect,
        {found.table: found for found in tables},
        reasons=tuple(reasons),
    )


def visible(*tables: TableDecision) -> VisibleCatalog:
    found = tables or (
        claim_decision(),
        allowed(PLAIN, "code"),
        denied(NOTES),
        allowed(FLIGHT, "number"),
    )
    return VisibleCatalog.build({one.table: one for one in found}, snapshot())
