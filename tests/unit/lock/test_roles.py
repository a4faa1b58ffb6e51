"""Everybody but direct logins, and requests that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.names import TableName
from gateway.state.active import ActiveDecision
from tests.unit.lock.asking import Asking, question, table

PEOPLE, OPEN, KEYS = "lake.shop.people", "lake.shop.open", "gov.gw.keys"
KEY_COLUMNS = {"id": "varchar(64)", "k": "varchar(64)", "fp": "varchar(12)"}
_LATER = datetime(2100, 1, 1, tzinfo=UTC)
READING = ActiveDecision(
    "q1", "ana", "d1", _LATER, _LATER, {TableName.parse(PEOPLE): frozenset({"id", "region"})}
)


class TestBare:
    async def test_without_an_active_decision_nothing(self, asking: Asking) -> None:
        assert await asking.allow("ana", "ExecuteQuery") == (200, False)
        assert await asking.access("ana") == (200, False)
        assert await asking.select("ana", PEOPLE, "id") == (200, False)
        assert await asking.filters("ana", PEOPLE) == (200, False)
        assert await asking.masks("ana", PEOPLE) == (200, False)

    async def test_with_one_exactly_what_it_reads(self, asking: Asking) -> None:
        await asking.active.open(READING)
        assert await asking.allow("ana", "ExecuteQuery") == (200, True)
        assert await asking.access("ana") == (200, True)
        assert await asking.masks("ana", PEOPLE) == (200, [])
        assert await asking.filters("ana", PEOPLE) == (200, [])
        assert await asking.select("ana", PEOPLE, "id", "REGION") == (200, True)
        assert await asking.select("ana", PEOPLE) == (200, True)
        assert await asking.select("ana", PEOPLE, "id", "ssn") == (200, False)
        assert await asking.select("ana", OPEN, "id") == (200, False)
        assert await asking.filters("ana", OPEN) == (200, False)
        assert await asking.access("ana", "gov") == (200, False)
        assert await asking.select("mo", PEOPLE, "id") == (200, False)

    async def test_its_filter_holds_again_below_the_text_s_own(self, asking: Asking) -> None:
        people = TableName.parse(PEOPLE)
        here = replace(READING, filters={people: "region = 'EU'"})
        await asking.active.open(here)
        assert await asking.filters("ana", PEOPLE) == (200, [{"expression": "region = 'EU'"}])
        await asking.active.open(replace(here, query_id="q2"))
        assert await asking.filters("ana", PEOPLE) == (200, [{"expression": "region = 'EU'"}])

    async def test_of_two_filters_a_row_passes_either(self, asking: Asking) -> None:
        people = TableName.parse(PEOPLE)
        await asking.active.open(replace(READING, filters={people: "a = 1"}))
        await asking.active.open(replace(READING, query_id="q2", filters={people: "b = 2"}))
        either = "(a = 1) OR (b = 2)"
        barrier = f'({either}) AND CASE WHEN "system"."builtin".random() < 0 THEN FALSE'
        assert await asking.filters("ana", PEOPLE) == (
            200,
            [{"expression": f"{barrier} ELSE ({either}) END"}],
        )
        await asking.active.open(replace(READING, query_id="q3"))
        assert await asking.filters("ana", PEOPLE) == (200, [])

    async def test_columns_of_two_statements_do_not_add_up(self, asking: Asking) -> None:
        other = replace(READING, query_id="q2", reads={TableName.parse(PEOPLE): frozenset({"ssn"})})
        await asking.active.open(READING)
        await asking.active.open(other)
        assert await asking.select("ana", PEOPLE, "ssn") == (200, True)
        assert await asking.select("ana", PEOPLE, "id", "ssn") == (200, False)

    async def test_keys_only_while_a_keyed_mask_is_read(self, asking: Asking) -> None:
        await asking.active.open(READING)
        assert await asking.select("ana", KEYS, "k") == (200, False)
        await asking.active.close("q1")
        await asking.active.open(replace(READING, keyed=True))
        assert await asking.select("ana", KEYS, "id", "k") == (200, True)
        assert await asking.select("ana", KEYS, "fp") == (200, False)
        assert await asking.access("ana", "gov") == (200, True)
        assert await asking.masks("ana", KEYS, KEY_COLUMNS) == (200, [])

    async def test_nothing_is_listed_created_or_owned(self, asking: Asking) -> None:
        await asking.active.open(READING)
        item = {"table": {**table(PEOPLE), "columns": ["id"]}}
        for operation in ("FilterTables", "FilterColumns", "FilterViewQueryOwnedBy"):
            assert await asking.listing("ana", operation, item) == (200, [])
        for operation in ("CreateViewWithSelectFromColumns", "CreateView", "ShowColumns"):
            assert await asking.allow("ana", operation, **item) == (200, False), operation

    async def test_what_another_gateway_opened_just_now_is_seen(self, asking: Asking) -> None:
        await asking.active.open(READING)
        asking.active.stale = True
        assert await asking.select("ana", PEOPLE, "id") == (200, True)
        assert await asking.filters("ana", PEOPLE) == (200, [])
        assert await asking.select("ana", PEOPLE, "ssn") == (200, False)

    async def test_unknown_state_is_a_doubt(self, asking: Asking) -> None:
        asking.active.broken = True
        assert await asking.select("ana", PEOPLE, "id") == (500, b"")


class TestKeyReader:
    async def test_reads_keys_and_governed_tables_and_nothing_else(self, asking: Asking) -> None:
        who = "meshgate-keys"
        assert await asking.select(who, KEYS, "id", "k") == (200, True)
        assert await asking.select(who, KEYS, "fp") == (200, False)
        assert await asking.select(who, PEOPLE, "ssn") == (200, True)
        assert await asking.select(who, "lake.shop.nothing", "id") == (200, False)
        assert await asking.filters(who, PEOPLE) == (200, [])
        assert await asking.masks(who, KEYS, KEY_COLUMNS) == (200, [])
        assert await asking.filters(who, "tpch.tiny.nation") == (200, False)
        for catalog, seen in (("gov", True), ("lake", True), ("tpch", False)):
            assert await asking.access(who, catalog) == (200, seen)
        for operation in ("ExecuteQuery", "ShowTables", "ImpersonateUser"):
            assert await asking.allow(who, operation, user={"user": "ana"}) == (200, False)


class TestService:
    async def test_impersonates_bare_names_alone(self, asking: Asking) -> None:
        for name, allowed in (
            ("ana", True),
            ("ana@direct", False),
            ("ANA@DIRECT", False),
            ("meshgate", False),
            ("meshgate-keys", False),
            ("MeshGate", False),
            (" ana", False),
            ("", False),
        ):
            got = await asking.allow("meshgate", "ImpersonateUser", user={"user": name})
            assert got == (200, allowed), name
        for user in ("ana", "ana@direct", "meshgate-keys", "who"):
            got = await asking.allow(user, "ImpersonateUser", user={"user": "mo"})
            assert got == (200, False), user

    async def test_reads_keys_and_listings_but_no_data(self, asking: Asking) -> None:
        for name, seen in (
            (KEYS, True),
            ("lake.information_schema.columns", True),
            ("system.jdbc.columns", True),
            ("system.runtime.nodes", True),
            (PEOPLE, False),
            ("tpch.tiny.nation", False),
            ("lake.shop.people$files", False),
        ):
            assert await asking.select("meshgate", name, "id") == (200, seen), name
            assert await asking.filters("meshgate", name) == (200, [] if seen else False), name

    async def test_lists_views_and_ends_queries(self, asking: Asking) -> None:
        item = {"table": {**table(PEOPLE), "columns": ["id", "ssn"]}}
        for operation in ("FilterTables", "FilterViewQueryOwnedBy", "FilterCatalogs"):
            assert await asking.listing("meshgate", operation, item, item) == (200, [0, 1])
        assert await asking.listing("meshgate", "FilterColumns", item) == (200, [0, 1])
        for operation in ("ViewQueryOwnedBy", "KillQueryOwnedBy", "ExecuteQuery"):
            assert await asking.allow("meshgate", operation, user={"user": "ana"}) == (200, True)
        for operation in ("CreateTable", "DropTable", "ExecuteFunction", "CreateView"):
            assert await asking.allow("meshgate", operation, **item) == (200, False), operation


@pytest.mark.parametrize("user", ["MESHGATE", "meshgate2", "", "a b", "x@direct@direct"])
async def test_names_that_only_look_like_one_are_nobody_s(asking: Asking, user: str) -> None:
    assert await asking.allow(user, "ExecuteQuery") == (200, False)
    assert await asking.masks(user, OPEN) == (200, False)


class TestNoQuestion:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b"{" * 5000,
            b'{"input":{}}',
            b'{"input":{"context":{"identity":{}},"action":{"operation":"ExecuteQuery"}}}',
            question("ana@direct", "ExecuteQuery")[:-1],
            b"\xff" + question("ana@direct", "ExecuteQuery"),
        ],
    )
    @pytest.mark.parametrize("way", ["allow", "batch", "rowFilters", "batchColumnMasks"])
    async def test_what_is_no_question_gets_no_answer(
        self, asking: Asking, way: str, body: bytes
    ) -> None:
        assert await asking.post(way, body) == (500, b"")

    async def test_resources_must_be_there(self, asking: Asking) -> None:
        for operation in ("SelectFromColumns", "AccessCatalog", "ShowTables", "ShowColumns"):
            assert await asking.ask("allow", "ana@direct", operation) == (500, b""), operation
        named = table(PEOPLE)
        assert await asking.allow("ana@direct", "SelectFromColumns", table=named) == (500, b"")

    async def test_questions_belong_to_their_address(self, asking: Asking) -> None:
        resource = {"table": table(OPEN)}
        for way in ("rowFilters", "batchColumnMasks"):
            got = await asking.ask(way, "mo@direct", "SelectFromColumns", resource=resource)
            assert got == (500, b""), way
        for way, empty in (("allow", False), ("batch", [])):
            got = await asking.ask(way, "mo@direct", "GetRowFilters", resource=resource)
            assert got == (200, empty), way

    async def test_other_addresses_and_methods_are_not_there(self, asking: Asking) -> None:
        body = question("ana@direct", "ExecuteQuery")
        assert (await asking.post("columnMask", body))[0] == 404
        assert (await asking.post("allow", body, method="GET"))[0] == 404

    async def test_masks_of_two_tables_or_of_one_column_twice(self, asking: Asking) -> None:
        def column(name: str, of: str) -> dict[str, object]:
            return {"column": {**table(of), "columnName": name, "columnType": "bigint"}}

        for listed in (
            [],
            [column("id", OPEN), column("id", PEOPLE)],
            [column("id", OPEN), column("ID", OPEN)],
        ):
            got = await asking.ask(
                "batchColumnMasks", "mo@direct", "GetColumnMask", filterResources=listed
            )
            assert got == (500, b"")
