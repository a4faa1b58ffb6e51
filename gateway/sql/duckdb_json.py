"""JSON in text, by a constant path of plain steps."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import Term, let, raising, text, unsupported

Form = Callable[[list[Term], DataType, exp.Expression], Term]
_STEP = r"\.[A-Za-z_][A-Za-z0-9_]*|\[\d{1,9}\]|\[\"[A-Za-z0-9_ -]+\"\]"
_PATH = re.compile(rf"\$((?:{_STEP})*)")
# text Jackson certainly refuses at its first character, where Trino answers NULL
_NO_JSON = r"\s*|\s*[a-eg-mo-su-zA-Z].*"


def _path(term: Term, node: exp.Expression) -> str:
    """The same path in DuckDB's words; only plain steps mean the same in both."""
    found = _PATH.fullmatch(term.constant) if isinstance(term.constant, str) else None
    if found is None:
        raise unsupported("this JSON path", node)
    steps = re.findall(_STEP, found.group(1))
    return "$" + "".join(re.sub(r'^\["(.*)"\]$', r'."\1"', step) for step in steps)


def _checked(value: str, answer: str, kind: DataType) -> str:
    return (
        f"CASE WHEN {value} IS NULL THEN NULL WHEN json_valid({value}) THEN {answer} "
        f"WHEN regexp_full_match({value}, '(?s){_NO_JSON}') THEN NULL "
        f"ELSE {raising('NOT_SUPPORTED', kind)} END"
    )


def _valid(value: str) -> str:
    """Hide what is no JSON from functions that raise on it, even while DuckDB plans."""
    return f"CASE WHEN json_valid({value}) THEN {value} END"


def _scalar(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    path = text(_path(values[1], node))

    def answer(raw: str) -> str:
        v = _valid(raw)
        return _checked(
            raw,
            f"CASE json_type({v}, {path}) WHEN 'VARCHAR' THEN json_extract_string({v}, {path}) "
            f"WHEN 'BOOLEAN' THEN json_extract_string({v}, {path}) "
            f"WHEN 'UBIGINT' THEN json_extract_string({v}, {path}) "
            f"WHEN 'BIGINT' THEN json_extract_string({v}, {path}) "
            f"WHEN 'DOUBLE' THEN {raising('NOT_SUPPORTED', kind)} "
            f"WHEN 'HUGEINT' THEN {raising('NOT_SUPPORTED', kind)} END",
            kind,
        )

    return Term(kind, let(values[0].sql, answer), fallible=True)


def _length(values: list[Term], kind: DataType, _node: exp.Expression) -> Term:
    def answer(raw: str) -> str:
        v = _valid(raw)
        array = (
            f"CASE WHEN json_type({v}) = 'ARRAY' THEN CAST(json_array_length({v}) AS BIGINT) END"
        )
        return _checked(raw, array, kind)

    return Term(kind, let(values[0].sql, answer), fallible=True, nan_free=True)


JSON_FORMS: dict[str, Form] = {"json_scalar": _scalar, "json_length": _length}
