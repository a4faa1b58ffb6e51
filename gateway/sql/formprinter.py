"""Rarer nodes as Trino text: SQL/JSON (the counterpart of ``jsonforms``), ON OVERFLOW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlglot import exp


class _Printer(Protocol):
    def print(self, node: exp.Expression | None) -> str: ...


def _clauses(*parts: str) -> str:
    return "".join(f" {part}" for part in parts if part)


def _invoked(
    printer: _Printer, value: exp.Expression, path: exp.Expression, given: list[exp.Expression]
) -> str:
    passing = ", ".join(printer.print(one) for one in given)
    after = f" PASSING {passing}" if given else ""
    return f"{printer.print(value)}, {printer.print(path)}{after}"


def _returning(kind: exp.Expression | None, form: str | None) -> str:
    if kind is None:
        return ""
    return f"RETURNING {kind.args['kind']}" + (f" {_format(form)}" if form else "")


def _format(encoding: str) -> str:
    return "FORMAT JSON" if encoding == "JSON" else f"FORMAT JSON ENCODING {encoding}"


def _conditions(printer: _Printer, node: exp.Expression) -> str:
    """Write what stands before ON EMPTY and ON ERROR; an expression follows DEFAULT."""
    found = node.args.get("on_condition")
    parts = []
    for key in ("empty", "error"):
        value = found.args.get(key) if found is not None else None
        if value is not None:
            word = value if isinstance(value, str) else f"DEFAULT {printer.print(value)}"
            parts.append(f"{word} ON {key.upper()}")
    return " ".join(parts)


def _exists(printer: _Printer, node: exp.Expression) -> str:
    inner = _invoked(printer, node.this, node.args["path"], node.args.get("passing") or [])
    return f"JSON_EXISTS({inner}{_clauses(_conditions(printer, node))})"


def _value(printer: _Printer, node: exp.Expression) -> str:
    inner = _invoked(printer, node.this, node.args["path"], node.args.get("passing") or [])
    returning = _returning(node.args.get("returning"), None)
    return f"JSON_VALUE({inner}{_clauses(returning, _conditions(printer, node))})"


def _query(printer: _Printer, node: exp.Expression) -> str:
    inner = _invoked(printer, node.this, node.expression, node.expressions)
    returning = _returning(node.args.get("emits"), node.args.get("variant_extract"))
    wrapper, quotes = node.args.get("option") or "", node.args.get("quote") or ""
    after = _clauses(returning, wrapper, quotes, _conditions(printer, node))
    return f"JSON_QUERY({inner}{after})"


def _object(printer: _Printer, node: exp.Expression) -> str:
    members = ", ".join(printer.print(one) for one in node.expressions)
    nulls, unique = node.args.get("null_handling") or "", node.args.get("unique_keys") or ""
    returning = _returning(node.args.get("return_type"), node.args.get("encoding"))
    return f"JSON_OBJECT({(members + _clauses(nulls, unique, returning)).strip()})"


def _array(printer: _Printer, node: exp.Expression) -> str:
    items = ", ".join(printer.print(one) for one in node.expressions)
    returning = _returning(node.args.get("return_type"), node.args.get("strict"))
    return (
        f"JSON_ARRAY({(items + _clauses(node.args.get('null_handling') or '', returning)).strip()})"
    )


def _member(printer: _Printer, node: exp.Expression) -> str:
    return f"KEY {printer.print(node.this)} VALUE {printer.print(node.expression)}"


def _formatted(printer: _Printer, node: exp.Expression) -> str:
    return f"{printer.print(node.this)} {_format(node.args['encoding'])}"


def _overflow(printer: _Printer, node: exp.Expression) -> str:
    filler = f" {printer.print(node.this)}" if node.this is not None else ""
    counted = "WITH" if node.args["with_count"] else "WITHOUT"
    return f"ON OVERFLOW TRUNCATE{filler} {counted} COUNT"


FORM_WRITERS: dict[type[exp.Expression], Callable[[_Printer, exp.Expression], str]] = {
    exp.JSONExists: _exists,
    exp.JSONValue: _value,
    exp.JSONExtract: _query,
    exp.JSONObject: _object,
    exp.JSONArray: _array,
    exp.JSONKeyValue: _member,
    exp.FormatJson: _formatted,
    exp.OverflowTruncateBehavior: _overflow,
}
