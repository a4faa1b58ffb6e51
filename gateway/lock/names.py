"""Names with a meaning to the lock: metadata schemas, tables about tables, session properties."""

from __future__ import annotations

from gateway.metadata.shapes import INFORMATION_SCHEMA, SYSTEM, metadata_names
from gateway.names import TableName

SESSION_PROPERTIES = frozenset(
    {
        "query_max_run_time",
        "query_max_execution_time",
        "join_distribution_type",
        "join_reordering_strategy",
        "time_zone_id",
    }
)
"""Trino's own properties that a client may set, through the gateway or past it."""

JDBC = "jdbc"
_ABOUT = frozenset(
    {
        "all_entries",
        "all_manifests",
        "entries",
        "files",
        "history",
        "manifests",
        "metadata_log_entries",
        "partitions",
        "properties",
        "refs",
        "snapshots",
    }
)


def is_listing(name: TableName) -> bool:
    """Whether Trino answers listings from it, each row checked by another question."""
    if name.schema == INFORMATION_SCHEMA or (name.catalog, name.schema) == (SYSTEM, JDBC):
        return name in metadata_names(name.catalog)
    return False


def about(name: TableName) -> TableName | None:
    """Name the table that ``t$files`` and its like tell about; None for an ordinary name."""
    base, dollar, kind = name.table.rpartition("$")
    if not dollar or kind not in _ABOUT or not base:
        return None
    return TableName(name.catalog, name.schema, base)


__all__ = ["INFORMATION_SCHEMA", "JDBC", "SESSION_PROPERTIES", "SYSTEM", "about", "is_listing"]
