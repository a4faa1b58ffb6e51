"""Predicates of the user's statement as hints for the scans they are about.

A conjunct ``column op literals`` becomes a hint where every row it is not TRUE for is
dropped by its own SELECT block anyway: WHERE, or ON of an inner join, about a scan that
no outer join may fill up with NULLs. The predicate stays in the text. Anything else,
any doubt about how Trino would compare the two types, is no hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime

from sqlglot import exp

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.policy.model import CompoundCondition, Condition, FieldCondition, Scalar
from gateway.sql.model import ResolvedQuery, Scan

_OPERATORS: Mapping[type[exp.Expression], tuple[str, str]] = {
    exp.EQ: ("eq", "eq"),
    exp.LT: ("lt", "gt"),
    exp.LTE: ("lte", "gte"),
    exp.GT: ("gt", "lt"),
    exp.GTE: ("gte", "lte"),
}
"""Comparison → operator as written, and with its sides exchanged."""

_INTEGERS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}
_EXACT = frozenset({*_INTEGERS, "decimal", "varchar", "date", "timestamp"})
_MAX_LIST = 200
_MAX_PRECISION = 6
_NUMBER = re.compile(r"([0-9]*)(?:\.([0-9]+))?", re.ASCII)
_SIGNED = re.compile(r"([+-]?)([0-9]*(?:\.[0-9]+)?)", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?", re.ASCII
)


def with_hints(resolved: ResolvedQuery) -> tuple[Scan, ...]:
    """Return the scans with what the statement says about them; never raises."""
    try:
        found = _hints(resolved)
    except Exception:  # noqa: BLE001 - a statement without hints is right, only slower
        return resolved.scans
    return tuple(
        replace(scan, hints=tuple(found[scan.index])) if scan.index in found else scan
        for scan in resolved.scans
    )


def _hints(resolved: ResolvedQuery) -> dict[int, list[Condition]]:
    scans = {scan.index: scan for scan in resolved.scans}
    found: dict[int, list[Condition]] = {}
    for select in resolved.tree.find_all(exp.Select):
        kept = _kept(select)
        if not kept:
            continue
        for conjunct in _conjuncts(select):
            made = _condition(conjunct, {index: scans[index] for index in kept})
            if made is not None:
                index, condition = made
                found.setdefault(index, []).append(condition)
    return found


def _kept(select: exp.Select) -> set[int]:
    """Find the scans of this block's own FROM that no outer join fills up with NULLs.

    A join in parentheses counts as unknown: none of its scans.
    """
    from_ = select.args.get("from_")
    if from_ is None:
        return set()
    kept = _scan_of(from_.this)
    for join in select.args.get("joins") or []:
        side, right = join.args.get("side"), _scan_of(join.this)
        if side not in {None, "LEFT", "RIGHT", "FULL"}:
            return set()
        if side in {"RIGHT", "FULL"}:
            kept = set()
        if side in {None, "RIGHT"}:
            kept |= right
    return kept


def _scan_of(node: exp.Expression) -> set[int]:
    index = node.meta.get("scan") if type(node) is exp.Table else None
    return set() if index is None or node.args.get("joins") else {index}


def _conjuncts(select: exp.Select) -> Iterator[exp.Expression]:
    """Terms joined by AND at the top of WHERE and of the ON of inner joins."""
    where = select.args.get("where")
    stack = [where.this] if where is not None else []
    stack += [
        join.args["on"]
        for join in select.args.get("joins") or []
        if join.args.get("side") is None and join.args.get("on") is not None
    ]
    while stack:
        node = _bare(stack.pop())
        if type(node) is exp.And:
            stack += [node.this, node.expression]
        else:
            yield node


def _condition(node: exp.Expression, scans: Mapping[int, Scan]) -> tuple[int, Condition] | None:
    negated = isinstance(node, exp.Not)
    test = _bare(node.this) if negated else node
    if negated and not isinstance(test, exp.Is):
        return None
    operators = _OPERATORS.get(type(test))
    if operators is not None:
        return _comparison(test, operators, scans)
    tested = isinstance(test, (exp.Between, exp.In, exp.Is))
    place = _place(test.this, scans) if tested else None
    if place is None:
        return None
    scan, column = place
    made = _test(test, column, negated=negated)
    return None if made is None else (scan.index, made)


def _comparison(
    node: exp.Expression, operators: tuple[str, str], scans: Mapping[int, Scan]
) -> tuple[int, Condition] | None:
    written, exchanged = operators
    for side, other, operator in (
        (node.this, node.expression, written),
        (node.expression, node.this, exchanged),
    ):
        place = _place(side, scans)
        if place is not None:
            scan, column = place
            value = _literal(other, column.type)
            made = None if value is None else FieldCondition(operator, column.name, value)
            return None if made is None else (scan.index, made)
    return None


def _test(node: exp.Expression, column: Column, *, negated: bool) -> Condition | None:
    if isinstance(node, exp.Is):
        null = type(node.args["expression"]) is exp.Null
        return FieldCondition("is_null", column.name, not negated) if null else None
    if isinstance(node, exp.Between):
        bounds = [_literal(node.args[side], column.type) for side in ("low", "high")]
        if set(node.args) - {"this", "low", "high"} or None in bounds:
            return None
        pairs = zip(("gte", "lte"), bounds, strict=True)
        parts = (FieldCondition(o, column.name, v) for o, v in pairs if v is not None)
        return CompoundCondition("and", tuple(parts))
    items = node.args.get("expressions") or []
    values = [_literal(item, column.type) for item in items]
    given = {key for key, value in node.args.items() if value}
    if given != {"this", "expressions"} or len(values) > _MAX_LIST or None in values:
        return None
    return FieldCondition("in", column.name, tuple(v for v in values if v is not None))


def _place(node: exp.Expression, scans: Mapping[int, Scan]) -> tuple[Scan, Column] | None:
    """Find the scan and column of a bare reference the statement reads unmasked."""
    node = _bare(node)
    kind, index = node.meta.get("source", (None, None)) if type(node) is exp.Column else (None, 0)
    if kind != "scan" or index not in scans:
        return None
    scan, name = scans[index], node.meta.get("column")
    column = scan.table.column(name) if isinstance(name, str) else None
    if column is None or column.name not in scan.used or not _exact(column.type):
        return None
    decided = scan.decision.column(column.name)
    plain = decided is not None and decided.effect == "allow" and decided.mask is None
    return (scan, column) if plain else None


def _exact(kind: DataType) -> bool:
    if kind.base == "varchar":
        return not kind.params
    if kind.base == "timestamp":
        return kind.params[0] <= _MAX_PRECISION
    return kind.base in _EXACT


def _literal(node: exp.Expression, kind: DataType) -> Scalar | None:
    """Read a literal as a policy would spell it; None unless it is of the column's type."""
    node, negative = _bare(node), False
    if type(node) is exp.Neg:
        node, negative = _bare(node.this), True
    if type(node) is exp.Literal:
        if node.is_string:
            return node.this if kind.base == "varchar" and not negative else None
        return _number(node.this, kind, negative=negative)
    typed = type(node) is exp.Cast and node.meta.get("typed_literal") and not negative
    word = str(node.args["to"].args.get("kind")).lower() if typed else ""
    return _typed(node.this.this, kind) if word == kind.base else None


