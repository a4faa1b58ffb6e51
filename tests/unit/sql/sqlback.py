"""Hand-made tables, decisions and scans for the tests of governing."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.catalog.model import Column, Table, TokenDomain, TokenVersion
from gateway.datatypes import DataType
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Condition, Decision, Mask, TableDecision
from gateway.sql.model import Position, Scan, TableRef

NAME = TableName("lake", "sales", "orders")
SALT = "00ff" * 8
TYPES = {
    "id": "bigint",
    "region": "varchar",
    "code": "varchar(64)",
    "small": "smallint",
    "tiny": "tinyint",
    "number": "integer",
    "amount": "decimal(12,2)",
    "ratio": "double",
    "ratio4": "real",
    "flag": "boolean",
    "day": "date",
    "seen": "timestamp(6)",
    "moment": "timestamp(6) with time zone",
    "clock": "time(6)",
    "guid": "uuid",
    "digits": "decimal(20,0)",
    "digits16": "decimal(16,0)",
    "raw": "varbinary",
    "tags": "array(varchar)",
    "props": "map(varchar, integer)",
    "place": "row(lat double, lon double)",
}


def table(name: TableName = NAME, kind: str = "table", **domains: str) -> Table:
    """One table with a column of every type; ``domains`` binds columns to token domains."""
    columns = tuple(
        Column(c, DataType.parse(t), at, token_domain=domains.get(c))
        for at, (c, t) in enumerate(TYPES.items())
    )
    return Table(name, "sales", columns, kind=kind)


def domain(name: str = "member", **changes: object) -> TokenDomain:
    """A token domain with one active key."""
    values: dict[str, object] = {
        "code": "mbr",
        "shape": "text",
        "numeric": "i63",
        "canonicalizer": "upper_alnum",
        "null_values": ("UNKNOWN",),
    } | changes
    return TokenDomain(name, versions=(TokenVersion(1, "active", {}),), **values)  # type: ignore[arg-type]


def decide(
    of: Table,
    *,
    row_filter: Condition | None = None,
    masks: dict[str, Mask] | None = None,
    denied: tuple[str, ...] = (),
) -> TableDecision:
    """Allow a table with this filter, these masks and without the denied columns."""
    given = masks or {}
    columns = tuple(
        ColumnDecision(c.name, "deny")
        if c.name in denied
        else ColumnDecision(c.name, "mask" if c.name in given else "allow", given.get(c.name))
        for c in of.columns
    )
    return TableDecision(of.name, "allow", columns, row_filter)


def decision(*tables: TableDecision) -> Decision:
    """The decision about these tables."""
    return Decision(
        "d1",
        "sha256:0",
        "test",
        {},
        datetime(2030, 1, 1, tzinfo=UTC),
        "allow",
        {t.table: t for t in tables},
    )


def scan(of: Table, decided: TableDecision, used: tuple[str, ...], index: int = 0) -> Scan:
    """A scan of the table under its own name."""
    ref = TableRef(of.name, (of.name.table,), Position(1, 1))
    return Scan(index, ref, of, decided, of.name.table, used)
