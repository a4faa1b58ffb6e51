"""Pages of every size and shape."""

from __future__ import annotations

import json
import math
import struct
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.protocol.pages import TARGET_BYTES, RowWriter, data_json
from gateway.protocol.types import require_encodable
from gateway.results import ResultColumn


def columns(*types):
    return [ResultColumn(f"c{i}", DataType.parse(text)) for i, text in enumerate(types)]


def write(types, *arrays, precise=True):
    batch = pa.RecordBatch.from_arrays(list(arrays), names=[f"c{i}" for i in range(len(arrays))])
    return list(RowWriter(columns(*types), precise=precise).chunks(batch))


def rows(chunks):
    return json.loads(data_json(chunks)) if chunks else []


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 4096])
def test_all_rows_come_in_order(count):
    numbers = list(range(count))
    chunks = write(
        ["bigint", "varchar"], pa.array(numbers, pa.int64()), pa.array([str(n) for n in numbers])
    )
    assert sum(chunk.rows for chunk in chunks) == count
    assert rows(chunks) == [[n, str(n)] for n in numbers]


def test_pages_end_near_the_target():
    chunks = write(["varchar"], pa.array(["x" * 1000] * 5000))
    assert len(chunks) in {5, 6}
    assert all(len(chunk.json) < TARGET_BYTES * 1.1 for chunk in chunks)
    assert sum(chunk.rows for chunk in chunks) == 5000


def test_values_that_grow_when_escaped_still_give_bounded_pages():
    chunks = write(["varchar"], pa.array(["\x01" * 1000] * 3000))
    assert all(len(chunk.json) < TARGET_BYTES * 1.1 for chunk in chunks)
    assert sum(chunk.rows for chunk in chunks) == 3000


def test_a_row_of_four_mebibytes_is_a_page_of_its_own():
    big = "y" * (4 << 20)
    chunks = write(["varchar"], pa.array(["a", big, "b"]))
    assert [row[0][:1] for row in rows(chunks)] == ["a", "y", "b"]
    assert len(rows(chunks)[1][0]) == 4 << 20


def test_three_thousand_columns():
    types = ["integer"] * 3000
    chunks = write(types, *[pa.array([i, None], pa.int32()) for i in range(3000)])
    assert rows(chunks) == [list(range(3000)), [None] * 3000]


def test_nested_nulls_survive_slices():
    values = [None, [], [None], [[1, None], None, []], [[None]]] * 40
    array = pa.array(values, pa.list_(pa.list_(pa.int32())))
    batch = pa.RecordBatch.from_arrays([array], names=["c0"]).slice(3, 150)
    writer = RowWriter(columns("array(array(integer))"), precise=True, target=64)
    assert rows(list(writer.chunks(batch))) == [[value] for value in values[3:153]]


def test_maps_and_rows_survive_slices():
    kind = pa.struct([("m", pa.map_(pa.string(), pa.struct([("x", pa.int32())])))])
    values = [None, {"m": None}, {"m": []}, {"m": [("k", None), ("l", {"x": 1})]}] * 20
    batch = pa.RecordBatch.from_arrays([pa.array(values, kind)], names=["c0"]).slice(1, 70)
    writer = RowWriter(columns("row(m map(varchar, row(x integer)))"), precise=True, target=50)
    shown = [None, [None], [{}], [{"k": None, "l": [1]}]] * 20
    assert rows(list(writer.chunks(batch))) == [[value] for value in shown[1:71]]


def test_list_layouts_of_other_writers():
    fixed = pa.array([[1, 2], None], pa.list_(pa.int32(), 2))
    large = pa.array([[1, 2], None], pa.large_list(pa.int32()))
    assert rows(write(["array(integer)"] * 2, fixed, large)) == [[[1, 2], [1, 2]], [None, None]]