def _typed(text: str, kind: DataType) -> Scalar | None:
    """Read the text of a typed literal whose type has the column's name."""
    if kind.base == "decimal":
        signed = _SIGNED.fullmatch(text)
        return _number(signed[2], kind, negative=signed[1] == "-") if signed else None
    if kind.base == "date" and _DATE.fullmatch(text):
        return date.fromisoformat(text).isoformat()
    return _moment(text) if kind.base == "timestamp" else None


def _number(text: str, kind: DataType, *, negative: bool) -> Scalar | None:
    """A whole number for whole columns, what fits exactly for decimals."""
    found = _NUMBER.fullmatch(text)
    if found is None or not text:
        return None
    whole, fraction = found[1] or "0", found[2]
    sign = "-" if negative else ""
    if kind.base in _INTEGERS and fraction is None:
        value, half = int(sign + whole), 1 << (_INTEGERS[kind.base] - 1)
        return value if -half <= value < half else None
    if kind.base != "decimal":
        return None
    precision, scale = kind.params
    fits = len(whole.lstrip("0")) <= precision - scale and len(fraction or "") <= scale
    return sign + (whole if fraction is None else f"{whole}.{fraction}") if fits else None


def _moment(text: str) -> str | None:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    datetime.fromisoformat(f"{found[1]}T{found[2]}")
    return f"{found[1]}T{found[2]}{found[3] or ''}"


def _bare(node: exp.Expression) -> exp.Expression:
    while type(node) is exp.Paren:
        node = node.this
    return node
