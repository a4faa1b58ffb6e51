"""The order of masks is a join-semilattice, and each mask applies where it should."""

from __future__ import annotations

import itertools

import pytest
from policy_lab import TOKENIZED, TOKENS, TYPES

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.policy.masks import LEVELS, applies, at_most, join, mask
from gateway.policy.model import Mask

TEXT = [
    mask("sha-256-global", {}),
    mask("show-first-4", {}),
    mask("show-last-4", {}),
    *(mask("partial", {"n": n, "side": side}) for n in (1, 2) for side in ("first", "last")),
    mask("email-domain", {}),
    mask("regex", {"pattern": "[0-9]+", "replacement": "#"}),
    mask("regex", {"pattern": "[a-z]+", "replacement": "#"}),
    mask("mask-alphanum", {}),
    mask("token", {}),
    mask("keyed-hash", {}),
    mask("sha-256-query-local", {}),
    mask("constant", {"value": "a"}),
    mask("constant", {"value": "b"}),
    mask("mask-to-fixed-value", {}),
    mask("replace-with-null", {}),
]
NUMBERS = [
    *(mask("bucket", {"width": width}) for width in (1, 2, 5, 8, 10, 16, 25, 1000, 10**12)),
    mask("token", {}),
    mask("constant", {"value": 1}),
    mask("constant", {"value": 2}),
    mask("mask-to-fixed-value", {}),
    mask("replace-with-null", {}),
]
TIMES = [
    *(mask("date-trunc", {"unit": unit}) for unit in ("hour", "day", "quarter")),
    mask("truncate-to-month", {}),
    mask("truncate-to-year", {}),
    mask("constant", {"value": "2020-01-01"}),
    mask("mask-to-fixed-value", {}),
    mask("replace-with-null", {}),
]
FAMILIES = [TEXT, NUMBERS, TIMES]


def test_forty_elements_of_every_kind() -> None:
    assert len(TEXT + NUMBERS + TIMES) >= 40
    assert {m.kind for family in FAMILIES for m in family} == set(LEVELS)


@pytest.mark.parametrize("family", FAMILIES, ids=["text", "number", "time"])
def test_laws_of_a_semilattice(family: list[Mask]) -> None:
    for a in family:
        assert join(a, a) == a
    for a, b in itertools.product(family, repeat=2):
        joined = join(a, b)
        assert joined == join(b, a)
        assert at_most(a, joined)
        assert at_most(b, joined)
        assert LEVELS[joined.kind] >= max(LEVELS[a.kind], LEVELS[b.kind])
    for a, b, c in itertools.product(family, repeat=3):
        assert join(join(a, b), c) == join(a, join(b, c))


def test_order_is_antisymmetric_and_transitive() -> None:
    for family in FAMILIES:
        for a, b in itertools.product(family, repeat=2):
            assert not (at_most(a, b) and at_most(b, a)) or a == b
        for a, b, c in itertools.product(family, repeat=3):
            assert not (at_most(a, b) and at_most(b, c)) or at_most(a, c)


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        (("bucket", {"width": 10}), ("bucket", {"width": 16}), ("bucket", {"width": 80})),
        (
            ("truncate-to-month", {}),
            ("date-trunc", {"unit": "quarter"}),
            ("date-trunc", {"unit": "quarter"}),
        ),
        (("show-last-4", {}), ("email-domain", {}), ("mask-alphanum", {})),
        (("token", {}), ("keyed-hash", {}), ("sha-256-query-local", {})),
        (("constant", {"value": "a"}), ("constant", {"value": "b"}), ("mask-to-fixed-value", {})),
        (("sha-256-global", {}), ("show-first-4", {}), ("show-first-4", {})),
        (("partial", {"n": 2}), ("partial", {"n": 2, "side": "last"}), ("partial", {"n": 2})),
    ],
)
def test_joins(left, right, wanted) -> None:
    assert join(mask(*left), mask(*right)) == mask(*wanted)


