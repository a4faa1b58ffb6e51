"""Direct logins: native filters and masks, what is listed, what is refused."""

from __future__ import annotations

import pytest

from tests.unit.lock.asking import Asking, table

ANA, MO, SAM = "ana@direct", "mo@direct", "sam@direct"
PEOPLE, ORDERS, STAFF, OPEN = (
    f"lake.shop.{name}" for name in ("people", "orders", "staff", "open")
)
CLOSED = ("watched", "listed", "cases", "nothing")


async def test_a_restricted_table_comes_with_its_filter_and_every_mask(asking: Asking) -> None:
    answers = await asking.analyse(ANA, PEOPLE, "id", "ssn", "name", "born", "region")
    assert {status for status, _ in answers} == {200}
    masks, filters, selected = answers[0][1], answers[-3][1], answers[-1][1]
    assert [entry["index"] for entry in masks] == [0, 1, 2]
    assert {entry["viewExpression"]["identity"] for entry in masks} == {"meshgate-keys"}
    assert filters == [{"expression": "\"region\" IN ('EU')", "identity": "meshgate-keys"}]
    assert selected is True


async def test_a_filter_that_is_no_plain_domain_carries_the_barrier(asking: Asking) -> None:
    await asking.masks(ANA, ORDERS)
    _, [row_filter] = await asking.filters(ANA, ORDERS)
    plain = "\"note\" LIKE '%it''s!_5!%%' ESCAPE '!'"
    random = '"system"."builtin".random()'
    barrier = f"({plain}) AND CASE WHEN {random} < 0 THEN FALSE ELSE ({plain}) END"
    assert row_filter["expression"] == barrier


async def test_an_unrestricted_table_has_neither(asking: Asking) -> None:
    answers = await asking.analyse(MO, ORDERS, "id", "note")
    assert answers == [(200, []), (200, []), (200, True), (200, True)]


async def test_columns_denied_salted_or_absent_are_refused_each_alone(asking: Asking) -> None:
    await asking.analyse(ANA, PEOPLE)
    for column in ("pin", "email", "absent", "$path"):
        assert await asking.select(ANA, PEOPLE, column) == (200, False), column
        assert await asking.select(ANA, PEOPLE, "region", column) == (200, False), column
    assert await asking.select(ANA, PEOPLE, "region") == (200, True)


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("user", [ANA, MO, SAM])
async def test_hidden_tables_views_and_obligations_are_closed(
    asking: Asking, user: str, name: str
) -> None:
    """``cases`` is granted to ana for a purpose, which a direct login cannot state."""
    masks, filters, _, selected = await asking.analyse(user, f"lake.shop.{name}", "id")
    assert (masks, filters, selected) == (
        (200, False),
    ) * 3  # false is an error to Trino, [] is not


async def test_nobody_s_direct_name_may_nothing(asking: Asking) -> None:
    for user in ("who@direct", "@direct", "meshgate@direct", "Meshgate-keys@direct", "ANA@direct"):
        assert await asking.allow(user, "ExecuteQuery") == (200, False), user
        assert (await asking.masks(user, OPEN))[1] is False, user


async def test_names_come_in_any_case(asking: Asking) -> None:
    upper = "LAKE.Shop.PEOPLE"
    columns = {name.upper(): kind for name, kind in asking.columns(PEOPLE).items()}
    status, masks = await asking.masks(ANA, upper, columns)
    assert (status, [entry["index"] for entry in masks]) == (200, [0, 1, 2])
    assert (await asking.filters(ANA, upper))[1]
    assert await asking.select(ANA, upper, "NAME") == (200, True)


async def test_every_other_operation_is_denied(asking: Asking) -> None:
    for operation in (
        "CreateTable",
        "InsertIntoTable",
        "DeleteFromTable",
        "CreateViewWithSelectFromColumns",
        "ExecuteFunction",
        "ExecuteProcedure",
        "ImpersonateUser",
        "KillQueryOwnedBy",
        "SetCatalogSessionProperty",
        "NotInvented",
    ):
        got = await asking.allow(MO, operation, table={**table(OPEN), "columns": ["id"]})
        assert got == (200, False), operation


async def test_session_properties_are_those_of_the_gateway(asking: Asking) -> None:
    for name, allowed in (("query_max_run_time", True), ("legacy_catalog_roles", False)):
        got = await asking.allow(
            ANA, "SetSystemSessionProperty", systemSessionProperty={"name": name}
        )
        assert got == (200, allowed)


