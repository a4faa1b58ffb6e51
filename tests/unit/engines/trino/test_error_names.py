"""Each error name of the pinned Trino: what a client reads of it, and that no data comes along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.engines.failures import scrubbed
from gateway.errors import ERRORS

_CELL, _LITERAL, _NAME = "999-12-3456", "policy-literal-EU", "hidden_ssn"
_TEXTS = (
    "Cannot cast '{cell}' to BIGINT",
    "Value {cell} for year must be in the range",
    "{cell}",
    "line 1:8: '{literal}' is not a valid timestamp literal",
    "line 3:1: mismatched input '{literal}'. Expecting: <expression>",
    "line 1:8: Column '{name}' cannot be resolved",
    "line 1:8: '({name} = '{literal}')' must be an aggregate expression",
    "Division by zero: {cell}",
    "Scalar sub-query has returned multiple rows\n{cell}",
    "Query exceeded maximum time limit of 1.00m {literal}",
    "Cannot apply operator: varchar(11) = '{cell}'",
    "Cannot cast {cell} to integer\u0000",
)
"""Texts as Trino writes them, and texts that only begin like the few that pass."""


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    name: str
    code: int
    type: str
    carries: str
    told: str


def _rows() -> list[Row]:
    text = (Path(__file__).parent / "data" / "errors_476.txt").read_text(encoding="utf-8")
    lines = [line.split(" ") for line in text.splitlines() if not line.startswith("#")]
    return [Row(name, int(code), kind, seen, told) for name, code, kind, seen, told in lines]


ROWS = _rows()


def test_the_list_is_whole() -> None:
    assert len(ROWS) == len({row.name for row in ROWS}) == len({row.code for row in ROWS}) == 177
    assert {row.carries for row in ROWS} == {"cells", "literals", "names", "nothing", "unseen"}
    assert sum(row.carries != "unseen" for row in ROWS) == 45


def test_our_names_have_trinos_codes_and_types() -> None:
    theirs = {row.name: (row.code, row.type) for row in ROWS}
    ours = {name: (row.code, row.type.value) for name, row in ERRORS.items()}
    assert {n: ours[n] for n in ours & theirs.keys()} == {
        n: theirs[n] for n in ours & theirs.keys()
    }
    assert {n for n in ours.keys() - theirs.keys() if ours[n][0] < 0x4D47_0100} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_name_is_told_as_listed_and_no_data_with_it(row: Row) -> None:
    for text in _TEXTS:
        error = scrubbed(row.name, text.format(cell=_CELL, literal=_LITERAL, name=_NAME), "q1")
        assert error.name == row.told
        said = f"{error.message} {dict(error.audit)} {error.args} {error.line}"
        assert not re.search(f"{_CELL}|{_LITERAL}|{_NAME}", said)
        assert "(query q1)" in error.message


@pytest.mark.parametrize("row", [r for r in ROWS if r.carries == "cells"], ids=lambda r: r.name)
def test_names_that_carry_cells_never_keep_a_text(row: Row) -> None:
    known = (
        "Division by zero",
        "Scalar sub-query has returned multiple rows",
        "Cannot cast a to b",
    )
    told = {scrubbed(row.name, text, "q1").message for text in known}
    assert told == {scrubbed(row.name, "", "q1").message}


@pytest.mark.parametrize("name", ["", "NO_SUCH_NAME", "division_by_zero", "JDBC_ERROR", "\u0000"])
def test_a_name_that_is_not_listed_is_an_internal_error(name: str) -> None:
    assert name not in {row.name for row in ROWS}
    error = scrubbed(name, f"Division by zero {_CELL}")
    assert error.name == "GENERIC_INTERNAL_ERROR"
    assert _CELL not in error.message


def _seen() -> list[tuple[str, str, str]]:
    text = (Path(__file__).parent / "data" / "errors_seen.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [(name, expression, said) for name, expression, said in lines]


@pytest.mark.parametrize(("name", "expression", "said"), _seen())
def test_what_a_real_server_said_of_a_cell_stays_behind(
    name: str, expression: str, said: str
) -> None:
    digits = re.compile("999|3456")
    assert digits.search(said), expression
    error = scrubbed(name, said, "q1")
    assert not digits.search(f"{error.message} {dict(error.audit)}")
    assert error.name in {name, "GENERIC_INTERNAL_ERROR"}
    assert {row.carries for row in ROWS if row.name == name} == {"cells"}
