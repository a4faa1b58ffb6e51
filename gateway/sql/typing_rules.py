"""Trino's type rules: literals, common super types, coercions, decimal arithmetic."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.datatypes import DataType

BOOLEAN, DATE, DOUBLE, REAL = map(DataType, ("boolean", "date", "double", "real"))
TINYINT, SMALLINT, INTEGER, BIGINT = map(DataType, ("tinyint", "smallint", "integer", "bigint"))
VARCHAR, VARBINARY, UNKNOWN, JSON = map(DataType, ("varchar", "varbinary", "unknown", "json"))
DAY_INTERVAL = DataType("interval day to second")
MONTH_INTERVAL = DataType("interval year to month")
INTEGERS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
"""Integer types by the decimal digits they coerce to, narrowest first."""
FLOATS = frozenset({"real", "double"})
NUMERIC = frozenset({*INTEGERS, "decimal", *FLOATS})
MAX_DIGITS = 38
_ORDER = [*INTEGERS, "decimal", "real", "double"]


def varchar(length: int | None) -> DataType:
    """``varchar(n)``, or the unbounded one for None."""
    return VARCHAR if length is None else DataType("varchar", (length,))


def decimal(precision: int, scale: int) -> DataType:
    """``decimal(p, s)`` with the precision capped as Trino caps it."""
    return DataType("decimal", (min(MAX_DIGITS, precision), scale))


def timestamp(precision: int) -> DataType:
    """``timestamp(p)``."""
    return DataType("timestamp", (precision,))


def array_of(element: DataType) -> DataType:
    """``array(T)``."""
    return DataType("array", (), ((None, element),))


def map_of(key: DataType, value: DataType) -> DataType:
    """``map(K, V)``."""
    return DataType("map", (), ((None, key), (None, value)))


def row_of(children: Iterable[DataType]) -> DataType:
    """``row(…)`` without field names."""
    return DataType("row", (), tuple((None, child) for child in children))


def decimal_literal(text: str) -> DataType | None:
    """Type of a decimal literal's text (``1.50`` is decimal(3,2)); None if it is not one."""
    found = re.fullmatch(r"[+-]?(\d*)(?:\.(\d*))?", text)
    if not found or not (found.group(1) or found.group(2)):
        return None
    whole, fraction = found.group(1).lstrip("0"), found.group(2) or ""
    precision = len(whole) + len(fraction)
    if not precision:
        precision = 1
    return DataType("decimal", (precision, len(fraction))) if precision <= MAX_DIGITS else None


def as_decimal(kind: DataType) -> DataType | None:
    """See an integer or decimal type as the decimal it coerces to."""
    if kind.base == "decimal":
        return kind
    digits = INTEGERS.get(kind.base)
    return DataType("decimal", (digits, 0)) if digits else None


def common_type(left: DataType, right: DataType) -> DataType | None:
    """Trino's common super type, None if there is none."""
    if left == right or right.base == "unknown":
        return left
    if left.base == "unknown":
        return right
    if left.base == right.base:
        return _same_base(left, right)
    if left.base in NUMERIC and right.base in NUMERIC:
        return _numeric(left, right)
    return _times(left, right) or _times(right, left)


def _same_base(left: DataType, right: DataType) -> DataType | None:
    if left.base == "decimal":
        (p1, s1), (p2, s2) = left.params, right.params
        scale = max(s1, s2)
        return decimal(max(p1 - s1, p2 - s2) + scale, scale)
    if left.base == "varchar":
        bounded = left.params and right.params
        return varchar(max(left.params[0], right.params[0])) if bounded else VARCHAR
    if left.base in {"timestamp", "time", "timestamp with time zone", "char"}:
        return DataType(left.base, max(left.params, right.params))
    if len(left.fields) != len(right.fields):
        return None
    return _nested(left, right)


def _nested(left: DataType, right: DataType) -> DataType | None:
    fields: list[tuple[str | None, DataType]] = []
    for (name, one), (other_name, other) in zip(left.fields, right.fields, strict=True):
        child = common_type(one, other)
        if child is None:
            return None
        fields.append((name if name == other_name else None, child))
    return DataType(left.base, left.params, tuple(fields)) if fields else None


def _numeric(left: DataType, right: DataType) -> DataType | None:
    low, high = sorted((left, right), key=lambda kind: _ORDER.index(kind.base))
    if high.base != "decimal":
        return high
    exact = as_decimal(low)
    return None if exact is None else _same_base(exact, high)


def _times(low: DataType, high: DataType) -> DataType | None:
    if low.base == "date" and high.base in {"timestamp", "timestamp with time zone"}:
        return high
    if low.base == "timestamp" and high.base == "timestamp with time zone":
        return DataType(high.base, max(low.params, high.params))
    return None


def common_of(kinds: Iterable[DataType]) -> DataType | None:
    """Common super type of several types, None if there is none."""
    found: DataType | None = UNKNOWN
    for kind in kinds:
        found = None if found is None else common_type(found, kind)
    return found


def coercible(source: DataType, target: DataType) -> bool:
    """Whether Trino converts implicitly."""
    if source.base == "row" and target.base == "row":
        pairs = zip(source.children, target.children, strict=False)
        same = len(source.fields) == len(target.fields)
        return same and all(coercible(one, other) for one, other in pairs)
    return common_type(source, target) == target


def arithmetic(operator: str, left: DataType, right: DataType) -> DataType | None:
    """Type of ``+ - * / %`` on two decimals; None where Trino has no such decimal."""
    (p1, s1), (p2, s2) = left.params, right.params
    scale = max(s1, s2)
    if operator in "+-":
        return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)
    if operator == "*":
        return decimal(p1 + p2, s1 + s2) if s1 + s2 <= MAX_DIGITS else None
    if operator == "/":
        return decimal(p1 + s2 + max(0, s2 - s1), scale)
    return decimal(min(p1 - s1, p2 - s2) + scale, scale)
