"""A resolved query as DuckDB SQL whose answer is Trino's, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.sql.duckdb_assembly import write
from gateway.sql.duckdb_terms import duck_type
from gateway.sql.model import Output, ResolvedQuery, Scan


@dataclass(frozen=True, slots=True)
class Translated:
    """``outputs`` are the resolved ones with their Trino types; ``ordered``: rows have an order."""

    sql: str
    outputs: tuple[Output, ...]
    ordered: bool


def translate(resolved: ResolvedQuery, secured: Callable[[Scan], str]) -> Translated:
    """Print the statement for DuckDB.

    Args:
        resolved: every name bound.
        secured: writes the secured sub-query of a scan, its alias included.

    Raises:
        MeshgateError: Trino's own type errors; NOT_SUPPORTED for what is not proven equal.

    """
    query, _ = write(resolved, secured)
    for _, kind in query.columns:
        duck_type(kind)
    outputs = tuple(
        replace(output, type=kind)
        for output, (_, kind) in zip(resolved.outputs, query.columns, strict=True)
    )
    return Translated(query.sql, outputs, ordered=resolved.tree.args.get("order") is not None)
