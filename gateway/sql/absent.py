"""What a missing table is called: the same words for hidden and for nonexistent ones."""

from __future__ import annotations

from collections.abc import Collection

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.sql.model import TableRef


def table_error(
    ref: TableRef,
    visible_catalogs: Collection[str],
    visible_schemas: Collection[tuple[str, str]],
) -> MeshgateError:
    """Build the error of a table that does not exist for this principal.

    Args:
        ref: the reference.
        visible_catalogs: catalogs the principal may see.
        visible_schemas: ``(catalog, schema)`` pairs the principal may see.

    """
    name = ref.name
    if name.catalog not in visible_catalogs:
        return _missing("CATALOG", name.catalog, ref)
    if (name.catalog, name.schema) not in visible_schemas:
        return _missing("SCHEMA", name.schema, ref)
    return _missing("TABLE", str(name), ref)


def schema_error(catalog: str, schema: str, visible_catalogs: Collection[str]) -> MeshgateError:
    """Build the error of a schema (or its catalog) that is named without a position."""
    if catalog not in visible_catalogs:
        return MeshgateError("CATALOG_NOT_FOUND", f"Catalog '{catalog}' not found")
    return MeshgateError("SCHEMA_NOT_FOUND", f"Schema '{schema}' does not exist")


def _missing(what: str, name: str, ref: TableRef) -> MeshgateError:
    kind = what.capitalize()
    text = f"{kind} '{name}' does not exist" if what != "CATALOG" else f"Catalog '{name}' not found"
    at = ref.at
    return MeshgateError(
        f"{what}_NOT_FOUND",
        f"line {at.line}:{at.column}: {text}",
        line=at.line,
        column=at.column,
    )


__all__ = ["TableName", "schema_error", "table_error"]
