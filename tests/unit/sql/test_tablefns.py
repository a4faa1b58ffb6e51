"""Table functions: numbers are governed as UNNEST, all others refused one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.functions import TABLE_FUNCTIONS
from gateway.sql.tablefns import MAX_NUMBERS
from tests.oracle.embedded import Embedded, values
from tests.unit.sql.front import bound, refusal

REFUSED = sorted(name for name, reason in TABLE_FUNCTIONS.items() if reason)
FORMS = [
    "TABLE({name}('x'))",
    "TABLE({name}(query => 'SELECT * FROM hr.people'))",
    "TABLE(lake.system.{name}(query => 'SELECT 1'))",
    'TABLE("{name}"(input => TABLE(orders), columns => DESCRIPTOR(ssn)))',
    "orders o, TABLE(NoWhere.System.{name}())",
    "orders o CROSS JOIN (members CROSS JOIN TABLE({name}('x')))",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", REFUSED)
def test_every_other_is_refused_wherever_it_stands(name: str, form: str) -> None:
    told = refusal(f"SELECT 1 FROM {form.format(name=name.upper())}")
    assert told.startswith("NOT_SUPPORTED")
    assert str(TABLE_FUNCTIONS[name]) in told


def test_only_sequence_is_governed() -> None:
    assert {name for name, reason in TABLE_FUNCTIONS.items() if reason is None} == {"sequence"}


@pytest.mark.parametrize("name", ["nowhere", "lake.system.nowhere", "unnest_all", "abs"])
def test_what_no_server_has_reads_as_in_trino(name: str) -> None:
    told = refusal(f"SELECT 1 FROM TABLE({name}(1))")
    assert told.endswith(f"line 1:21: Table function '{name}' not registered")


@pytest.mark.parametrize(
    "bound_",
    ["id", "?", "1 + 1", "(SELECT 1)", "'5'", "1.0", "1e1", "CAST(1 AS bigint)", "now()", "--1"],
)
def test_bounds_are_whole_numbers(bound_: str) -> None:
    told = refusal(f"SELECT 1 FROM orders, TABLE(sequence(1, {bound_}))")
    assert told != "accepted"
    assert "sequential_number" not in told


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 5000])
def test_numbers_beyond_bigint_are_refused(number: str) -> None:
    assert refusal(f"SELECT 1 FROM TABLE(sequence({number}, 1))").startswith("SYNTAX_ERROR")


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ("", "INVALID_ARGUMENTS: line 1:21: Missing argument: STOP"),
        ("start => 1", "INVALID_ARGUMENTS: line 1:21: Missing argument: STOP"),
        ("stop => 1, stop => 2", "INVALID_ARGUMENTS"),
        ("stop => 1, sep => 2", "INVALID_ARGUMENTS"),
        ("1, 2, 3, 4", "INVALID_ARGUMENTS"),
        ("1, stop => 2", "INVALID_ARGUMENTS"),
        ("stop => 1, 2", "INVALID_ARGUMENTS"),
        (
            "1, 5, 0",
            "INVALID_FUNCTION_ARGUMENT: line 1:21: Step must be positive for sequence [1, 5]",
        ),
        ("5, 1", "INVALID_FUNCTION_ARGUMENT: line 1:21: Step must be negative for sequence [5, 1]"),
        ("1, 10001", "NOT_SUPPORTED"),
        ("1, 5) x", "SYNTAX_ERROR"),
        ("1, 5 COPARTITION (a)", "SYNTAX_ERROR"),
    ],
)
def test_wrong_calls_read_as_in_trino(given_: str, error: str) -> None:
    assert refusal(f"SELECT 1 FROM TABLE(sequence({given_}))").startswith(error)


def test_a_name_of_the_text_is_not_captured() -> None:
    text = bound(
        "SELECT (SELECT max(sequence.id) FROM TABLE(sequence(1, 2)) AS n) FROM orders AS sequence"
    )
    assert 'max("sequence"."id")' in text
    assert refusal("SELECT sequence.sequential_number FROM TABLE(sequence(1, 2))").startswith(
        "COLUMN_NOT_FOUND"
    )


def test_hidden_columns_are_not_reached_past_it() -> None:
    told = refusal("SELECT (SELECT max(ssn) FROM TABLE(sequence(1, 2))) FROM orders")
    assert told.startswith("COLUMN_NOT_FOUND")


@given(
    st.integers(-(2**40), 2**40), st.integers(-50, 50), st.integers(-7, 7).filter(bool)
)  # fmt: skip
def test_answers_are_those_of_trino(first: int, distance: int, step: int) -> None:
    last = first + distance
    sql = f"SELECT x FROM TABLE(sequence({first}, {last}, {step})) AS t(x) ORDER BY x"
    told = refusal(sql)
    if distance and (distance > 0) != (step > 0):
        assert told.startswith("INVALID_FUNCTION_ARGUMENT")
        return
    engine = Embedded({})
    made = engine.translate(sql)
    numbers = range(first, last + (1 if step > 0 else -1), step) if distance else [first]
    assert [row[0] for row in values(engine.run(made), made)] == sorted(numbers)


def test_as_many_numbers_as_an_array_holds() -> None:
    assert refusal(f"SELECT 1 FROM TABLE(sequence(1, {MAX_NUMBERS}))") == "accepted"
    assert refusal(f"SELECT 1 FROM TABLE(sequence(0, {MAX_NUMBERS}))").startswith("NOT_SUPPORTED")
