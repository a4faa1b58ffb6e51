"""A resolved query as DuckDB SQL whose answer is Trino's, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.names import quote
from gateway.sql.duckdb_assembly import write
from gateway.sql.duckdb_foreign import refuse_foreign
from gateway.sql.duckdb_terms import Term, cast, duck_type, unsupported
from gateway.sql.duckdb_writer import coerce
from gateway.sql.model import Output, ResolvedQuery, Scan
from gateway.sql.typing_rules import coercible


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
    refuse_foreign(resolved.tree)
    query, _ = write(resolved, secured)
    for _, kind in query.columns:
        duck_type(kind)
    outputs = tuple(
        replace(output, type=kind)
        for output, (_, kind) in zip(resolved.outputs, query.columns, strict=True)
    )
    return Translated(query.sql, outputs, ordered=resolved.tree.args.get("order") is not None)


def translate_view(scan: Scan, body: ResolvedQuery, secured: Callable[[Scan], str]) -> str:
    """Print a view's query for DuckDB, each column converted to its stored type as Trino does."""
    refuse_foreign(body.tree)
    query, _ = write(body, secured)
    stored = scan.table.view.columns if scan.table.view else ()
    cells, names = [], [f"mg_c{number}" for number in range(len(stored))]
    for name, (_, given), (_, wanted) in zip(names, query.columns, stored, strict=True):
        kind = wanted or given
        if not coercible(given, kind):
            raise unsupported(f"the conversion of {given.compact()} to {kind.compact()}")
        value = coerce(Term(given, f"mg_o.{quote(name)}"), kind, None)
        cells.append(f"{cast(value.sql, kind)} AS {quote(name)}")
    listed = ", ".join(quote(name) for name in names)
    return f"SELECT {', '.join(cells)} FROM ({query.sql}) AS mg_o({listed})"  # noqa: S608 - own text
