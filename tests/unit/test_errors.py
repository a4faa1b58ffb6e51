from __future__ import annotations

import pytest

from gateway.errors import ERRORS, ErrorType, MeshgateError

OWN = 0x4D47_0000


def test_codes_are_distinct() -> None:
    assert len({row.code for row in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_types_follow_trinos_ranges(name: str) -> None:
    """Below 65536 the user's, below 131072 internal, above resources; ours state their own."""
    row = ERRORS[name]
    if row.code < OWN:
        ranges = {0: ErrorType.USER_ERROR, 1: ErrorType.INTERNAL_ERROR}
        assert row.type is ranges.get(row.code >> 16, ErrorType.INSUFFICIENT_RESOURCES)


def test_audit_facts_stay_out_of_the_text() -> None:
    error = MeshgateError("TABLE_NOT_FOUND", "Table 'a' does not exist", audit={"hidden": "yes"})
    assert "yes" not in str(error)
    assert error.audit["hidden"] == "yes"


def test_unknown_names_are_defects() -> None:
    with pytest.raises(KeyError):
        MeshgateError("NO_SUCH_ERROR", "text")
