"""Which grants speak of a table, which one is stood on, which purposes may be stated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.access.choice import choose, covers, granted_for_other_purpose, offered
from gateway.access.model import Grant, TableScope
from gateway.access.purposes import load_purposes, may_state, only_purpose
from gateway.catalog.model import CatalogSnapshot, Domain, Product, Table
from gateway.identity.principal import Principal
from gateway.names import TableName

NOW = datetime(2026, 11, 20, tzinfo=UTC)
WHO = Principal("u", groups=frozenset({"g"}))


def product(guid: str, key: str) -> Product:
    return Product(guid, key, key, "o", "active", "hidden", "")


def table(domain: str, key: str | None) -> Table:
    return Table(TableName("lake", domain, "t"), domain, (), product=key)


def mesh(*tables: Table) -> CatalogSnapshot:
    domains = {
        t.domain: Domain(
            t.domain, "lake", products=(product(f"g-{t.domain}", t.product),) if t.product else ()
        )
        for t in tables
    }
    return CatalogSnapshot("c", domains, {t.name: t for t in tables})


def grant(id_: str = "a", **changes: object) -> Grant:
    base = Grant(
        id_,
        "data_access",
        "user:u",
        "p",
        "fraud",
        NOW - timedelta(1),
        NOW + timedelta(1),
        NOW - timedelta(2),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_product_is_meant_by_guid_by_domain_or_by_an_unambiguous_key() -> None:
    left, right = table("one", "p"), table("two", "p")
    alone, both = mesh(left), mesh(left, right)
    assert covers(grant(), left, alone)
    assert not covers(grant(), left, both)
    assert covers(grant(product="one.p"), left, both)
    assert not covers(grant(product="one.p"), right, both)
    assert covers(grant(product="g-two"), right, both)


def test_a_table_without_product_or_outside_the_scope_is_not_covered() -> None:
    bare, sold = table("one", None), table("two", "p")
    snapshot = mesh(bare, sold)
    assert not covers(grant(), bare, snapshot)
    assert not covers(grant(scope={bare.name: TableScope()}), sold, snapshot)
    assert covers(grant(scope={sold.name: TableScope()}), sold, snapshot)


def test_offered_are_sorted_data_access_grants() -> None:
    one = table("one", "p")
    grants = [grant("b"), grant("a"), grant("x", kind="masking_exception"), grant("o", purpose="x")]
    found = offered(grants, WHO, "fraud", NOW, table=one, snapshot=mesh(one))
    assert [g.id for g in found] == ["a", "b"]
    asked = (WHO, "fraud", NOW)
    assert granted_for_other_purpose(grants, *asked, table=one, snapshot=mesh(one))
    assert not granted_for_other_purpose(grants[:2], *asked, table=one, snapshot=mesh(one))


def test_choice() -> None:
    group = grant("g", grantee="group:g", approved_at=NOW)
    old, new = grant("old"), grant("new", approved_at=NOW - timedelta(1))
    assert choose([group, old, new], ["standing:team"], []) == new
    assert choose([group], ["standing:team"], []) == group
    assert choose([], ["standing:team", "standing:all"], []) == "standing:team"
    assert choose([new], ["standing:team"], ["x", "standing:team"]) == "standing:team"
    assert choose([], [], ["x"]) is None
    twins = [grant("b"), grant("a")]
    assert choose(twins, [], []) == twins[1]


def test_purposes(tmp_path: Path) -> None:
    path = tmp_path / "purposes.yaml"
    path.write_text(
        'fraud: {title: "Fraud", groups: [g]}\nall: {title: "All", groups: ["*"]}\n',
        encoding="utf-8",
    )
    purposes, problems = load_purposes(path)
    assert problems == []
    assert may_state(purposes, "fraud", WHO)
    assert not may_state(purposes, "fraud", Principal("x"))
    assert may_state(purposes, "all", Principal("x"))
    assert may_state(purposes, "unspecified", Principal("x"))
    assert not may_state(purposes, "other", WHO)
    path.write_text("unspecified: {title: x, groups: []}\ncare: {title: x}\n", encoding="utf-8")
    found, problems = load_purposes(path)
    assert [(p.line, p.code) for p in problems] == [(1, "reserved"), (2, "missing_key")]
    assert "care" not in found


def test_the_only_purpose_under_which_all_tables_are_granted() -> None:
    one, two = table("one", "p"), table("two", "q")
    snapshot = mesh(one, two)
    grants = [grant("a"), grant("b", product="q"), grant("c", product="q", purpose="care")]
    assert only_purpose(grants, WHO, [one, two], snapshot, NOW) == "fraud"
    assert only_purpose(grants, WHO, [two], snapshot, NOW) is None
    assert only_purpose(grants, WHO, [], snapshot, NOW) is None
    assert only_purpose(grants, Principal("x"), [one], snapshot, NOW) is None
