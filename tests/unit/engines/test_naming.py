"""Which Trino error an exception inside a worker stands for."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from gateway.engines.naming import name_of


@pytest.mark.parametrize(
    ("late", "other", "expression", "name"),
    [
        ("'x'", "'1'", "CAST({} AS INTEGER)", "INVALID_CAST_ARGUMENT"),
        (str(2**63 - 1), "1", "{} + range", "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("'MG:DIVISION_BY_ZERO'", "'1'", "CAST({} AS INTEGER)", "DIVISION_BY_ZERO"),
    ],
)
def test_an_error_behind_the_first_rows_keeps_its_name(late, other, expression, name):
    """Arrow raises it as an OSError, which must not pass for a file that cannot be read."""
    con = duckdb.connect(config={"threads": 1})
    value = expression.format(f"CASE WHEN range = 2999999 THEN {late} ELSE {other} END")
    reader = con.sql(f"SELECT {value} FROM range(3000000)").to_arrow_reader(10_000)
    with pytest.raises(OSError, match="Error: ") as raised:
        for _ in reader:
            pass
    assert name_of(raised.value) == name
    con.close()


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError("[Errno 2] No such file or directory"), "CONFIGURATION_UNAVAILABLE"),
        (OSError("Out of Memory Error: could not allocate"), "EXCEEDED_LOCAL_MEMORY_LIMIT"),
        (OSError("INTERRUPT Error: Interrupted!"), "USER_CANCELED"),
        (OSError("Not implemented Error: x"), "NOT_SUPPORTED"),
        (pa.ArrowInvalid("anything else"), "GENERIC_INTERNAL_ERROR"),
        (duckdb.ConversionException("Conversion Error: x"), "INVALID_CAST_ARGUMENT"),
    ],
)
def test_errors_are_named(error, name):
    assert name_of(error) == name
