"""All rules together: one statement written, with its columns and every node's type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.datatypes import DataType
from gateway.sql.duckdb_calls import CALLS
from gateway.sql.duckdb_forms import FORMS
from gateway.sql.duckdb_operators import OPERATORS
from gateway.sql.duckdb_queries import write_query
from gateway.sql.duckdb_writer import Query, Rule, Writer
from gateway.sql.model import ResolvedQuery, Scan

RULES: Mapping[type, Rule] = {**OPERATORS, **FORMS, **CALLS}


def write(
    resolved: ResolvedQuery, secured: Callable[[Scan], str]
) -> tuple[Query, Mapping[int, DataType]]:
    """Write a resolved statement as DuckDB SQL."""
    writer = Writer(resolved.scans, secured, RULES, write_query)
    return write_query(writer, resolved.tree, ordered=True), writer.types
