"""Row filters over Arrow batches: three-valued, literals exactly of the column's type.

This is the security barrier of the embedded engine. Hidden rows are dropped here, before
any SQL engine sees them, so no expression of a query can fail on them or compare them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.policy.model import CompoundCondition, Condition, FieldCondition, Scalar

Kleene = Callable[[pa.RecordBatch], Any]
"""A batch's rows → boolean array (or scalar), NULL for UNKNOWN."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": pc.equal,
    "ne": pc.not_equal,
    "lt": pc.less,
    "lte": pc.less_equal,
    "gt": pc.greater,
    "gte": pc.greater_equal,
}
_TEXT: dict[str, Callable[..., Any]] = {
    "startswith": pc.starts_with,
    "endswith": pc.ends_with,
    "contains": pc.match_substring,
}
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?")
_CLOCK = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d+))?", re.ASCII)
_MICROSECOND_DIGITS = 6


class RowFilter:
    """One compiled condition. Raises ValueError where it does not fit the columns."""

    def __init__(self, condition: Condition, schema: pa.Schema) -> None:
        self._evaluate = _compile(condition, schema)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Keep the rows for which the condition is TRUE; the batch itself if all are."""
        mask = self._evaluate(batch)
        if isinstance(mask, pa.Scalar):
            return batch if mask.as_py() is True else batch.slice(0, 0)
        passing = mask.true_count
        if passing == batch.num_rows:
            return batch
        if passing == 0:
            return batch.slice(0, 0)
        return batch.filter(mask, null_selection_behavior="drop")


def fields(condition: Condition) -> frozenset[str]:
    """Return the columns a condition reads."""
    if isinstance(condition, FieldCondition):
        return frozenset([condition.field])
    return frozenset[str]().union(*(fields(part) for part in condition.parts))


def _compile(condition: Condition, schema: pa.Schema) -> Kleene:
    if isinstance(condition, FieldCondition):
        return _field(condition, schema)
    return _compound(condition, [_compile(part, schema) for part in condition.parts])


def _compound(condition: CompoundCondition, parts: list[Kleene]) -> Kleene:
    match condition.operator, parts:
        case "not", [part]:
            return lambda batch: pc.invert(part(batch))
        case "and", [first, *others]:
            return _fold(pc.and_kleene, first, others)
        case "or", [first, *others]:
            return _fold(pc.or_kleene, first, others)
    raise ValueError(f"unknown condition {condition.operator} of {len(parts)}")


def _fold(join: Callable[[Any, Any], Any], first: Kleene, others: list[Kleene]) -> Kleene:
    def evaluate(batch: pa.RecordBatch) -> Any:  # noqa: ANN401 - array or scalar
        result = first(batch)
        for part in others:
            result = join(result, part(batch))
        return result

    return evaluate


def _field(condition: FieldCondition, schema: pa.Schema) -> Kleene:
    index = schema.get_field_index(condition.field)
    if index < 0:
        raise ValueError("a row filter names a column the scan does not read")
    kind = schema.field(index).type
    operator, value = condition.operator, condition.value
    if operator == "is_null" and isinstance(value, bool):
        test = pc.is_null if value else pc.is_valid
        return lambda batch: test(batch.column(index))
    if operator in {"in", "nin"} and isinstance(value, tuple):
        return _membership(operator, index, kind, value)
    if operator in _COMPARE and not isinstance(value, tuple):
        compare, wanted = _COMPARE[operator], literal(value, kind)
        return lambda batch: compare(plain(batch.column(index)), wanted)
    if operator in _TEXT and isinstance(value, str) and is_text(kind):
        search = _TEXT[operator]
        return lambda batch: search(batch.column(index), pattern=value)
    raise ValueError(f"operator {operator} does not apply to {kind}")


def _membership(operator: str, index: int, kind: pa.DataType, value: tuple[Scalar, ...]) -> Kleene:
    if not value:
        if operator == "in":
            return lambda _: pa.scalar(False)  # noqa: FBT003 - the truth value
        raise ValueError("nin of an empty list would let every row pass")
    wanted = pa.array([literal(v, kind).as_py() for v in value], plain_type(kind))
    unknown = pa.scalar(None, pa.bool_())

    def evaluate(batch: pa.RecordBatch) -> Any:  # noqa: ANN401 - a boolean array
        column = plain(batch.column(index))
        found = pc.is_in(column, value_set=wanted)
        if column.null_count:
            found = pc.if_else(pc.is_valid(column), found, unknown)
        return found if operator == "in" else pc.invert(found)

    return evaluate


def is_text(kind: pa.DataType) -> bool:
    """Whether LIKE-style operators apply."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the storage type where compute functions know no extension types."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def plain(column: pa.Array) -> pa.Array:
    """Return the storage of an extension array, any other array as it is."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def literal(value: Scalar, kind: pa.DataType) -> pa.Scalar:
    """Make a typed scalar of a policy's value; raises ValueError, nothing is coerced."""
    if pa.types.is_boolean(kind):
        return pa.scalar(value, kind) if isinstance(value, bool) else _misfit(kind)
    if pa.types.is_integer(kind):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return _typed(value, kind) if whole else _misfit(kind)
    if not isinstance(value, str):
        return _misfit(kind)
    return (
        pa.scalar(value, kind) if is_text(kind) else _typed(_parse(value, kind), plain_type(kind))
    )


def _typed(value: Any, kind: pa.DataType) -> pa.Scalar:  # noqa: ANN401 - checked by Arrow
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, OverflowError, TypeError):
        return _misfit(kind)


def _parse(text: str, kind: pa.DataType) -> Any:  # noqa: ANN401 - one Python type per column type
    reader = next((read for applies, read in _READERS if applies(kind)), None)
    if reader is None:
        return _misfit(kind)
    try:
        return reader(text, kind)
    except (ValueError, ArithmeticError):
        return _misfit(kind)


def _float(text: str, _: pa.DataType) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a finite number")
    return float(text)


def _timestamp(text: str, kind: pa.DataType) -> datetime:
    zoned = kind.tz is not None
    found = _ISO.fullmatch(text)
    if not found or bool(found.group(4)) is not zoned:
        raise ValueError("not a timestamp of this kind")
    moment = datetime.fromisoformat(
        f"{found.group(1)}T{found.group(2)}.{_microseconds(found.group(3))}"
    )
    return moment.replace(tzinfo=UTC) if zoned else moment


def _time(text: str, _: pa.DataType) -> time:
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError("not a time")
    return time.fromisoformat(f"{found.group(1)}.{_microseconds(found.group(2))}")


def _microseconds(digits: str | None) -> str:
    given = (digits or "").rstrip("0")
    if len(given) > _MICROSECOND_DIGITS:
        raise ValueError("finer than microseconds")
    return given.ljust(_MICROSECOND_DIGITS, "0")


def _misfit(kind: pa.DataType) -> Any:  # noqa: ANN401 - never returns
    raise ValueError(f"a value of a row filter does not fit {kind}")


_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str, pa.DataType], Any]], ...] = (
    (pa.types.is_decimal, lambda text, _: Decimal(text)),
    (pa.types.is_floating, _float),
    (pa.types.is_date, lambda text, _: date.fromisoformat(text)),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time, _time),
    (lambda kind: isinstance(kind, pa.UuidType), lambda text, _: uuid.UUID(text).bytes),
)
