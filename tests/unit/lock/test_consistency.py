"""One window, one answer; and no answer to a cluster that does not ask for what restricts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.identity.directory import Directory
from tests.unit.lock.asking import PIN_SECONDS, Asking

ANA, MO = "ana@direct", "mo@direct"
PEOPLE, ORDERS, STAFF, OPEN = (
    f"lake.shop.{name}" for name in ("people", "orders", "staff", "open")
)
DOUBT = (500, b"")
UNMASK = ('"partial" in c.tags', '"partial" in c.tags; false')


async def test_a_mask_that_falls_away_inside_the_window_unmasks_nothing(asking: Asking) -> None:
    _, masks = await asking.masks(ANA, STAFF)
    assert masks
    asking.change(*UNMASK)
    assert await asking.select(ANA, STAFF, "name") == DOUBT
    assert await asking.masks(ANA, STAFF) == DOUBT
    assert await asking.filters(ANA, STAFF) == DOUBT


async def test_a_mask_that_appears_inside_the_window_is_not_taken_for_an_old_answer(
    asking: Asking,
) -> None:
    asking.change(*UNMASK)
    assert await asking.masks(ANA, STAFF) == (200, [])
    asking.change(UNMASK[1], UNMASK[0])
    assert await asking.select(ANA, STAFF, "name") == DOUBT


async def test_a_denied_column_never_opens_inside_the_window(asking: Asking) -> None:
    assert await asking.select(MO, PEOPLE, "pin") == (200, False)
    asking.change('"secret" in c.tags', '"never" in c.tags')
    assert await asking.select(MO, PEOPLE, "pin") == DOUBT


async def test_the_window_lasts_beyond_the_last_answer(asking: Asking) -> None:
    await asking.analyse(ANA, STAFF, "name")
    asking.now += PIN_SECONDS - 1
    await asking.analyse(ANA, STAFF, "name")
    asking.change(*UNMASK)
    asking.now += PIN_SECONDS - 2
    assert await asking.select(ANA, STAFF, "name") == DOUBT
    asking.now += 2
    assert await asking.masks(ANA, STAFF) == (200, [])
    assert await asking.select(ANA, STAFF, "name") == (200, True)


async def test_what_did_not_change_goes_on(asking: Asking) -> None:
    for name in (STAFF, OPEN):
        await asking.analyse(ANA, name, "id")
    asking.change(*UNMASK)
    assert await asking.select(ANA, OPEN, "id") == (200, True)
    assert await asking.select(ANA, STAFF, "id") == DOUBT


async def test_a_catalog_that_goes_dark_inside_the_window_is_a_doubt(asking: Asking) -> None:
    """Trino drops a mask where the catalog is refused for a moment."""
    assert await asking.access(ANA) == (200, True)
    asking.change('"analysts" in input.subject.groups', '"nobody" in input.subject.groups')
    assert await asking.access(ANA) == DOUBT


async def test_a_person_who_comes_or_goes_inside_the_window_is_a_doubt(asking: Asking) -> None:
    await asking.masks(ANA, STAFF)
    everybody = asking.world
    asking.world = replace(everybody, directory=Directory())
    assert await asking.select(ANA, STAFF, "name") == DOUBT
    asking.now += PIN_SECONDS + 1
    assert await asking.select(ANA, STAFF, "name") == (200, False)
    asking.world = everybody
    assert await asking.select(ANA, STAFF, "name") == DOUBT


async def test_pins_are_forgotten_after_their_window(asking: Asking) -> None:
    for name in (STAFF, OPEN):
        await asking.analyse(ANA, name)
    asking.now += 2 * PIN_SECONDS + 1
    await asking.analyse(MO, OPEN)
    assert {identity for identity, _ in asking.lock._pins._pins} == {"mo"}


async def test_one_person_s_window_is_not_another_s(asking: Asking) -> None:
    await asking.masks(ANA, STAFF)
    asking.change(*UNMASK)
    assert (await asking.analyse(MO, STAFF, "name"))[-1] == (200, True)


class TestNotAsked:
    """What the lock does where Trino's configuration lacks an address: it opens nothing."""

    async def test_without_the_question_for_filters(self, asking: Asking) -> None:
        assert await asking.masks(ANA, ORDERS) == (200, [])
        assert await asking.select(ANA, ORDERS, "id") == DOUBT
        assert await asking.select(ANA, ORDERS) == DOUBT  # count(*)

    async def test_without_the_question_for_masks(self, asking: Asking) -> None:
        assert (await asking.filters(ANA, STAFF))[0] == 200
        assert await asking.select(ANA, STAFF, "name") == DOUBT

    async def test_a_mask_s_own_check_comes_before_the_filters_but_once(
        self, asking: Asking
    ) -> None:
        await asking.masks(ANA, PEOPLE)
        assert await asking.select(ANA, PEOPLE, "ssn") == (200, True)
        assert await asking.select(ANA, PEOPLE, "ssn") == DOUBT
        assert await asking.select(ANA, PEOPLE, "born") == DOUBT

    async def test_a_second_analysis_lends_the_first_no_credit(self, asking: Asking) -> None:
        await asking.masks(ANA, PEOPLE)
        assert await asking.select(ANA, PEOPLE, "ssn") == (200, True)
        asking.now += 5
        assert await asking.masks(ANA, PEOPLE) == DOUBT
        assert await asking.select(ANA, PEOPLE, "ssn") == DOUBT

    async def test_a_second_analysis_waits_for_the_first_one_s_filters(
        self, asking: Asking
    ) -> None:
        await asking.masks(ANA, PEOPLE)
        second = asyncio.create_task(asking.analyse(ANA, PEOPLE, "name"))
        await asyncio.sleep(0.05)
        assert not second.done()
        await asking.filters(ANA, PEOPLE)
        assert (await second)[-1] == (200, True)

    async def test_an_old_proof_is_none(self, asking: Asking) -> None:
        await asking.analyse(ANA, ORDERS, "id")
        for _ in range(3):
            asking.now += PIN_SECONDS / 2
            answer = await asking.select(ANA, ORDERS, "id")
        assert answer == DOUBT


async def test_a_failing_policy_is_a_doubt_to_its_holders(asking: Asking) -> None:
    asking.change('rights contains "metadata" if owner', "rights contains 1")
    assert await asking.masks(ANA, STAFF) == DOUBT
    assert await asking.select(ANA, STAFF, "id") == DOUBT


async def test_masks_are_answered_whole_or_not_at_all(asking: Asking) -> None:
    columns = asking.columns(PEOPLE)
    missing = {name: kind for name, kind in columns.items() if name != "ssn"}
    other = {**columns, "ssn": "varchar(9)"}
    for asked in (missing, other, {}):
        assert await asking.masks(ANA, PEOPLE, asked) == DOUBT
    more = {"new": "varchar", **columns}
    status, found = await asking.masks(ANA, PEOPLE, more)
    assert (status, [entry["index"] for entry in found]) == (200, [1, 2, 3])
