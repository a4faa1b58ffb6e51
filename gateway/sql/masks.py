"""The only home of mask SQL: one template per mask and engine, never transpiled.

Every template has exactly its column's type, cannot fail on any value, and keeps NULL as
NULL (``mask-to-fixed-value`` alone hides NULL too). Trino's functions are called by their
full built-in names and ``||``, ``SUBSTRING FROM`` and ``POSITION`` are avoided, because a
query could shadow the unqualified functions behind them.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.catalog.model import Column
from gateway.policy.model import Mask, Scalar
from gateway.sql.maskwriter import LOWER, UPPER, Place, Writer
from gateway.sql.spelling import INTEGERS, TZ, literal, spell, text_literal
from gateway.sql.tokenmasks import keyed_hash, token

__all__ = ["Place", "masked"]

_FIXED_TEXT = "XXXXXXXX"
_FIXED: dict[str, Scalar] = {
    "boolean": False,
    "decimal": "0",
    "real": "0",
    "double": "0",
    "date": "1970-01-01",
    "timestamp": "1970-01-01T00:00:00",
    TZ: "1970-01-01T00:00:00Z",
    "time": "00:00:00",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_UNITS = {"truncate-to-year": "year", "truncate-to-month": "month"}
_TRUNCATED = frozenset({"hour", "day", "month", "quarter", "year"})
_PARTIAL_SLACK = 3


def masked(mask: Mask, column: Column, place: Place) -> str:
    """Write the masked value of one column.

    Raises:
        ValueError: unknown mask, or one that does not apply to the column's type.

    """
    template = _TEMPLATES.get(mask.kind)
    if template is None:
        raise ValueError(f"unknown mask {mask.kind}")
    return template(mask, column, Writer(column, place))


def _varchar(text: str, column: Column, w: Writer) -> str:
    """Give a text the column's exact type; unbounded varchar has it already."""
    if column.type.base != "varchar":
        raise ValueError(f"a text mask does not apply to {column.type.text()}")
    return f"CAST({text} AS {w.type})" if column.type.params else text


def _alphanum(text: str, w: Writer) -> str:
    return w.replace_all(w.replace_all(text, "[^0-9(),.@-]", "x"), "[0-9]", "n")


def _mask_alphanum(_: Mask, column: Column, w: Writer) -> str:
    return _varchar(_alphanum(w.x, w), column, w)


def _show_first(_: Mask, column: Column, w: Writer) -> str:
    shown = w.call("substr", w.x, "1", "4")
    return _varchar(w.concat(shown, _alphanum(w.call("substr", w.x, "5"), w)), column, w)


def _show_last(_: Mask, column: Column, w: Writer) -> str:
    size = w.call("length", w.x)
    hidden = _alphanum(w.call("substr", w.x, "1", f"{size} - 4"), w)
    shown = w.call("substr", w.x, f"{size} - 3")
    text = f"CASE WHEN {size} <= 4 THEN {w.x} ELSE {w.concat(hidden, shown)} END"
    return _varchar(text, column, w)


def _partial(mask: Mask, column: Column, w: Writer) -> str:
    n, side = mask.param("n"), dict(mask.params).get("side", "last")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1 or side not in {"first", "last"}:
        raise ValueError("partial needs n and a side")
    size = w.call("length", w.x)
    stars = w.stars(f"{size} - {n}")
    if side == "first":
        kept = w.concat(w.call("substr", w.x, "1", str(n)), stars)
    else:
        kept = w.concat(stars, w.call("substr", w.x, f"{size} - {n} + 1"))
    long = f"{size} > {n + _PARTIAL_SLACK}"
    return _varchar(f"CASE WHEN {long} THEN {kept} ELSE {w.stars(size)} END", column, w)


def _email_domain(_: Mask, column: Column, w: Writer) -> str:
    size, at = w.call("length", w.x), w.call("strpos", w.x, "'@'")
    bare = w.call("length", w.call("replace", w.x, "'@'", "''"))
    domain = w.call("translate", w.call("substr", w.x, f"{at} + 1"), UPPER, LOWER)
    shown = w.concat(text_literal("***@"), domain)
    text = (
        f"CASE WHEN {w.x} IS NULL THEN NULL "
        f"WHEN {size} - {bare} = 1 AND {at} > 1 AND {at} < {size} THEN {shown} ELSE '***' END"
    )
    return _varchar(text, column, w)


