"""Syntax forms: casts, CASE and its like, arrays, rows, subscripts, sub-queries as values."""

from __future__ import annotations

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.names import equals_ignore_case
from gateway.sql.duckdb_casts import cast_term
from gateway.sql.duckdb_literals import (
    boolean,
    interval_literal,
    literal,
    nothing,
    octets,
    typed_literal,
)
from gateway.sql.duckdb_operators import compare
from gateway.sql.duckdb_terms import (
    Term,
    at_node,
    duck_type,
    field_name,
    let_two,
    null,
    raising,
    unsupported,
)
from gateway.sql.duckdb_writer import Rule, Writer, coerce, unify
from gateway.sql.typing_rules import (
    BIGINT,
    BOOLEAN,
    FLOATS,
    INTEGERS,
    array_of,
    coercible,
    common_type,
    row_of,
)


def column(writer: Writer, node: exp.Expression) -> Term:
    """Write a bound column, a lambda parameter, or an output's name in ORDER BY."""
    if not isinstance(node, exp.Column):
        raise unsupported("name", node)
    return writer.scope.column(node)


def parenthesis(writer: Writer, node: exp.Expression) -> Term:
    """Write what stands in parentheses."""
    return writer.term(node.this)


def conversion(writer: Writer, node: exp.Expression) -> Term:
    """CAST, TRY_CAST and typed literals."""
    word = node.args["to"].args["kind"]
    try:
        target = DataType.parse(word)
    except ValueError:
        raise at_node("TYPE_NOT_FOUND", f"Unknown type: {word}", node) from None
    if node.meta.get("typed_literal"):
        return typed_literal(target, word, node.this.this, node)
    value = writer.term(node.this)
    if _wants_char(target):
        raise unsupported("type char", node)
    return cast_term(value, target, node, attempt=isinstance(node, exp.TryCast))


def _wants_char(kind: DataType) -> bool:
    return kind.base == "char" or any(_wants_char(child) for child in kind.children)


def case(writer: Writer, node: exp.Expression) -> Term:
    """CASE in both forms, IF."""
    operand = writer.term(node.this) if node.this is not None else None
    branches = node.args["ifs"]
    tests: list[Term] = []
    for branch in branches:
        if operand is None:
            tests.append(writer.predicate(branch.this, "CASE WHEN clause"))
        else:
            tests.append(compare("=", operand, writer.term(branch.this), node))
    results = [writer.term(branch.args["true"]) for branch in branches]
    default = node.args.get("default")
    if default is not None:
        results.append(writer.term(default))
    kind, values = unify(results, node, "All CASE results")
    pairs = zip(tests, values, strict=False)
    text = " ".join(f"WHEN {test.sql} THEN {value.sql}" for test, value in pairs)
    last = f" ELSE {values[-1].sql}" if default is not None else ""
    sql = f"CAST(CASE {text}{last} END AS {duck_type(kind)})"
    fallible = any(term.fallible for term in (*tests, *values))
    return Term(kind, sql, fallible, all(term.nan_free for term in values))


def coalesce(writer: Writer, node: exp.Expression) -> Term:
    """COALESCE."""
    terms = writer.terms([node.this, *node.expressions])
    kind, values = unify(terms, node, "All COALESCE operands")
    sql = f"CAST(coalesce({', '.join(value.sql for value in values)}) AS {duck_type(kind)})"
    fallible = any(value.fallible for value in values)
    return Term(kind, sql, fallible, all(value.nan_free for value in values))


def nullif(writer: Writer, node: exp.Expression) -> Term:
    """NULLIF has the type of its first operand."""
    first, second = writer.term(node.this), writer.term(node.expression)
    if common_type(first.type, second.type) is None:
        kinds = f"{first.type.compact()} vs {second.type.compact()}"
        message = f"Types are not comparable with NULLIF: {kinds}"
        raise at_node("TYPE_MISMATCH", message, node)
    equal = compare("=", first, second, node)
    sql = f"CASE WHEN {equal.sql} THEN {null(first.type)} ELSE {first.sql} END"
    return Term(first.type, sql, equal.fallible, first.nan_free)


def array(writer: Writer, node: exp.Expression) -> Term:
    """``ARRAY[…]``."""
    if not node.expressions:
        kind = array_of(DataType("unknown"))
        return Term(kind, f"CAST([] AS {duck_type(kind)})")
    element, values = unify(writer.terms(node.expressions), node, "All ARRAY elements")
    kind = array_of(element)
    sql = f"CAST([{', '.join(value.sql for value in values)}] AS {duck_type(kind)})"
    return Term(kind, sql, any(value.fallible for value in values))


def row(writer: Writer, node: exp.Expression) -> Term:
    """``ROW(…)`` and ``(a, b)``."""
    values = writer.terms(node.expressions)
    return row_term(values)


def row_term(values: list[Term]) -> Term:
    """Make a row of typed values."""
    kind = row_of(value.type for value in values)
    parts = ", ".join(f'"f{number + 1}" := {value.sql}' for number, value in enumerate(values))
    return Term(kind, f"struct_pack({parts})", any(value.fallible for value in values))


