"""An error of a cluster keeps its name, never a text that may carry data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.failures import scrubbed
from gateway.errors import ERRORS

_SECRET = "999-12-3456"


@given(
    st.one_of(st.sampled_from(sorted(ERRORS)), st.text(max_size=12)),
    st.sampled_from(
        (
            "Cannot cast '{}' to BIGINT",
            "line 1:8: Column '{}' cannot be resolved",
            "Division by zero {}",
            "Query exceeded the maximum run time limit of {}s",
            "Cannot apply operator: {} + integer",
            "Cannot apply operator: varchar '{}' + integer",
            "Query exceeded maximum time limit of 1.00m\n{}",
            "{}",
        )
    ),
)
def test_no_text_with_data_passes(name: str, text: str) -> None:
    error = scrubbed(name, text.format(_SECRET))
    assert _SECRET not in error.message
    assert _SECRET not in str(dict(error.audit))
    assert error.message


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "EXCEEDED_TIME_LIMIT",
            "Query exceeded the maximum run time limit of 2.00s",
            "Query exceeded the maximum run time limit of 2.00s",
        ),
        (
            "TYPE_MISMATCH",
            "line 3:9: Cannot apply operator: integer + varchar(1)",
            "Cannot apply operator: integer + varchar(1)",
        ),
        ("DIVISION_BY_ZERO", "Division by zero", "Division by zero"),
    ],
)
def test_texts_of_types_and_limits_pass_without_their_place(
    name: str, text: str, told: str
) -> None:
    error = scrubbed(name, text)
    assert (error.name, error.message, error.line) == (name, told, None)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("INVALID_CAST_ARGUMENT", "INVALID_CAST_ARGUMENT"),
        ("COLUMN_NOT_FOUND", "GENERIC_INTERNAL_ERROR"),
        ("SYNTAX_ERROR", "GENERIC_INTERNAL_ERROR"),
        ("PERMISSION_DENIED", "GENERIC_INTERNAL_ERROR"),
        ("TABLE_NOT_FOUND", "CONFIGURATION_UNAVAILABLE"),
        ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE"),
        ("ICEBERG_BAD_DATA", "CONFIGURATION_UNAVAILABLE"),
        ("NO_SUCH_NAME", "GENERIC_INTERNAL_ERROR"),
    ],
)
def test_names_are_kept_where_a_client_can_act(theirs: str, ours: str) -> None:
    error = scrubbed(theirs, f"line 1:8: '{_SECRET}'")
    assert error.name == ours
    assert error.audit["engine_error"] == theirs
