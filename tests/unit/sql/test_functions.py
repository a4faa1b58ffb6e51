"""The closed list of functions."""

from __future__ import annotations

from gateway.sql.functions import FUNCTIONS, SIGNATURES


def test_names_are_lower_case_and_kinds_known():
    assert all(name == row.name == name.lower() for name, row in FUNCTIONS.items())
    assert {row.kind for row in FUNCTIONS.values()} == {"scalar", "aggregate", "window"}


def test_exactly_four_functions_answer_differently_each_time():
    changing = {row.name for row in FUNCTIONS.values() if not row.deterministic}
    assert changing == {"rand", "random", "shuffle", "uuid"}


def test_refused_functions_say_why():
    assert "hidden cells" in (FUNCTIONS["fail"].refused_because or "")
    assert FUNCTIONS["abs"].refused_because is None


def test_what_is_not_trinos_is_not_listed():
    for name in ("left", "instr", "ascii", "initcap", "ends_with", "to_date", "query_table"):
        assert name not in FUNCTIONS


def test_every_form_belongs_to_a_listed_function():
    assert set(SIGNATURES) <= set(FUNCTIONS)