def _regex(mask: Mask, column: Column, w: Writer) -> str:
    pattern, replacement = str(mask.param("pattern")), str(mask.param("replacement"))
    if not pattern.isascii() or "$" in replacement or "\\" in replacement:
        raise ValueError("regex pattern or replacement outside the portable form")
    return _varchar(w.replace_all(w.x, pattern, replacement), column, w)


def _bucket(mask: Mask, column: Column, w: Writer) -> str:
    width = mask.param("width")
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise ValueError("bucket needs a positive width")
    if column.type.base in {"real", "double"}:
        return f"CAST({w.call('floor', f'{w.x} / {width}')} * {width} AS {w.type})"
    if column.type.base not in INTEGERS | {"decimal"}:
        raise ValueError(f"bucket does not apply to {column.type.text()}")
    return f"TRY(CAST({w.x} - (({w.x} % {width}) + {width}) % {width} AS {w.type}))"


def _truncate(mask: Mask, column: Column, w: Writer) -> str:
    unit = _UNITS.get(mask.kind) or mask.param("unit")
    base = column.type.base
    if unit not in _TRUNCATED or base not in {"date", "timestamp", TZ}:
        raise ValueError(f"{mask.kind} does not apply to {column.type.text()}")
    if base == "date" and unit == "hour":
        raise ValueError("a date has no hour")
    if base == TZ:
        return w.truncate_utc(str(unit))
    text = w.call("date_trunc", f"'{unit}'", w.x)
    return text if w.engine == "trino" else f"CAST({text} AS {w.type})"


def _sha(_: Mask, column: Column, w: Writer) -> str:
    return _varchar(w.sha256(w.utf8(w.x)), column, w)


def _sha_local(_: Mask, column: Column, w: Writer) -> str:
    if not w.salt or set(w.salt) - set("0123456789abcdef") or len(w.salt) % 2:
        raise ValueError("a query's salt is lower-case hex")
    salted = w.concat(w.call("from_hex", f"'{w.salt}'"), w.utf8(w.x))
    return _varchar(w.sha256(salted), column, w)


def _constant(mask: Mask, column: Column, w: Writer) -> str:
    value = literal(mask.param("value"), column.type, w.engine)
    typed = f"CAST({value} AS {w.type})" if column.type.base == "varchar" else value
    return f"CASE WHEN {w.x} IS NOT NULL THEN {typed} END"


def _fixed(_: Mask, column: Column, w: Writer) -> str:
    if column.type.base == "varchar":
        return f"CAST('{_FIXED_TEXT}' AS {w.type})"
    zero: Scalar | None = 0 if column.type.base in INTEGERS else _FIXED.get(column.type.base)
    if zero is None:
        raise ValueError(f"mask-to-fixed-value does not apply to {column.type.text()}")
    return literal(zero, column.type, w.engine)


def _null(_: Mask, column: Column, w: Writer) -> str:
    return f"CAST(NULL AS {spell(column.type, w.engine)})"


_TEMPLATES: dict[str, Callable[[Mask, Column, Writer], str]] = {
    "sha-256-global": _sha,
    "show-first-4": _show_first,
    "show-last-4": _show_last,
    "partial": _partial,
    "email-domain": _email_domain,
    "regex": _regex,
    "mask-alphanum": _mask_alphanum,
    "bucket": _bucket,
    "truncate-to-month": _truncate,
    "truncate-to-year": _truncate,
    "date-trunc": _truncate,
    "token": lambda _, column, w: token(column, w),
    "keyed-hash": lambda _, column, w: _varchar(keyed_hash(column, w), column, w),
    "sha-256-query-local": _sha_local,
    "constant": _constant,
    "mask-to-fixed-value": _fixed,
    "replace-with-null": _null,
}
