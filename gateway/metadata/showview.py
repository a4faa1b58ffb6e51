"""SHOW CREATE VIEW: a view's stored text, for the owners of its domain alone."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.catalog.model import CatalogSnapshot, Table
from gateway.identity.principal import Principal
from gateway.metadata.show import plain_name, table_answer, text_literal
from gateway.metadata.visible import VisibleCatalog
from gateway.results import Answer
from gateway.sql.model import Kind, Statement


def view_definition(
    statement: Statement, visible: VisibleCatalog, principal: Principal, snapshot: CatalogSnapshot
) -> Answer | None:
    """Answer SHOW CREATE VIEW of a view that this owner sees; None for all else."""
    words = statement.words
    if statement.kind is not Kind.SHOW_CREATE or (words.get("what") or "").upper() != "VIEW":
        return None
    seen = visible.table(statement.tables[0].name) if statement.tables else None
    if seen is None or not _owns(principal, snapshot.domains[seen.table.domain].owners):
        return None
    return table_answer(["Create View"], [[_text(seen.table)]]) if seen.table.view else None


def _owns(principal: Principal, owners: Iterable[str]) -> bool:
    named = {f"user:{principal.id}", *(f"group:{group}" for group in principal.groups)}
    return not named.isdisjoint(owners)


def _text(table: Table) -> str:
    """Write the statement as Trino does; every view has its reader's rights here."""
    comment = f" COMMENT {text_literal(table.comment)}" if table.comment else ""
    sql = table.view.sql if table.view else ""
    return f"CREATE VIEW {plain_name(table.name)}{comment} SECURITY INVOKER AS\n{sql}"
