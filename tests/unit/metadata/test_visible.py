from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.metadata.rows import relations
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, TableDecision
from tests.unit.metadata.mesh import (
    CLAIM,
    FLIGHT,
    NOTES,
    PLAIN,
    allowed,
    denied,
    snapshot,
    visible,
)


def test_a_denied_table_is_not_listed():
    assert set(visible().tables) == {CLAIM, PLAIN, FLIGHT}


def test_hidden_columns_are_left_out_and_masked_ones_stay():
    found = visible().table(CLAIM)
    assert [c.name for c in found.columns] == ["claim_id", "email", "paid", "seen"]


def test_a_table_without_a_readable_column_is_not_listed():
    empty = TableDecision(NOTES, "allow", (ColumnDecision("text", "deny"),))
    assert visible(empty).tables == {}


def test_a_catalog_is_visible_if_a_table_of_it_is():
    assert visible().catalogs == ("air", "lake", "system")
    assert visible(allowed(PLAIN, "code")).catalogs == ("lake", "system")
    assert visible(denied(PLAIN)).catalogs == ("system",)


def test_every_visible_catalog_has_its_information_schema():
    found = visible()
    assert found.schemas("lake") == ("claims", "information_schema")
    assert found.schemas("system") == ("information_schema", "jdbc", "metadata", "runtime")
    assert found.schemas("nowhere") == ()
    assert found.has_schema("lake", "claims")
    assert not found.has_schema("air", "claims")


def test_a_table_nobody_decided_about_is_not_listed():
    assert VisibleCatalog.build({}, snapshot()).tables == {}


def test_a_decision_about_an_unknown_table_lists_nothing():
    gone = TableName("lake", "claims", "gone")
    assert VisibleCatalog.build({gone: allowed(gone, "a")}, snapshot()).tables == {}


def test_a_failed_policy_hides_the_domain_and_says_so():
    failed = replace(allowed(CLAIM, "claim_id"), unavailable=True)
    found = visible(failed, allowed(FLIGHT, "number"))
    assert set(found.tables) == {FLIGHT}
    assert found.unavailable_domains == {"claims"}
    assert found.unavailable == {("lake", "claims"): "claims"}


def test_what_was_built_is_kept():
    found = visible()
    assert relations(found, "lake") is relations(found, "lake")


@given(
    st.dictionaries(
        st.sampled_from(["claim_id", "email", "diagnosis", "paid", "seen"]),
        st.sampled_from(["allow", "mask", "deny"]),
    ),
    st.sampled_from(["allow", "deny"]),
)
def test_listed_exactly_if_selectable(effects, effect):
    columns = tuple(
        ColumnDecision(c.name, effects.get(c.name, "deny"))
        for c in snapshot().tables[CLAIM].columns
    )
    found = visible(TableDecision(CLAIM, effect, columns))
    readable = [c.name for c in columns if c.effect != "deny"]
    listed = [c.name for v in found.tables.values() for c in v.columns]
    assert listed == (readable if effect == "allow" else [])
    assert (CLAIM in found.tables) == bool(listed)
    assert ("lake" in found.catalogs) == bool(listed)
