"""SHOW STATS: the visible columns in Trino's shape, every statistic unknown.

Engines count hidden rows and unmasked values in theirs (lowest, highest, how many), so what
they know of a table is not told; NULL is Trino's own word for what is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gateway.datatypes import DataType
from gateway.results import Answer, ResultColumn

_VARCHAR, _DOUBLE = DataType("varchar"), DataType("double")
COLUMNS = (
    ResultColumn("column_name", _VARCHAR),
    ResultColumn("data_size", _DOUBLE),
    ResultColumn("distinct_values_count", _DOUBLE),
    ResultColumn("nulls_fraction", _DOUBLE),
    ResultColumn("row_count", _DOUBLE),
    ResultColumn("low_value", _VARCHAR),
    ResultColumn("high_value", _VARCHAR),
)
_ARROW = {"varchar": pa.string(), "double": pa.float64()}


def statistics(names: Sequence[str]) -> Answer:
    """One row for each column, and the last one for the rows as a whole."""
    found: list[str | None] = [*names, None]
    unknown = [None] * len(found)
    arrays = [
        pa.array(found if column.name == "column_name" else unknown, _ARROW[column.type.base])
        for column in COLUMNS
    ]
    return Answer(COLUMNS, pa.table(arrays, names=[column.name for column in COLUMNS]))