def field(writer: Writer, node: exp.Expression) -> Term:
    """``row.field``."""
    value = writer.term(node.this)
    wanted = node.expression.name
    for number, (name, kind) in enumerate(value.type.fields):
        if value.type.base == "row" and name is not None and equals_ignore_case(name, wanted):
            return _extracted(value, number, kind)
    raise at_node("INVALID_COLUMN_REFERENCE", f"Column reference '{wanted}' is invalid", node)


def _extracted(value: Term, number: int, kind: DataType) -> Term:
    return Term(kind, f"({value.sql}).{field_name(value.type, number)}", value.fallible)


def subscript(writer: Writer, node: exp.Expression) -> Term:
    """``a[i]`` raises outside the array; ``m[k]`` without the key; rows by position."""
    value, key = writer.term(node.this), writer.term(node.expressions[0])
    if value.type.base == "array":
        return _element(value, key, node)
    if value.type.base == "map":
        return _entry(value, key, node)
    if value.type.base == "row" and isinstance(key.constant, int):
        if not 1 <= key.constant <= len(value.type.fields):
            raise at_node("INVALID_FUNCTION_ARGUMENT", "ROW index out of bounds", node)
        return _extracted(value, key.constant - 1, value.type.children[key.constant - 1])
    if value.type.base == "row":
        raise unsupported("a row's field by a number that is no literal", node)
    message = f"Cannot apply operator: {value.type.compact()}[{key.type.compact()}]"
    raise at_node("TYPE_MISMATCH", message, node)


def _element(value: Term, key: Term, node: exp.Expression) -> Term:
    if key.type.base not in INTEGERS:
        raise unsupported(f"subscript of type {key.type.compact()}", node)
    kind = value.type.children[0]
    index = coerce(key, BIGINT, node)
    failed = raising("INVALID_FUNCTION_ARGUMENT", kind)
    sql = let_two(
        value.sql,
        index.sql,
        lambda v, i: (
            f"CASE WHEN {v} IS NULL OR {i} IS NULL THEN {null(kind)} "
            f"WHEN {i} < 1 OR {i} > len({v}) THEN {failed} ELSE {v}[{i}] END"
        ),
    )
    return Term(kind, sql, fallible=True)


def _entry(value: Term, key: Term, node: exp.Expression) -> Term:
    key_type, kind = value.type.children
    if not coercible(key.type, key_type):
        message = f"Cannot apply operator: {value.type.compact()}[{key.type.compact()}]"
        raise at_node("TYPE_MISMATCH", message, node)
    if key_type.base in {*FLOATS, "array", "map", "row"}:
        raise unsupported(f"subscript of {value.type.compact()}", node)
    wanted = coerce(key, key_type, node)
    failed = raising("INVALID_FUNCTION_ARGUMENT", kind)
    sql = let_two(
        value.sql,
        wanted.sql,
        lambda v, k: (
            f"CASE WHEN {v} IS NULL OR {k} IS NULL THEN {null(kind)} "
            f"WHEN NOT map_contains({v}, {k}) THEN {failed} ELSE {v}[{k}] END"
        ),
    )
    return Term(kind, sql, fallible=True)


def extract(writer: Writer, node: exp.Expression) -> Term:
    """Write ``EXTRACT(f FROM x)`` as the function f."""
    name = node.this.name.lower()
    value = writer.term(node.expression)
    whole = value.type.base == "date" and name in {"hour", "minute", "second"}
    if whole or value.type.base in {"varchar", "boolean", *INTEGERS, *FLOATS, "decimal"}:
        message = f"Cannot extract {name} from {value.type.compact()}"
        raise at_node("TYPE_MISMATCH", message, node)
    call = exp.Anonymous(this=name, expressions=[node.expression])
    call.meta.update(node.meta)
    return writer.term(call)


def exists(writer: Writer, node: exp.Expression) -> Term:
    """EXISTS."""
    return Term(BOOLEAN, f"EXISTS ({writer.query(node.this).sql})")


def scalar_query(writer: Writer, node: exp.Expression) -> Term:
    """Write a sub-query used as a value: one column."""
    found = writer.query(node)
    if len(found.columns) != 1:
        raise unsupported("a sub-query of several columns as a value", node)
    return Term(found.columns[0][1], f"({found.sql})")


FORMS: dict[type, Rule] = {
    exp.Literal: literal,
    exp.Boolean: boolean,
    exp.Null: nothing,
    exp.HexString: octets,
    exp.Interval: interval_literal,
    exp.Column: column,
    exp.Paren: parenthesis,
    exp.Cast: conversion,
    exp.TryCast: conversion,
    exp.Case: case,
    exp.Coalesce: coalesce,
    exp.Nullif: nullif,
    exp.Array: array,
    exp.Tuple: row,
    exp.Dot: field,
    exp.Bracket: subscript,
    exp.Extract: extract,
    exp.Exists: exists,
    exp.Subquery: scalar_query,
}
