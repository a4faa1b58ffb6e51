"""Native filters and masks are the rewriting's, without its alias, and were read by the checker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.policy.model import CompoundCondition, FieldCondition, Mask
from gateway.sql import native as module
from gateway.sql.conditions import is_plain, where
from gateway.sql.masks import Place, masked
from gateway.sql.native import native, natively
from tests.unit.sql.sqlback import decide, domain, table

ORDERS = table(region="member", id="member", code="member")
DOMAINS = {"member": domain()}
F, C = FieldCondition, CompoundCondition
MASKS = [
    ("region", Mask("token")),
    ("region", Mask("keyed-hash")),
    ("region", Mask("sha-256-global")),
    ("region", Mask("show-first-4")),
    ("region", Mask("show-last-4")),
    ("region", Mask("mask-alphanum")),
    ("region", Mask("email-domain")),
    ("region", Mask("partial", (("n", 2), ("side", "last")))),
    ("region", Mask("regex", (("pattern", "[0-9]+"), ("replacement", "#")))),
    ("region", Mask("constant", (("value", 'it\'s "$g"."x"'),))),
    ("code", Mask("token")),
    ("code", Mask("mask-to-fixed-value")),
    ("id", Mask("token")),
    ("id", Mask("bucket", (("width", 10),))),
    ("amount", Mask("bucket", (("width", 10),))),
    ("ratio", Mask("replace-with-null")),
    ("day", Mask("truncate-to-month")),
    ("seen", Mask("truncate-to-year")),
    ("moment", Mask("date-trunc", (("unit", "quarter"),))),
    ("place", Mask("replace-with-null")),
]
FILTERS = [
    F("eq", "region", "EU"),
    F("in", "region", ("EU", '"$g"."region"')),
    F("in", "region", ()),
    F("contains", "region", "50%_!'"),
    F("ne", "ratio", "1.5"),
    F("is_null", "day", value=False),
    C("and", (F("gte", "day", "2024-01-01"), F("eq", "flag", value=True))),
    C("or", (F("eq", "region", "EU"), F("lt", "amount", "10.00"))),
    C("not", (C("or", (F("eq", "id", 1), F("eq", "number", 2))),)),
]


def bare(aliased: str) -> str:
    """Without the private alias, for texts no literal of which looks like it."""
    return aliased.replace('"$g".', "")


@pytest.mark.parametrize(("column", "mask"), MASKS, ids=[f"{c}-{m.kind}" for c, m in MASKS])
def test_every_mask_and_filter_is_the_rewriting_s_without_its_alias(column, mask):
    for row_filter in FILTERS:
        decided = decide(ORDERS, row_filter=row_filter, masks={column: mask})
        assert natively(decided, ORDERS, DOMAINS) == decided
        found = native(decided, ORDERS, DOMAINS)
        known = ORDERS.column(column)
        assert known is not None
        written = masked(mask, known, Place("trino", "$g", DOMAINS, ""))
        if mask.kind != "constant":
            assert found.masks == {column: bare(written)}
        if "$g" not in str(row_filter):
            assert found.row_filter == bare(where(row_filter, ORDERS, "trino", "$g"))
        assert found.row_filter is not None
        assert ("random" in found.row_filter) is not is_plain(row_filter, ORDERS)


def test_text_that_looks_like_the_alias_stays():
    masks = {"region": Mask("constant", (("value", 'it\'s "$g"."x"'),))}
    found = native(decide(ORDERS, row_filter=FILTERS[1], masks=masks), ORDERS, DOMAINS)
    shown = "CAST('it''s \"$g\".\"x\"' AS varchar)"
    assert found.masks == {"region": f'CASE WHEN "region" IS NOT NULL THEN {shown} END'}
    assert found.row_filter == '"region" IN (\'EU\', \'"$g"."region"\')'


def test_without_filter_and_masks_there_is_nothing():
    found = native(decide(ORDERS), ORDERS, DOMAINS)
    assert (found.row_filter, found.masks) == (None, {})


def test_masks_without_a_native_form_close_their_column():
    salted = decide(ORDERS, masks={"region": Mask("sha-256-query-local"), "id": Mask("token")})
    assert [c.effect for c in natively(salted, ORDERS, DOMAINS).columns[:2]] == ["mask", "deny"]
    assert [c.effect for c in natively(salted, ORDERS, {}).columns[:2]] == ["deny", "deny"]


def test_what_is_not_allowed_or_not_maskable_has_none():
    token = decide(ORDERS, masks={"day": Mask("token")})
    for decided in (
        replace(decide(ORDERS), effect="deny"),
        decide(ORDERS, masks={"region": Mask("unheard-of")}),
        decide(ORDERS, row_filter=F("matches", "region", "x")),
        decide(ORDERS, row_filter=F("eq", "nothing", "x")),
        token,
    ):
        with pytest.raises(ValueError):
            native(decided, ORDERS, DOMAINS)


def test_only_what_the_checker_read_is_handed_out(monkeypatch):
    """A defect of a writer, in both forms or in the native one alone, leaves no expression."""
    decided = decide(ORDERS, row_filter=FILTERS[3], masks={"region": Mask("show-last-4")})
    right = native(decided, ORDERS, DOMAINS)

    def no_barrier(condition, of, engine, alias):
        return where(condition, of, engine, alias).split(" AND CASE")[0]

    def only_native(condition, of, engine, alias):
        return where(condition, of, engine, alias) if alias else "TRUE"

    def clear(_mask, column, place):
        return f'"{place.alias}"."{column.name}"' if place.alias else f'"{column.name}"'

    def clear_native(mask, column, place):
        return masked(mask, column, place) if place.alias else f'"{column.name}"'

    for name, writer in (
        ("where", no_barrier),
        ("where", only_native),
        ("masked", clear),
        ("masked", clear_native),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, writer)
            with pytest.raises(ValueError):
                native(decided, ORDERS, DOMAINS)
    assert native(decided, ORDERS, DOMAINS) == right