WHERE = {
    "sha-256-global": "v v80",
    "show-first-4": "v v5 v80",
    "show-last-4": "v v5 v80",
    "partial": "v v5 v80",
    "email-domain": "v",
    "regex": "v",
    "mask-alphanum": "v v5 v80",
    "bucket": "i l d d19 f",
    "truncate-to-month": "day ts tz",
    "truncate-to-year": "day ts tz",
    "date-trunc": "ts tz",
    "token": "v v80 l d19",
    "keyed-hash": "v v80",
    "sha-256-query-local": "v v80",
    "constant": "v v80 v5",
    "mask-to-fixed-value": "v v80 b i l d d19 f r day ts tz",
    "replace-with-null": " ".join(TYPES),
}
PARAMS = {
    "partial": {"n": 1},
    "regex": {"pattern": "[0-9]", "replacement": ""},
    "bucket": {"width": 10},
    "date-trunc": {"unit": "hour"},
    "constant": {"value": "abc"},
}


@pytest.mark.parametrize("kind", LEVELS)
def test_where_each_mask_applies(kind: str) -> None:
    value = mask(kind, PARAMS.get(kind, {}))
    found = {
        name
        for name, text in TYPES.items()
        if applies(
            value,
            Column(
                name, DataType.parse(text), 1, token_domain="lab" if name in TOKENIZED else None
            ),
            {"lab": TOKENS},
        )
    }
    assert found == set(WHERE[kind].split())


def test_unkeyed_hash_of_an_identifier_is_refused() -> None:
    column = Column("ssn", DataType("varchar"), 1, tags=("pii.ssn",))
    assert not applies(mask("sha-256-global", {}), column, {})


@pytest.mark.parametrize(
    ("text", "numeric", "shape", "fits"),
    [
        ("varchar(30)", "i63", "text", True),
        ("varchar(29)", "i63", "text", False),
        ("varchar(22)", "i63", "short", True),
        ("varchar(21)", "i63", "short", False),
        ("varchar(30)", "i63", "email", True),
        ("varchar(29)", "i63", "email", False),
        ("bigint", "refuse", "text", False),
        ("bigint", "i53", "text", True),
        ("decimal(16,0)", "i53", "text", True),
        ("decimal(15,0)", "i53", "text", False),
        ("decimal(18,0)", "i63", "text", False),
        ("decimal(19,2)", "i63", "text", False),
        ("integer", "i63", "text", False),
        ("char(40)", "i63", "text", False),
    ],
)
def test_token_lengths(text: str, numeric: str, shape: str, *, fits: bool) -> None:
    domain = type(TOKENS)("lab", "lab", shape, numeric, "raw", (), ())
    column = Column("c", DataType.parse(text), 1, token_domain="lab")
    assert applies(mask("token", {}), column, {"lab": domain}) is fits


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("blur", {}),
        ("token", {"x": 1}),
        ("partial", {}),
        ("partial", {"n": 0}),
        ("partial", {"n": True}),
        ("partial", {"n": 2, "side": "middle"}),
        ("bucket", {"width": 7}),
        ("bucket", {"width": 0}),
        ("bucket", {"width": "10"}),
        ("date-trunc", {"unit": "week"}),
        ("constant", {"value": ["a"]}),
        ("regex", {"pattern": "", "replacement": ""}),
        ("regex", {"pattern": "a|b", "replacement": ""}),
        ("regex", {"pattern": "^a", "replacement": ""}),
        ("regex", {"pattern": "(a)", "replacement": ""}),
        ("regex", {"pattern": "a.", "replacement": ""}),
        ("regex", {"pattern": "a*", "replacement": ""}),
        ("regex", {"pattern": "a+?", "replacement": ""}),
        ("regex", {"pattern": "[z-a]", "replacement": ""}),
        ("regex", {"pattern": "[a&&b]", "replacement": ""}),
        ("regex", {"pattern": "[[:alpha:]]", "replacement": ""}),
        ("regex", {"pattern": "a{3,1}", "replacement": ""}),
        ("regex", {"pattern": "\\d", "replacement": ""}),
        ("regex", {"pattern": "é", "replacement": ""}),
        ("regex", {"pattern": "a", "replacement": "$1"}),
    ],
)
def test_refused_parameters(kind: str, params: dict) -> None:
    with pytest.raises(ValueError, match=r"mask"):
        mask(kind, params)
