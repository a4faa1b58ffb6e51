"""Arrow columns as Trino's JSON values, a whole column at a time.

Every function takes an Arrow array and gives an Arrow string array of the same length.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.datatypes import DataType
from gateway.protocol.floats import java_texts
from gateway.protocol.times import (
    date_texts,
    day_interval_texts,
    time_texts,
    timestamp_texts,
    year_interval_texts,
)

_INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
_SPECIAL = '[\\x00-\\x1f"\\\\]'
_CONTROL = "[\\x00-\\x1f]"


def json_texts(array: pa.Array, kind: DataType, *, precise: bool) -> pa.Array:
    """JSON text of each value, ``null`` for nulls.

    Args:
        array: values of one column, of the Arrow type its Trino type is carried in.
        kind: the column's Trino type.
        precise: True if the client takes date and time values of any precision
            (capability PARAMETRIC_DATETIME); otherwise they are rounded to milliseconds.

    """
    quoted, text = column_texts(array, kind, precise=precise)
    return _around('"', text, '"') if quoted else text


def column_texts(array: pa.Array, kind: DataType, *, precise: bool) -> tuple[bool, pa.Array]:
    """JSON text of each value, and whether quotes are still to be put around all of them."""
    if pa.types.is_null(array.type):
        return False, pa.array(["null"] * len(array), pa.string())
    nested = _NESTED.get(kind.base)
    if nested is not None:
        text = nested(array, kind, precise)
    elif kind.base in _BARE:
        text = _bare(array, kind)
    else:
        text = _escaped(plain_texts(array, kind, precise=precise), kind)
        if not text.null_count:
            return True, text
        text = _around('"', text, '"')
    return False, pc.fill_null(text, "null") if text.null_count else text


def plain_texts(array: pa.Array, kind: DataType, *, precise: bool) -> pa.Array:
    """Unquoted text of each scalar value; nulls stay null."""
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    return _PLAIN[kind.base](storage, kind, precise)


def escape(text: pa.Array) -> pa.Array:
    """Escape JSON strings as Jackson does: short forms, else upper-case hexadecimal."""
    if not pc.any(pc.match_substring_regex(text, _SPECIAL)).as_py():
        return text
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    if not pc.any(pc.match_substring_regex(text, _CONTROL)).as_py():
        return text
    for code in range(32):
        text = pc.replace_substring(text, chr(code), _ESCAPES.get(code, f"\\u{code:04X}"))
    return text


def _escaped(text: pa.Array, kind: DataType) -> pa.Array:
    return escape(text) if kind.base in _ESCAPED else text


def _around(before: str, text: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(before, text, after, "")


def _bare(array: pa.Array, kind: DataType) -> pa.Array:
    text = plain_texts(array, kind, precise=True)
    if kind.base not in {"real", "double"}:
        return text
    named = pc.invert(pc.is_finite(array))
    return pc.if_else(named, _around('"', text, '"'), text) if pc.any(named).as_py() else text


def _integer(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    whole = pa.types.is_integer(array.type) or pa.types.is_decimal(array.type)
    return (array if whole else array.cast(pa.int64())).cast(pa.string())


def _float(array: pa.Array, kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    return java_texts(array.cast(pa.float32() if kind.base == "real" else pa.float64()))


def _decimal(array: pa.Array, kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    text = array.cast(pa.decimal128(*kind.params)).cast(pa.string())
    tiny = pc.fill_null(pc.match_substring(text, "E"), fill_value=False)
    if not pc.any(tiny).as_py():
        return text
    wide = array.cast(pa.decimal128(*kind.params)).filter(tiny).to_pylist()
    return pc.replace_with_mask(text, tiny, pa.array([format(d, "f") for d in wide], pa.string()))


def _text(array: pa.Array, kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    text = array if pa.types.is_string(array.type) else array.cast(pa.string())
    return pc.utf8_rpad(text, kind.params[0]) if kind.base == "char" else text


def _boolean(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    return array.cast(pa.bool_()).cast(pa.string())


def _binary(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    return _each(array, lambda value: base64.b64encode(value).decode())


def _uuid(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    if pa.types.is_fixed_size_binary(array.type):
        return _each(array, lambda value: str(uuid.UUID(bytes=value)))
    return array.cast(pa.string())


def _each(array: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    """Value by value, for types Arrow has no kernel for."""
    values = [None if value is None else text(value) for value in array.to_pylist()]
    return pa.array(values, pa.string())


def _unknown(array: pa.Array, _kind: DataType, _precise: bool) -> pa.Array:  # noqa: FBT001
    return pa.nulls(len(array), pa.string())


def _array(array: pa.Array, kind: DataType, precise: bool) -> pa.Array:  # noqa: FBT001
    lists = array if pa.types.is_list(array.type) else array.cast(pa.list_(array.type.value_type))
    offsets, start, length = _window(lists)
    texts = json_texts(lists.values.slice(start, length), kind.children[0], precise=precise)
    return _around("[", _joined(offsets, texts, lists), "]")


def _map(array: pa.Array, kind: DataType, precise: bool) -> pa.Array:  # noqa: FBT001
    offsets, start, length = _window(array)
    key, value = kind.children
    keys = array.keys.slice(start, length)
    # Trino rounds values for old clients, but never keys.
    names = (
        pa.array([""] * length, pa.string())
        if key.base == "unknown"
        else _around('"', _escaped(plain_texts(keys, key, precise=True), key), '"')
    )
    values = json_texts(array.items.slice(start, length), value, precise=precise)
    pairs = pc.binary_join_element_wise(names, values, ":")
    return _around("{", _joined(offsets, pairs, array), "}")


def _row(array: pa.Array, kind: DataType, precise: bool) -> pa.Array:  # noqa: FBT001
    fields = zip(array.flatten(), kind.children, strict=True)
    texts = [json_texts(values, child, precise=precise) for values, child in fields]
    text = _around("[", pc.binary_join_element_wise(*texts, ","), "]")
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string()))


def _window(array: pa.Array) -> tuple[pa.Array, int, int]:
    """Offsets from zero, and the part of the children that this (maybe sliced) array spans."""
    offsets = array.offsets
    start, end = offsets[0].as_py(), offsets[len(offsets) - 1].as_py()
    return pc.subtract(offsets, start), start, end - start


def _joined(offsets: pa.Array, texts: pa.Array, lists: pa.Array) -> pa.Array:
    mask = lists.is_null() if lists.null_count else None
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts, mask=mask), ",")


Encoder = Callable[[Any, DataType, bool], Any]

_BARE = frozenset({"boolean", "real", "double", *_INTEGERS})
_ESCAPED = frozenset({"varchar", "char", "json"})
_NESTED: dict[str, Encoder] = {"array": _array, "map": _map, "row": _row}
_PLAIN: dict[str, Encoder] = {
    **dict.fromkeys(_INTEGERS, _integer),
    "boolean": _boolean,
    "real": _float,
    "double": _float,
    "decimal": _decimal,
    "varchar": _text,
    "char": _text,
    "json": _text,
    "varbinary": _binary,
    "uuid": _uuid,
    "date": date_texts,
    "time": time_texts,
    "timestamp": timestamp_texts,
    "timestamp with time zone": timestamp_texts,
    "interval day to second": day_interval_texts,
    "interval year to month": year_interval_texts,
    "unknown": _unknown,
}
SCALARS = frozenset(_PLAIN)
NESTED = frozenset(_NESTED)
