"""Calls whose form depends on constants, or whose type follows a rule of its own."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import MAX_VARCHAR, DataType
from gateway.sql.duckdb_casts import cast_term, element_cast
from gateway.sql.duckdb_dates import DATE_FORMS
from gateway.sql.duckdb_json import JSON_FORMS
from gateway.sql.duckdb_operators import calculate, float_compare
from gateway.sql.duckdb_regex import REGEX_FORMS
from gateway.sql.duckdb_rounding import ROUNDING_FORMS
from gateway.sql.duckdb_terms import Term, at_node, cast, text, unsupported
from gateway.sql.duckdb_writer import Writer, unify
from gateway.sql.typing_rules import FLOATS, MAX_DIGITS, VARCHAR, decimal, varchar

Form = Callable[[list[Term], DataType, exp.Expression], "str | Term"]


def _concat(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    joined = " || ".join(value.sql for value in values)
    return Term(kind, f"({joined})", any(value.fallible for value in values))


def _append(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    return Term(kind, f"({values[0].sql} || [{values[1].sql}])", _any_fallible(values))


def _prepend(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    return Term(kind, f"([{values[0].sql}] || {values[1].sql})", _any_fallible(values))


def _any_fallible(values: list[Term]) -> bool:
    return any(value.fallible for value in values)


def _concat_ws(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    if len(values) < 2:  # noqa: PLR2004 - a separator and something to separate
        raise unsupported("concat_ws of nothing", node)
    inside = ", ".join(value.sql for value in values)
    return Term(kind, f"concat_ws({inside})", _any_fallible(values))


def _array_join(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    element = values[0].type.children[0]
    if element.base not in {"varchar", "tinyint", "smallint", "integer", "bigint", "boolean"}:
        raise unsupported(f"array_join of {element.compact()}", node)
    shown = (
        f"list_transform({values[0].sql}, lambda mg_r: {element_cast('mg_r', element, VARCHAR)})"
    )
    if values[2:]:
        other = values[2].sql
        shown = f"list_transform({shown}, lambda mg_r: coalesce(mg_r, {other}))"
        guard = f"{other} IS NULL OR "
    else:
        guard = ""
    joined = f"mg_m_join({shown}, {values[1].sql})"
    nothing = f"{guard}{values[0].sql} IS NULL OR {values[1].sql} IS NULL"
    return Term(kind, f"CASE WHEN {nothing} THEN NULL ELSE {joined} END", _any_fallible(values))


def _normalize(values: list[Term], _kind: DataType, node: exp.Expression) -> Term:
    if values[1].constant != "NFC":
        raise unsupported(f"normalize with form {values[1].constant}", node)
    return Term(VARCHAR, f"nfc_normalize({values[0].sql})", values[0].fallible)


def _transform_values(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    name, _, body = values[1].sql.removeprefix("lambda ").partition(": ")
    entry = f"struct_pack(k := {name}.key, v := {body})"
    made = f"list_transform(map_entries({values[0].sql}), lambda {name}: {entry})"
    return Term(kind, f"map_from_entries({made})", _any_fallible(values))


def _to_date(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    return cast_term(values[0], kind, node)


def _url_encoded(values: list[Term]) -> DataType:
    length = _length(values[0])
    return _bounded(None if length is None else length * 12)


def _length(term: Term) -> int | None:
    return term.type.params[0] if term.type.params else None


def _bounded(length: int | None) -> DataType:
    return varchar(None if length is None or length >= MAX_VARCHAR else length)


def _replaced(values: list[Term]) -> DataType:
    x, _, z = (_length(value) for value in values)
    return _bounded(None if x is None or z is None else x + z * (x + 1))


def _regexp_replaced(values: list[Term]) -> DataType:
    x, _, z = (_length(value) for value in values)
    if x is None or z is None:
        return VARCHAR
    return _bounded(x + max(x * z // 2, z) * (x + 1))


def _whole(values: list[Term]) -> DataType:
    precision, scale = values[0].type.params
    return decimal(precision - scale + min(scale, 1), 0)


def _cut(values: list[Term]) -> DataType:
    precision, scale = values[0].type.params
    return decimal(max(precision - scale, 1), 0)


def _rounded(values: list[Term]) -> DataType:
    precision, scale = values[0].type.params
    return decimal(min(MAX_DIGITS, precision + 1), scale)


def _iso_length(values: list[Term]) -> DataType:
    precision = values[0].type.params[0]
    return varchar(22 + (precision + 1 if precision else 0))


RETURNS: dict[str, Callable[[list[Term]], DataType]] = {
    "@replaced": _replaced,
    "@regexp_replaced": _regexp_replaced,
    "@whole": _whole,
    "@cut": _cut,
    "@rounded": _rounded,
    "@url_encoded": _url_encoded,
    "@iso_length": _iso_length,
}
SPECIAL: dict[str, Form] = {
    "concat": _concat,
    "append": _append,
    "prepend": _prepend,
    "concat_ws": _concat_ws,
    "array_join": _array_join,
    "to_date": _to_date,
    "transform_values": _transform_values,
    "normalize": _normalize,
    **DATE_FORMS,
    **JSON_FORMS,
    **REGEX_FORMS,
    **ROUNDING_FORMS,
}


def _modulus(writer: Writer, node: exp.Expression) -> Term:
    terms = writer.terms(node.expressions)
    if len(terms) != 2:  # noqa: PLR2004
        raise at_node("FUNCTION_NOT_FOUND", "Unexpected parameters for function mod", node)
    if any(term.type.base not in _NUMBERS for term in terms):
        raise unsupported("mod of these types", node)
    return calculate("%", terms[0], terms[1], node)


_NUMBERS = frozenset({"tinyint", "smallint", "integer", "bigint", "decimal", "real", "double"})


def _extreme(name: str, symbol: str) -> Callable[[Writer, exp.Expression], Term]:
    """greatest, least: NULL if any is; NaN only if all are."""

    def rule(writer: Writer, node: exp.Expression) -> Term:
        terms = writer.terms(node.expressions)
        if not terms:
            raise at_node("INVALID_FUNCTION_ARGUMENT", f"{name}() needs arguments", node)
        kind, values = unify(terms, node, f"{name} operands")
        if kind.base in {"array", "map", "row", "json", "unknown", "boolean"}:
            raise unsupported(f"{name} over {kind.compact()}", node)
        nulls = " OR ".join(f"{value.sql} IS NULL" for value in values)
        inside = ", ".join(value.sql for value in values)
        best = f"{name}({inside})"
        if kind.base in FLOATS and not all(value.nan_free for value in values):
            best = _float_extreme(values, symbol)
        sql = f"CASE WHEN {nulls} THEN NULL ELSE {cast(best, kind)} END"
        return Term(kind, sql, _any_fallible(values), all(value.nan_free for value in values))

    return rule


def _float_extreme(values: list[Term], symbol: str) -> str:
    best = values[0].sql
    for value in values[1:]:
        better = float_compare(symbol, value, Term(value.type, best))
        best = f"CASE WHEN isnan({best}) OR {better} THEN {value.sql} ELSE {best} END"
    return best


def _typeof(writer: Writer, node: exp.Expression) -> Term:
    (term,) = writer.terms(node.expressions)
    name = text(term.type.display())
    if term.type.base == "unknown" or term.constant is not None:
        return Term(VARCHAR, name)
    return Term(VARCHAR, f"CASE WHEN {term.sql} IS NULL THEN {name} ELSE {name} END", term.fallible)


def _try(writer: Writer, node: exp.Expression) -> Term:
    """TRY hides Trino's data errors, but never one of ours: those forms are refused."""
    (term,) = writer.terms(node.expressions)
    if not term.fallible and term.constant is not None:
        return term
    if "NOT_SUPPORTED" in term.sql or "mg_m_" in term.sql or "SELECT" in term.sql:
        raise unsupported("TRY over this expression", node)
    return Term(term.type, f"TRY({term.sql})", nan_free=term.nan_free)


def _grouping(writer: Writer, node: exp.Expression) -> Term:
    terms = writer.terms(node.expressions)
    missing = [term for term in terms if term.sql not in writer.scope.keys]
    if missing:
        raise unsupported("grouping() over what is no grouping key", node)
    inside = ", ".join(term.sql for term in terms)
    return Term(DataType("integer"), f"CAST(grouping({inside}) AS INTEGER)", nan_free=True)


WHOLE_CALLS: dict[str, Callable[[Writer, exp.Expression], Term]] = {
    "mod": _modulus,
    "greatest": _extreme("greatest", ">"),
    "least": _extreme("least", "<"),
    "typeof": _typeof,
    "try": _try,
    "grouping": _grouping,
}
