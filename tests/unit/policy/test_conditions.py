"""Row filters: what is accepted for which type, canonical form, limits."""

from __future__ import annotations

import pytest
from policy_lab import table

from gateway.policy.conditions import (
    MAX_DEPTH,
    MAX_LIST,
    MAX_NODES,
    OPERATORS,
    ConditionError,
    canonical,
    conjunction,
    parse,
    text,
    to_json,
    words,
)
from gateway.policy.model import CompoundCondition, FieldCondition

COLUMNS = table().columns


def field(operator: object, name: object, value: object) -> dict:
    return {"type": "field", "operator": operator, "field": name, "value": value}


def compound(operator: str, *parts: object) -> dict:
    return {"type": "compound", "operator": operator, "value": list(parts)}


SAMPLES = {
    "v": "x",
    "v5": "abc",
    "b": True,
    "i": 5,
    "l": 2**53 - 1,
    "d": "1.50",
    "f": "0.5",
    "day": "2026-01-31",
    "ts": "2026-01-31T10:00:00.123",
    "tz": "2026-01-31T10:00:00Z",
    "u": "00000000-0000-4000-8000-000000000001",
    "r": "1.5",
    "arr": "x",
}
EQUALITY = {"v", "v5", "b", "i", "l", "d", "day", "ts", "tz", "u"}
ORDERED = {"v", "v5", "i", "l", "d", "f", "day", "ts", "tz"}
TEXTS = {"v", "v5"}


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_which_operator_takes_which_type(operator: str) -> None:
    accepted = set()
    for name, value in SAMPLES.items():
        given = [value] if operator in {"in", "nin"} else value
        given = True if operator == "is_null" else given
        try:
            parse(field(operator, name, given), COLUMNS)
            accepted.add(name)
        except ConditionError:
            pass
    wanted = {"is_null": set(SAMPLES)}
    wanted |= dict.fromkeys(("eq", "ne", "in", "nin"), EQUALITY)
    wanted |= dict.fromkeys(("lt", "lte", "gt", "gte"), ORDERED)
    wanted |= dict.fromkeys(("startswith", "endswith", "contains"), TEXTS)
    assert accepted == wanted[operator]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("b", 1),
        ("b", "true"),
        ("i", True),
        ("i", "5"),
        ("i", 2**31),
        ("i", 1.0),
        ("d", 1),
        ("d", "1.555"),
        ("d", "12345678901.0"),
        ("d", "1e3"),
        ("d", "+1"),
        ("f", "nan"),
        ("f", "1e999"),
        ("f", "Infinity"),
        ("v5", "abcdef"),
        ("v", None),
        ("v", "a\0b"),
        ("v", "\ud800"),
        ("v", "x" * 4097),
        ("day", "2026-02-30"),
        ("day", "26-01-01"),
        ("day", "2026-01-01T00:00:00"),
        ("ts", "2026-01-31T10:00:00Z"),
        ("ts", "2026-01-31T25:00:00"),
        ("ts", "2026-01-31T10:00:00.1234"),
        ("tz", "2026-01-31T10:00:00"),
        ("tz", "2026-01-31T10:00:00+01:00"),
        ("u", "00000000-0000-4000-8000-00000000000G"),
        ("u", "0" * 32),
    ],
)
def test_values_that_do_not_fit(name: str, value: object) -> None:
    operator = "lt" if name == "f" else "eq"
    with pytest.raises(ConditionError):
        parse(field(operator, name, value), COLUMNS)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"type": "field"},
        {"type": "other", "operator": "and", "value": []},
        field("eq", "nope", 1),
        field("eq", 5, 1),
        field("like", "v", "x"),
        field(["eq"], "v", "x"),
        field("in", "v", "x"),
        field("in", "v", ["x", None]),
        field("in", "v", ["x"] * (MAX_LIST + 1)),
        field("nin", "v", []),
        field("is_null", "v", "yes"),
        field("contains", "v", ["x"]),
        field("eq", "v", "x") | {"extra": 1},
        compound("and"),
        compound("or"),
        compound("xor", field("eq", "v", "x")),
        compound("not", field("eq", "v", "x"), field("eq", "v", "y")),
        compound("and", field("eq", "v", "x")) | {"extra": 1},
        {"type": "compound", "operator": "and", "value": field("eq", "v", "x")},
    ],
)
def test_refused_shapes(raw: object) -> None:
    with pytest.raises(ConditionError):
        parse(raw, COLUMNS)


def test_limits_of_depth_and_nodes() -> None:
    deep: dict = field("eq", "v", "x")
    for _ in range(MAX_DEPTH - 1):
        deep = compound("not", deep)
    parse(deep, COLUMNS)
    with pytest.raises(ConditionError, match="levels"):
        parse(compound("not", deep), COLUMNS)
    wide = [field("eq", "l", n) for n in range(MAX_NODES - 1)]
    parse(compound("or", *wide), COLUMNS)
    with pytest.raises(ConditionError, match="nodes"):
        parse(compound("or", *wide, field("eq", "l", -1)), COLUMNS)


def test_canonical_form_sorts_and_drops_doubles() -> None:
    one = compound("or", field("in", "v", ["b", "a", "b"]), field("eq", "i", 1))
    two = compound("or", field("eq", "i", 1), field("in", "v", ["a", "b"]), field("eq", "i", 1))
    assert parse(one, COLUMNS) == parse(two, COLUMNS)
    assert parse(compound("and", field("eq", "i", 1)), COLUMNS) == FieldCondition("eq", "i", 1)
    twice = canonical(canonical(parse(one, COLUMNS)))
    assert twice == parse(one, COLUMNS)


def test_in_of_nothing_is_kept() -> None:
    assert parse(field("in", "v", []), COLUMNS) == FieldCondition("in", "v", ())


def test_json_round_trip() -> None:
    raw = compound(
        "not", compound("and", field("gt", "d", "1.5"), field("is_null", "arr", value=False))
    )
    assert to_json(parse(to_json(parse(raw, COLUMNS)), COLUMNS)) == to_json(parse(raw, COLUMNS))


def test_conjunction() -> None:
    a, b = FieldCondition("eq", "i", 1), FieldCondition("eq", "i", 2)
    assert conjunction([]) is None
    assert conjunction([a]) is a
    assert conjunction([b, a]) == CompoundCondition("and", (b, a))


def test_texts_tell_a_boolean_from_a_number() -> None:
    assert text(FieldCondition("eq", "x", value=True)) != text(FieldCondition("eq", "x", 1))


def test_words() -> None:
    raw = compound("not", compound("or", field("eq", "v", "x"), field("in", "i", [1, 2])))
    assert words(parse(raw, COLUMNS)) == 'not ((i in [1, 2]) or (v eq "x"))'
    assert words(None) == "all rows"
