"""EXPLAIN ACCESS of a query that is refused: what is denied, by which rule, whom to ask.

What is hidden and what does not exist make the same row, word for word.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.catalog.model import CatalogSnapshot
from gateway.errors import ErrorType, MeshgateError
from gateway.metadata.access import AccessRow, column_row, table_rows
from gateway.metadata.reasons import purposes, table_refusal
from gateway.metadata.visible import VisibleCatalog
from gateway.metadata.wording import UNDISCLOSED, contact, on, said, steward
from gateway.names import TableName
from gateway.policy.model import Decision, TableDecision
from gateway.sql.model import Statement, TableRef

_DENIED, _UNAVAILABLE = "PERMISSION_DENIED", "CONFIGURATION_UNAVAILABLE"
_EFFECTS = {_DENIED: "deny", _UNAVAILABLE: "unavailable"}


def can_be_explained(error: MeshgateError) -> bool:
    """Whether a refusal tells of the query or its access, not of this gateway's own trouble."""
    return error.code.type is ErrorType.USER_ERROR or error.name == _UNAVAILABLE


def rows(
    statement: Statement,
    decision: Decision,
    error: MeshgateError,
    visible: VisibleCatalog,
    snapshot: CatalogSnapshot,
) -> list[AccessRow]:
    """Every table the query names, as decided, and what ``error`` adds to them."""
    found: list[AccessRow] = []
    tables_allow = True
    for ref in _first(statement.tables):
        about = decision.tables.get(ref.name)
        if about is not None and about.effect == "allow" and about.readable:
            found += table_rows(about, (), snapshot)
        else:
            tables_allow = False
            found.append(_refused_table(ref, about, decision, visible, snapshot))
    return [*found, _rest(error, decision, snapshot)] if tables_allow else found


def error_row(error: MeshgateError) -> AccessRow:
    """A refusal of the query as a whole: its error, as running it would tell it."""
    return AccessRow("query", "", _effect(error), error.name, error.message, "", "", "")


def _first(refs: Iterable[TableRef]) -> list[TableRef]:
    """The first mention of each table."""
    found: dict[TableName, TableRef] = {}
    for ref in refs:
        found.setdefault(ref.name, ref)
    return list(found.values())


def _refused_table(
    ref: TableRef,
    about: TableDecision | None,
    decision: Decision,
    visible: VisibleCatalog,
    snapshot: CatalogSnapshot,
) -> AccessRow:
    error = table_refusal(ref, about, decision, visible, snapshot)
    name = str(ref.name)
    if error.name != _DENIED or about is None:
        return AccessRow("table", name, _effect(error), error.name, error.message, "", "", "")
    reasons = on(about, "table") or decision.reasons
    return AccessRow(
        "table",
        name,
        "deny",
        purposes(about, snapshot).lstrip(". "),
        "; ".join(dict.fromkeys(said(reason) for reason in reasons)) or UNDISCLOSED,
        ", ".join(dict.fromkeys(reason.rule for reason in reasons)),
        steward(about.table, snapshot),
        _ask(about.table, snapshot),
    )


def _rest(error: MeshgateError, decision: Decision, snapshot: CatalogSnapshot) -> AccessRow:
    """The column that may be discovered but not read, else the error itself."""
    table, column = error.audit.get("table"), error.audit.get("column")
    if error.name == _DENIED and table and column:
        about = decision.tables[TableName.parse(table)]
        if (found := about.column(column)) is not None:
            who, step = steward(about.table, snapshot), _ask(about.table, snapshot)
            return column_row(about, found, who, step)
    return error_row(error)


def _effect(error: MeshgateError) -> str:
    if error.name.endswith("NOT_FOUND"):
        return "not found"
    return _EFFECTS.get(error.name, "refused")


def _ask(name: TableName, snapshot: CatalogSnapshot) -> str:
    who = contact(name, snapshot)
    return f"ask {who}" if who else ""