class TestListing:
    async def test_catalogs_and_schemas(self, asking: Asking) -> None:
        named = [{"catalog": {"name": name}} for name in ("vault", "LAKE", "gov", "system")]
        assert await asking.listing(ANA, "FilterCatalogs", *named) == (200, [1, 3])
        assert await asking.listing(SAM, "FilterCatalogs", *named) == (200, [3])
        schemas = [
            {"schema": {"catalogName": catalog, "schemaName": schema}}
            for catalog, schema in (
                ("lake", "shop"),
                ("lake", "other"),
                ("lake", "information_schema"),
                ("vault", "information_schema"),
                ("system", "jdbc"),
                ("system", "runtime"),
            )
        ]
        assert await asking.listing(ANA, "FilterSchemas", *schemas) == (200, [0, 2, 4])

    async def test_a_table_is_listed_exactly_if_it_can_be_selected(self, asking: Asking) -> None:
        names = ("people", "orders", "staff", "open", *CLOSED)
        for user in (ANA, MO, SAM):
            listed = [{"table": table(f"lake.shop.{name}")} for name in names]
            _, shown = await asking.listing(user, "FilterTables", *listed)
            selectable = [
                at
                for at, name in enumerate(names)
                if (await asking.analyse(user, f"lake.shop.{name}"))[-1][1]
            ]
            assert shown == selectable, user

    async def test_columns_by_index_into_the_one_table(self, asking: Asking) -> None:
        columns = list(asking.columns(PEOPLE))
        item = {"table": {**table(PEOPLE), "columns": columns}}
        _, shown = await asking.listing(ANA, "FilterColumns", item)
        assert [columns[at] for at in shown] == ["id", "ssn", "name", "born", "region"]
        hidden = {"table": {**table("lake.shop.cases"), "columns": ["id"]}}
        assert await asking.listing(ANA, "FilterColumns", hidden) == (200, [])
        assert (await asking.listing(ANA, "FilterColumns", item, item))[0] == 500

    async def test_metadata_tables_are_open_where_their_catalog_is(self, asking: Asking) -> None:
        for name, user, seen in (
            ("lake.information_schema.columns", ANA, True),
            ("lake.information_schema.columns", SAM, False),
            ("vault.information_schema.columns", ANA, False),
            ("lake.information_schema.nothing", ANA, False),
            ("system.jdbc.tables", SAM, True),
            ("system.runtime.queries", ANA, False),
            ("system.metadata.table_comments", ANA, False),
        ):
            assert await asking.select(user, name, "x") == (200, seen), name
            assert await asking.filters(user, name) == (200, [] if seen else False), name
            assert await asking.masks(user, name) == (200, [] if seen else False), name


async def test_files_need_the_right_and_an_unrestricted_table(asking: Asking) -> None:
    for user, name, seen in (
        (MO, "open", True),
        (ANA, "open", False),  # no right
        (MO, "people", False),  # a denied column
        (ANA, "people", False),
    ):
        files = f"lake.shop.{name}$files"
        assert await asking.select(user, files, "file_path") == (200, seen), (user, name)
        assert await asking.filters(user, files) == (200, [] if seen else False)
        assert await asking.masks(user, files, {"file_path": "varchar"}) == (
            200,
            [] if seen else False,
        )
    assert await asking.select(MO, OPEN, "id", "$path") == (200, True)
    assert await asking.select(MO, "lake.shop.open$unheard", "x") == (200, False)


async def test_tables_that_may_not_be_read_together_are_both_closed(asking: Asking) -> None:
    """Trino asks table by table, so it could not be told apart from reading one of them."""
    (asking.root / "policies/global/query.rego").write_text(
        """# METADATA
# title: Not together
# custom:
#   owner: platform
package global.query

import rego.v1

decision := {"deny": deny, "obligations": set()}

names contains t.fqn if some t in input.tables

deny contains {"id": "toxic", "reason": {"message": "not together"}} if {
	"lake.shop.people" in names
	"lake.shop.open" in names
}
"""
    )
    for name, seen in ((PEOPLE, False), (OPEN, False), (STAFF, True), (ORDERS, True)):
        assert (await asking.analyse(ANA, name))[-1] == (200, seen), name