def test_carriers_wider_than_the_type():
    sums = pa.array([7, None], pa.decimal128(38, 0))
    small = pa.array([7, None], pa.uint8())
    whole = pa.array([7, None], pa.int64())
    types = ["bigint", "smallint", "double", "decimal(12,2)"]
    assert rows(write(types, sums, small, whole, sums)) == [[7, 7, 7.0, "7.00"], [None] * 4]


def test_a_value_that_does_not_fit_its_type_is_an_internal_error():
    with pytest.raises(MeshgateError) as caught:
        write(["decimal(3,2)"], pa.array(["secret value"]))
    assert caught.value.name == "GENERIC_INTERNAL_ERROR"
    assert "secret" not in caught.value.message


def test_control_characters_are_escaped_as_jackson_does():
    chunks = write(["varchar"], pa.array(['\x1f\b\f\r"\\ \u2028']))
    assert chunks[0].json == '"\\u001F\\b\\f\\r\\"\\\\ \u2028"'.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9999999.0, "9999999.0"),
        (2e-323, "2.0E-323"),
        (-1e7, "-1.0E7"),
        (1e23, "1.0E23"),
        (0.0009999, "9.999E-4"),
        (1234567890123456.7, "1.2345678901234568E15"),
    ],
)
def test_doubles_read_as_in_java(number, text):
    assert write(["double"], pa.array([number]))[0].json.decode() == text


@given(st.lists(st.floats(width=64) | st.none(), min_size=1, max_size=50))
@settings(max_examples=200, deadline=None)
def test_doubles_come_back(numbers):
    found = [row[0] for row in rows(write(["double"], pa.array(numbers, pa.float64())))]
    back = [None if shown is None else float(shown) for shown in found]
    assert all(
        a == b or (a is not None and math.isnan(a) and math.isnan(b))
        for a, b in zip(numbers, back, strict=True)
    )


@given(st.lists(st.text() | st.none(), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_texts_come_back(texts):
    if any(text and not _encodable(text) for text in texts):
        return
    assert [row[0] for row in rows(write(["varchar"], pa.array(texts, pa.string())))] == texts


def _encodable(text):
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def test_far_timestamps_read_as_in_java():
    micros = pa.array([253402300800000000, -62198755200000001, 10**18], pa.int64())
    shown = rows(write(["timestamp(6)"], micros.cast(pa.timestamp("us"))))
    assert [row[0] for row in shown] == [
        "+10000-01-01 00:00:00.000000",
        "-0002-12-31 23:59:59.999999",
        "+33658-09-27 01:46:40.000000",
    ]


def test_map_with_structured_keys_and_unprintable_types_are_refused_before_running():
    for text in ["map(array(integer),integer)", "array(map(row(a integer),varchar))"]:
        with pytest.raises(MeshgateError) as caught:
            require_encodable(columns(text))
        assert caught.value.name == "NOT_SUPPORTED"
    require_encodable(columns("map(varchar,array(map(bigint,row(x double))))"))


def test_writing_by_column_is_much_faster_than_by_value():
    count = 20_000
    arrays = [
        pa.array(range(count), pa.int64()),
        pa.array([f"name {i}" for i in range(count)]),
        pa.array([i / 7 for i in range(count)], pa.float64()),
        pa.array(range(count), pa.int64()).cast(pa.timestamp("us")),
    ]
    types = ["bigint", "varchar", "double", "timestamp(6)"]
    write(types, *arrays)
    started = time.process_time()
    chunks = write(types, *arrays)
    fast = time.process_time() - started
    started = time.process_time()
    slow = json.dumps([[_slow(v) for v in row] for row in zip(*arrays, strict=True)])
    assert time.process_time() - started > fast * 5
    assert len(json.loads(slow)) == sum(chunk.rows for chunk in chunks) == count


def _slow(value):
    plain = value.as_py()
    return plain if isinstance(plain, (int, float, str)) else str(plain)


def test_floats_keep_their_shortest_text():
    number = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert write(["real"], pa.array([number], pa.float32()))[0].json == b"0.1"
