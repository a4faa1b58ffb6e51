"""A small mesh and what a principal may see of it, for the tests of the SQL front."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Decision, TableDecision
from gateway.session import Session
from gateway.sql.model import Defaults, ResolvedQuery
from gateway.sql.parse import parse
from gateway.sql.printer import Printer
from gateway.sql.resolve import resolve
from gateway.sql.sessionfns import session_values

DEFAULTS = Defaults("lake", "sales")
NOW = datetime(2024, 5, 17, 13, 45, 59, 987654, UTC)
_ORDERS = {
    "id": "bigint",
    "region": "varchar",
    "amount": "double",
    "ssn": "varchar",
    "place": "row(city varchar, zip varchar)",
    "tags": "array(varchar)",
}
_TABLES = {
    "lake.sales.orders": (_ORDERS, {"ssn"}),
    "lake.sales.members": ({"id": "bigint", "name": "varchar", "ssn": "varchar"}, set()),
    "lake.sales.lines": ({"order_id": "bigint", "sku": "varchar", "qty": "integer"}, set()),
    "lake.hr.people": ({"id": "bigint", "name": "varchar", "boss": "bigint"}, set()),
    "lake.hr.orders": ({"id": "bigint", "note": "varchar"}, set()),
    "lake.hr.void": ({"secret": "varchar"}, {"secret"}),
}


def _table(name: str, columns: dict[str, str]) -> Table:
    made = (Column(c, DataType.parse(t), at) for at, (c, t) in enumerate(columns.items()))
    return Table(TableName.parse(name), "sales", tuple(made))


TABLES = {TableName.parse(n): _table(n, columns) for n, (columns, _) in _TABLES.items()}
DECISION = Decision(
    decision_id="d1",
    fingerprint="f1",
    engine="rego",
    revisions={},
    expires_at=NOW,
    effect="allow",
    tables={
        TableName.parse(n): TableDecision(
            TableName.parse(n),
            "allow",
            tuple(ColumnDecision(c, "deny" if c in hidden else "allow") for c in columns),
        )
        for n, (columns, hidden) in _TABLES.items()
    },
)


def cases(name: str) -> list[tuple[str, str]]:
    """Read ``cases/<name>.txt``: blocks of input, ``----``, expected."""
    text = (Path(__file__).parent / "cases" / f"{name}.txt").read_text(encoding="utf-8")
    pairs = [block.split("\n----\n") for block in text.strip().split("\n\n")]
    return [(given, expected) for given, expected in pairs]


def resolved(text: str, defaults: Defaults = DEFAULTS) -> ResolvedQuery:
    """Parse and resolve for the principal of ``DECISION``."""
    statement = parse(text, defaults)
    session = Session("lake", "sales")
    values = session_values(
        session, "alice", NOW, groups={"readers", "analysts"}, names=statement.session_names
    )
    return resolve(statement, DECISION, TABLES, values)


def bound(text: str) -> str:
    """The resolved tree as text."""
    return Printer().print(resolved(text).tree)


def refusal(text: str) -> str:
    """``NAME: message`` of the error a query ends with."""
    try:
        resolved(text)
    except MeshgateError as error:
        return f"{error.name}: {error}"
    return "accepted"
