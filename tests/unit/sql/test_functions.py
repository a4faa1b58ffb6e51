"""The closed list of functions, against what the pinned Trino lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.sql.functions import FUNCTIONS, SIGNATURES, TABLE_FUNCTIONS
from gateway.sql.reader.vocabulary import known_function
from gateway.sql.sessionfns import SESSION_NAMES
from tests.unit.sql.front import refusal

SPECIAL_FORMS = {"format", "grouping", "if", "position", "try"}
"""Calls that Trino's grammar or analyzer knows by themselves; SHOW FUNCTIONS leaves them out."""


@dataclass(frozen=True)
class Listed:
    """One overload as the server lists it."""

    name: str
    returns: str
    arguments: str
    kind: str
    deterministic: bool


def _listed() -> list[Listed]:
    path = Path(__file__).parent / "data" / "functions_476.tsv"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    cells = [line.split("\t") for line in lines]
    return [
        Listed(n.lower(), returns, given, kind, d == "True") for n, returns, given, kind, d in cells
    ]


LISTED = _listed()
NAMES = {row.name for row in LISTED if row.kind != "table"}
CALLABLE = {name for name, row in FUNCTIONS.items() if row.refused_because is None}


def test_the_recorded_list_is_whole():
    assert Counter(row.kind for row in LISTED) == {
        "scalar": 609, "aggregate": 129, "window": 15, "table": 2,
    }  # fmt: skip
    assert len(NAMES) == 412


def test_every_function_of_trino_is_classified():
    assert NAMES - FUNCTIONS.keys() - SESSION_NAMES == set()
    assert {row.name for row in LISTED if row.kind == "table"} - TABLE_FUNCTIONS.keys() == set()


def test_nothing_may_be_called_that_trino_does_not_have():
    assert CALLABLE - NAMES == SPECIAL_FORMS
    assert FUNCTIONS.keys() & SESSION_NAMES == set()


def test_kinds_and_determinism_are_trinos():
    rows = [row for row in LISTED if row.kind != "table" and row.name in CALLABLE]
    assert len(rows) > 700
    assert [r for r in rows if r.kind != FUNCTIONS[r.name].kind] == []
    assert [r for r in rows if r.deterministic != FUNCTIONS[r.name].deterministic] == []


def test_names_are_lower_case_and_kinds_known():
    assert all(name == row.name == name.lower() for name, row in FUNCTIONS.items())
    assert {row.kind for row in FUNCTIONS.values()} == {"scalar", "aggregate", "window"}


def test_exactly_four_functions_answer_differently_each_time():
    changing = {row.name for row in FUNCTIONS.values() if not row.deterministic}
    assert changing == {"rand", "random", "shuffle", "uuid"}


REFUSED = sorted(name for name, row in FUNCTIONS.items() if row.refused_because)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_functions_say_why_and_are_unknown_to_the_verifier(name: str):
    reason = FUNCTIONS[name].refused_because or ""
    written = f'"{name}"' if "$" in name else name
    told = refusal(f"SELECT {written}('a') FROM orders")
    assert told.startswith("NOT_SUPPORTED")
    assert "$" in name or reason in told
    assert not known_function("trino")(name)


def test_refused_functions_say_what_to_write():
    assert "hidden cells" in (FUNCTIONS["fail"].refused_because or "")
    others = {FUNCTIONS[name].refused_because or "" for name in REFUSED} - {
        FUNCTIONS["fail"].refused_because
    }
    assert [reason for reason in others if "; " not in reason] == []


def test_what_is_not_trinos_is_not_listed():
    for name in (
        "left",
        "instr",
        "ascii",
        "initcap",
        "ends_with",
        "query_table",
        "spherical_distance",
    ):
        assert name not in FUNCTIONS


def test_every_form_belongs_to_a_listed_function():
    assert set(SIGNATURES) <= set(FUNCTIONS)
