"""Calls whose form depends on constants, or whose type follows a rule of its own."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_operators import calculate
from gateway.sql.duckdb_terms import Term
from gateway.sql.duckdb_writer import Writer

Form = Callable[[list[Term], DataType, exp.Expression], "str | Term"]
RETURNS: dict[str, Callable[[list[Term]], DataType]] = {}
SPECIAL: dict[str, Form] = {}


def _modulus(writer: Writer, node: exp.Expression) -> Term:
    left, right = writer.terms(node.expressions)
    return calculate("%", left, right, node)


WHOLE_CALLS: dict[str, Callable[[Writer, exp.Expression], Term]] = {"mod": _modulus}
