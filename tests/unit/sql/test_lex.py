from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MeshgateError
from gateway.sql import limits
from gateway.sql.lex import HEX, NUMBER, QUOTED, STRING, tokens


def keys(text: str) -> list[str]:
    return [token.key for token in tokens(text)]


def test_keys_separate_words_from_quoted_text():
    assert keys("select \"select\", 'select', x'01', .5") == [
        "SELECT", QUOTED, ",", STRING, ",", HEX, ",", NUMBER,
    ]  # fmt: skip


def test_values_are_what_the_text_means():
    values = [token.value for token in tokens("'it''s' \"a\"\"b\" X'01 ff' Name 1e3")]
    assert values == ["it's", 'a"b', "01ff", "Name", "1e3"]


def test_positions_are_trinos():
    found = tokens("select\n  'a\nb' ,\n-- note\n/* x\ny */ z")
    assert [(t.text, t.line, t.column) for t in found] == [
        ("select", 1, 1), ("'a\nb'", 2, 3), (",", 3, 4), ("z", 6, 6),
    ]  # fmt: skip
    assert [t.column for t in tokens("'𝄞' a")] == [1, 5]


@pytest.mark.parametrize(
    "number",
    ["1", "1.", "1.5", ".5", "1e3", "1.E-3", ".5e+7", "007", "1_0", "1_0.5_0", "0xF_f", "0b1"],
)
def test_numbers_stay_as_written(number):
    assert [t.text for t in tokens(f"({number})")] == ["(", number, ")"]


def test_one_final_semicolon_is_dropped():
    assert keys("select 1 ; \n") == ["SELECT", NUMBER]
    with pytest.raises(MeshgateError, match="one statement at a time"):
        tokens("select 1; select 2")
    with pytest.raises(MeshgateError, match="mismatched input ';'"):
        tokens("select 1;;")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((f"select {c} 1", "SYNTAX_ERROR") for c in "$@;{}#\\`^&~!|"),
        ("select é", "SYNTAX_ERROR"),
        ("select 'a", "SYNTAX_ERROR"),
        ('select "a', "SYNTAX_ERROR"),
        ("select 1a", "SYNTAX_ERROR"),
        ("select 1.e", "SYNTAX_ERROR"),
        ("select 1__000", "NOT_SUPPORTED"),
        ("select 1_", "NOT_SUPPORTED"),
        ("select 1_000e3", "SYNTAX_ERROR"),
        ("select 0x", "SYNTAX_ERROR"),
        ("select 0b12", "SYNTAX_ERROR"),
        ("select 0o8", "SYNTAX_ERROR"),
        ("select U&'x", "SYNTAX_ERROR"),
        ('select U&"x"', "NOT_SUPPORTED"),
        ("select a::b", "NOT_SUPPORTED"),
        ("select '\x00'", "SYNTAX_ERROR"),
        ("select \x00", "SYNTAX_ERROR"),
        ("select '\ud800'", "SYNTAX_ERROR"),
        ("select /* \udfff */ 1", "SYNTAX_ERROR"),
    ],
)
def test_what_trino_would_read_differently_is_refused(text, name):
    with pytest.raises(MeshgateError) as caught:
        tokens(text)
    assert caught.value.name == name
    assert (caught.value.line, caught.value.column) != (None, None)
    assert str(caught.value).startswith(f"line 1:{caught.value.column}: ")


def test_letters_beyond_ascii_may_stand_in_quotes():
    assert keys("select 'é', \"ß\" -- ü") == ["SELECT", STRING, ",", QUOTED]


def nested(depth: int) -> str:
    return "select " + "(" * depth + "1" + ")" * depth


def chain(length: int) -> str:
    return "select 1" + " + 1" * length


@pytest.mark.parametrize(
    ("fits", "exceeds", "name"),
    [
        (nested(limits.MAX_DEPTH), nested(limits.MAX_DEPTH + 1), "QUERY_REJECTED"),
        (chain(limits.MAX_CHAIN), chain(limits.MAX_CHAIN + 1), "QUERY_REJECTED"),
        ("select " + "- " * 8 + "1", "select " + "- " * 9 + "1", "QUERY_REJECTED"),
        ("select " + "not " * 8 + "a", "select " + "not " * 9 + "a", "QUERY_REJECTED"),
        (
            "case when " * limits.MAX_DEPTH + "a" + " end" * limits.MAX_DEPTH,
            "case when " * (limits.MAX_DEPTH + 1),
            "QUERY_REJECTED",
        ),
        ("1," * (limits.MAX_TOKENS // 2), "1," * (limits.MAX_TOKENS // 2) + "1", "QUERY_REJECTED"),
        (
            "'" + "a" * (limits.MAX_TEXT_BYTES - 2) + "'",
            "'" + "a" * (limits.MAX_TEXT_BYTES - 1) + "'",
            "QUERY_TEXT_TOO_LARGE",
        ),
        (
            "'" + "é" * (limits.MAX_TEXT_BYTES // 2 - 1) + "'",
            "'" + "é" * (limits.MAX_TEXT_BYTES // 2) + "'",
            "QUERY_TEXT_TOO_LARGE",
        ),
    ],
)
def test_limits_hold_exactly(fits, exceeds, name):
    assert tokens(fits)
    with pytest.raises(MeshgateError) as caught:
        tokens(exceeds)
    assert caught.value.name == name


@pytest.mark.timeout(20)  # quadratic reading would take hours
@pytest.mark.parametrize(
    "text", ["(" * 10_000, "1 " * 100_000, "a" * 10_000_000, "[" * 200_000, "/*" * 90_000]
)
def test_monsters_are_refused_at_once(text):
    with pytest.raises(MeshgateError):
        tokens(text)


@given(st.text(max_size=200))
def test_any_text_gives_tokens_or_a_refusal(text):
    try:
        found = tokens(text)
    except MeshgateError:
        return
    for token in found:
        assert text[token.start : token.end] == token.text
        before = text[: token.start]
        assert token.line == before.count("\n") + 1
        assert token.column == token.start - (before.rfind("\n") + 1) + 1


@given(st.text(alphabet="aZ_ '\"-/*\n;1.eE+x,()[]<>=|!?%0bU&:", max_size=60))
def test_tokens_account_for_every_visible_letter(text):
    try:
        found = tokens(text)
    except MeshgateError:
        return
    last = 0
    for token in [*found, None]:
        gap = text[last : token.start if token else len(text)]
        if token is None:
            gap = gap.rstrip().removesuffix(";")
        if "--" not in gap and "/*" not in gap:
            assert not gap.strip(" \t\r\n")
        last = token.end if token else last
