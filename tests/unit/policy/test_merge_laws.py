"""Merging is commutative, associative, idempotent; every rule only takes away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from policy_lab import CONFIG, FITTING, GOOD_FILTERS, SHARED, TOKENS, TYPES, table

from gateway.policy import conditions, masks
from gateway.policy.compare import NARROWED, UNCHANGED, columns
from gateway.policy.merge import (
    ColumnDenial,
    Denial,
    FilterRule,
    Frame,
    Layer,
    MaskRule,
    ObligationRule,
    Settled,
    merge,
    settle,
)
from gateway.policy.model import CompoundCondition, Condition
from gateway.policy.obligations import params

TABLE = table()
FRAME = Frame(TABLE, {"lab": TOKENS})
NAMES = frozenset(TYPES)
RULES = st.sampled_from([f"{p}/{n}" for p in ("global.guardrails", "domains.lab") for n in "abcd"])
ALL_MASKS = CONFIG["masks"] | SHARED["masks"]
ALL_FILTERS = CONFIG["filters"] | SHARED["filters"]


@st.composite
def mask_rules(draw: st.DrawFn) -> MaskRule:
    column = draw(st.sampled_from(sorted(TYPES)))
    kinds = [*FITTING[column].split(), "m-token", "m-month", "m-global-hash"]
    raw = ALL_MASKS[draw(st.sampled_from(kinds))]
    return MaskRule(draw(RULES), column, masks.mask(raw["kind"], raw["params"]))


def _condition(name: str) -> Condition:
    return conditions.parse(ALL_FILTERS[name]["condition"], TABLE.columns)


filter_rules = st.builds(
    FilterRule, RULES, st.sampled_from([_condition(name) for name in GOOD_FILTERS])
)
column_denials = st.builds(ColumnDenial, RULES, st.sampled_from(sorted(TYPES)))


@st.composite
def obligation_rules(draw: st.DrawFn) -> ObligationRule:
    kind, raw = draw(
        st.one_of(
            st.tuples(st.just("max_rows"), st.fixed_dictionaries({"value": st.integers(1, 99)})),
            st.tuples(
                st.just("min_group_size"),
                st.fixed_dictionaries(
                    {"value": st.integers(1, 9), "entity": st.sampled_from(["v", "i"])}
                ),
            ),
            st.tuples(
                st.just("audit"),
                st.fixed_dictionaries({"level": st.sampled_from(["basic", "full"])}),
            ),
            st.tuples(
                st.just("require_filter"),
                st.fixed_dictionaries({"columns": st.lists(st.sampled_from("vid"), min_size=1)}),
            ),
            st.tuples(st.just("notice"), st.fixed_dictionaries({"text": st.sampled_from("ab")})),
        )
    )
    return ObligationRule(draw(RULES), kind, params(kind, raw, NAMES))


denials = st.builds(Denial, RULES, st.just("closed"))


def _some(items: st.SearchStrategy, most: int) -> st.SearchStrategy:
    return st.frozensets(items, max_size=most)


layers = st.builds(
    Layer,
    denials=st.one_of(st.just(frozenset()), st.just(frozenset()), _some(denials, 1)),
    filters=_some(filter_rules, 3),
    masks=_some(mask_rules(), 6),
    column_denials=_some(column_denials, 2),
    obligations=_some(obligation_rules(), 3),
)


@given(layers, layers)
def test_commutative(a: Layer, b: Layer) -> None:
    assert settle(merge([a, b]), FRAME) == settle(merge([b, a]), FRAME)


@given(layers, layers, layers)
def test_associative(a: Layer, b: Layer, c: Layer) -> None:
    assert settle(merge([merge([a, b]), c]), FRAME) == settle(merge([a, merge([b, c])]), FRAME)


@given(layers)
def test_idempotent(a: Layer) -> None:
    assert settle(merge([a, a]), FRAME) == settle(a, FRAME)


@given(st.lists(layers, max_size=4), st.randoms())
def test_independent_of_order(found: list[Layer], chance) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert settle(merge(found), FRAME) == settle(merge(shuffled), FRAME)


@given(layers, layers)
def test_adding_rules_never_widens(base: Layer, more: Layer) -> None:
    """Also: a domain never loosens the guardrails, since it only adds rules."""
    _at_most(settle(base, FRAME), settle(merge([base, more]), FRAME))


@given(layers, filter_rules, mask_rules(), column_denials)
def test_adding_one_rule_never_widens(base: Layer, f, m, c) -> None:
    before = settle(base, FRAME)
    for more in (
        Layer(filters=frozenset({f})),
        Layer(masks=frozenset({m})),
        Layer(column_denials=frozenset({c})),
    ):
        _at_most(before, settle(merge([base, more]), FRAME))


def _at_most(before: Settled, after: Settled) -> None:
    assert after.denied or not before.denied
    assert _terms(before.row_filter) <= _terms(after.row_filter)
    for old, new in zip(before.columns, after.columns, strict=True):
        assert columns(old, new) in {UNCHANGED, NARROWED}, (old, new)
    limits = [_limits(found) for found in (before, after)]
    for key, value in limits[0].items():
        assert limits[1][key] >= value


def _terms(condition: Condition | None) -> set[str]:
    """What every row has to fulfil, each term alone."""
    if condition is None:
        return set()
    if isinstance(condition, CompoundCondition) and condition.operator == "and":
        return {term for part in condition.parts for term in _terms(part)}
    return {conditions.text(condition)}


def _limits(found: Settled) -> dict[tuple[str, str], object]:
    """Obligations as numbers or sets that grow when they get stricter."""
    limits: dict[tuple[str, str], object] = {}
    for obligation in found.obligations:
        given_ = dict(obligation.params)
        match obligation.kind:
            case "max_rows":
                limits["max_rows", ""] = -given_["value"]
            case "min_group_size":
                limits["min_group_size", given_["entity"]] = given_["value"]
            case "audit":
                limits["audit", ""] = ["basic", "full"].index(given_["level"])
            case "require_filter":
                limits["require_filter", ""] = frozenset(given_["columns"])
            case _:
                limits[obligation.kind, given_["text"]] = 1
    return limits
