"""Columns from one seeded ``random.Random``: the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class DemoTable:
    """One table to write, and its history.

    ``first`` is the first append; ``later`` a second one, whose additional columns evolve the
    schema; ``correction`` replaces every row that ``corrects`` (an Iceberg row filter) selects,
    after the state before it was tagged ``tag``. ``month`` names the column to partition by.
    """

    name: str
    first: pa.Table
    comment: str
    docs: Mapping[str, str] = field(default_factory=dict)
    month: str | None = None
    later: pa.Table | None = None
    corrects: str = ""
    correction: pa.Table | None = None
    tag: str | None = None

    @property
    def parts(self) -> tuple[pa.Table, ...]:
        """All rows ever written."""
        return tuple(p for p in (self.first, self.later, self.correction) if p is not None)


class Chance:
    """Bulk randomness; only ``getrandbits``, whose sequence Python guarantees."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - demo data, not secrets

    def below(self, bound: int, size: int) -> Ints:
        """Give ``size`` whole numbers from 0 to ``bound`` - 1."""
        bits = self._random.getrandbits(_WORD_BITS * size)
        words = np.frombuffer(bits.to_bytes(4 * size, "little"), dtype="<u4")
        return ((words.astype(np.uint64) * np.uint64(bound)) >> np.uint64(_WORD_BITS)).astype(
            np.int64
        )

    def flags(self, per_thousand: int, size: int) -> Flags:
        """Give ``size`` booleans, true for so many of a thousand."""
        return self.below(1000, size) < per_thousand

    def pick(self, options: Sequence[str | None], size: int) -> pa.Array:
        """Give ``size`` of the options; repeat one to make it more frequent."""
        return pa.array(options, pa.string()).take(pa.array(self.below(len(options), size)))


def words(text: str) -> tuple[str, ...]:
    """Give the words of a text."""
    return tuple(text.split())


def digits(numbers: Ints, width: int) -> pa.Array:
    """Give numbers as text with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def joined(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    """Join texts row by row; NULL where any part is NULL."""
    return pc.binary_join_element_wise(*parts, separator)


def nulled(values: pa.Array, where: Flags) -> pa.Array:
    """Put NULL where the flag is set."""
    return pc.if_else(pa.array(where), pa.scalar(None, values.type), values)


def replaced(values: pa.Array, where: Flags, text: str) -> pa.Array:
    """Put a text where the flag is set."""
    return pc.if_else(pa.array(where), text, values)


def decimals(unscaled: Ints, precision: int, scale: int) -> pa.Array:
    """Give ``decimal(precision, scale)`` from whole numbers of the last digit."""
    halves = np.stack([unscaled, unscaled >> 63], axis=1).astype("<i8")
    kind = pa.decimal128(precision, scale)
    return pa.Array.from_buffers(kind, len(unscaled), [None, pa.py_buffer(halves.tobytes())])


def dates(days: Ints) -> pa.Array:
    """Give dates from days since 1970."""
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def instants(seconds: Ints, zone: str | None = "UTC") -> pa.Array:
    """Give timestamps of microseconds from seconds since 1970; without ``zone`` zoneless."""
    return pa.array(seconds * 1_000_000).cast(pa.timestamp("us", zone))


def integers(numbers: Ints) -> pa.Array:
    """Give 32-bit integers."""
    return pa.array(numbers.astype(np.int32))


def table(required: Sequence[str], **columns: Any) -> pa.Table:  # noqa: ANN401 - Arrow arrays
    """Make a table; the ``required`` columns hold no NULL."""
    arrays = {
        name: c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c
        for name, c in columns.items()
    }
    fields = [
        pa.field(name, values.type, nullable=name not in required)
        for name, values in arrays.items()
    ]
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields))
