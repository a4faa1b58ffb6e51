from __future__ import annotations

import pytest

from gateway.names import TableName, equals_ignore_case, quote


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("id", "ID", True),
        ("id", "\u0131d", True),  # dotless i: equal upper-cased, as Trino has it
        ("k", "\u212a", True),  # the Kelvin sign
        ("ssn", "\u017f\u017fn", True),  # long s
        ("stra\u00dfe", "STRASSE", False),  # Java compares char by char
        ("\u00c9", "\u00e9", True),
        ("a", "b", False),
        ("a", "aa", False),
    ],
)
def test_columns_compare_as_javas_equals_ignore_case(left: str, right: str, *, equal: bool) -> None:
    assert equals_ignore_case(left, right) is equal
    assert equals_ignore_case(right, left) is equal


def test_quotes_are_doubled() -> None:
    assert quote('a"b') == '"a""b"'


def test_table_names_have_three_parts() -> None:
    assert TableName.parse("a.b.c") == TableName("a", "b", "c")
    assert TableName.parse("a.b.c").quoted() == '"a"."b"."c"'
    for text in ("a.b", "a.b.c.d", "a..c", ""):
        with pytest.raises(ValueError, match=r"catalog\.schema\.table"):
            TableName.parse(text)
