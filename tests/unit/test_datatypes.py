from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.datatypes import DataType

PLAIN = "boolean tinyint smallint integer bigint real double varchar varbinary date json uuid"
SCALARS = st.sampled_from(
    [DataType.parse(name) for name in re.findall(r"\w+", PLAIN)]
    + [DataType("unknown"), DataType("varchar", (7,)), DataType("char", (3,))]
    + [DataType("decimal", (12, 2)), DataType("time", (6,)), DataType("timestamp", (3,))]
    + [DataType("timestamp with time zone", (6,)), DataType("time with time zone", (3,))]
    + [DataType("interval day to second"), DataType("interval year to month")]
)
NAMES = st.one_of(st.none(), st.sampled_from(["a", "select", "Mixed", 'q"uote', "two words"]))


def _nested(inner: st.SearchStrategy[DataType]) -> st.SearchStrategy[DataType]:
    return st.one_of(
        inner.map(lambda child: DataType("array", (), ((None, child),))),
        st.tuples(inner, inner).map(lambda kv: DataType("map", (), ((None, kv[0]), (None, kv[1])))),
        st.lists(st.tuples(NAMES, inner), min_size=1, max_size=4).map(
            lambda fields: DataType("row", (), tuple(fields))
        ),
    )


@given(st.recursive(SCALARS, _nested, max_leaves=8))
def test_both_spellings_read_back(kind: DataType) -> None:
    assert DataType.parse(kind.text()) == kind
    assert DataType.parse(kind.compact()) == kind


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('row("Zip x" int, "order" int, a int)', "row(Zip x integer, order integer, a integer)"),
        ('map(varchar, array(row("A" decimal(3, 1))))', "map(varchar, array(row(A decimal(3,1))))"),
        ("row(integer, date)", "row(integer, date)"),
        ("timestamp(6) with time zone", "timestamp(6) with time zone"),
        ("interval year to month", "interval year to month"),
    ],
)
def test_metadata_quotes_no_names(text: str, shown: str) -> None:
    """As Trino 476's ``typeof`` and DESCRIBE answer."""
    assert DataType.parse(text).display() == shown


@pytest.mark.parametrize(
    ("text", "spelled", "compact"),
    [
        ("decimal(12,2)", "decimal(12, 2)", "decimal(12,2)"),
        ("DECIMAL(5)", "decimal(5, 0)", "decimal(5,0)"),
        ("timestamp", "timestamp(3)", "timestamp(3)"),
        ("int", "integer", "integer"),
        ("varchar(2147483647)", "varchar", "varchar"),
        ("interval day to second", "INTERVAL DAY TO SECOND", "interval day to second"),
        (
            'row(a integer, "select" varchar)',
            'row(a integer, "select" varchar)',
        )
        * 1
        + ('row(a integer, "select" varchar)',),
    ],
)
def test_spellings_are_trinos(text: str, spelled: str, compact: str) -> None:
    kind = DataType.parse(text)
    assert (kind.text(), kind.compact()) == (spelled, compact)


@pytest.mark.parametrize(
    "text",
    ["", "text", "varchar(1,2)", "decimal(1,2,3)", "array", "map(bigint)", "row()", "bigint x"],
)
def test_what_is_not_a_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="type"):
        DataType.parse(text)
