"""A policy server that fails, or changes its mind, leaks nothing through a real Trino."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Hashable

import pytest

from gateway.lock.pins import Pin, Pins
from tests.trino.lockpart import Answer, Fault, Forward, Locked, RefusedError

pytestmark = [pytest.mark.xdist_group("lock"), pytest.mark.timeout(400)]

SECRETS = "SELECT region, ssn FROM lake.members.members"
STATEMENTS = (
    SECRETS,
    "SELECT ssn FROM lake.members.members",
    "SELECT region, count(*) FROM lake.members.members GROUP BY region",
    "SELECT count(*) FROM lake.members.members",
)


def _saying(status: int, body: bytes) -> Fault:
    async def fault(_: Forward) -> Answer:
        return status, body

    return fault


async def _truncated(forward: Forward) -> Answer:
    status, body = await forward()
    return status, body[: len(body) // 2]


async def _emptied(forward: Forward) -> Answer:
    await forward()
    return 200, b'{"result":[]}'


async def _slow(forward: Forward) -> Answer:
    await asyncio.sleep(3)
    return await forward()


FAULTS: dict[str, Fault] = {
    "500": _saying(500, b""),
    "404": _saying(404, b""),
    "{}": _saying(200, b"{}"),
    "null": _saying(200, b'{"result":null}'),
    "[]": _saying(200, b"[]"),
    "text": _saying(200, b"yes"),
    "nothing": _saying(200, b""),
    "never asked": _saying(200, b'{"result":[]}'),  # what an address left out means to Trino
    "truncated": _truncated,
    "slow": _slow,
}
WAYS = ("allow", "batch", "rowFilters", "batchColumnMasks")


@pytest.fixture(scope="module")
def right(lock_part: Locked) -> dict[str, list[tuple[object, ...]]]:
    """What ana may see."""
    lock_part.reset()
    return {sql: sorted(lock_part.direct("ana", sql), key=repr) for sql in STATEMENTS}


def _shown(place: Locked, sql: str) -> list[tuple[object, ...]] | None:
    """The rows of a statement, None where it is refused."""
    try:
        return sorted(place.direct("ana", sql), key=repr)
    except RefusedError:
        return None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_failing_address_leaks_nothing(place, right, way: str, fault: str) -> None:
    slow = fault == "slow"
    for sql in STATEMENTS[:1] if slow else STATEMENTS:
        place.reset()
        place.switch.faults[way] = FAULTS[fault]
        shown = _shown(place, sql)
        if way == "batch":  # asked by listings and by ``*`` alone
            assert shown == right[sql]
            assert _shown(place, "SHOW SCHEMAS FROM lake") in (None, [])
        else:
            assert shown is None, (sql, len(shown))


def test_an_error_names_no_decision(place) -> None:
    place.switch.faults["rowFilters"] = FAULTS["500"]
    with pytest.raises(RefusedError) as refused:
        place.direct("ana", SECRETS)
    assert not re.search(r"EU|ssn1_|member_id|analysts|hmac", str(refused.value))


class Forgetful(Pins):
    """Pins that never remember: what the lock would be without the consistency rule."""

    def hold(self, _identity: str, _subject: Hashable, truth: Hashable) -> Pin:
        pin = Pin(truth)
        pin.filters_given(self.clock())
        pin.masks_seen(self.clock())
        return pin


_OPENED = (
    ("global/guardrails.rego", '"pii.ssn" in c.tags', '"pii.none" in c.tags'),
    ("domains/members/policy.rego", "not team", "false; not team"),
)


def _sweep(place: Locked, *, forgetful: bool) -> list[list[tuple[object, ...]] | None]:
    """Change the policy before each single question of one statement in turn."""
    shown = []
    at = 0
    while True:
        place.reset()
        if forgetful:
            pins = Forgetful(60.0, place.switch.lock._pins.clock)
            place.switch.lock._pins = pins

        def change(number: int, wanted: int = at) -> None:
            if number == wanted:
                for file, old, new in _OPENED:
                    place.change(file, old, new)

        place.switch.before = change
        shown.append(_shown(place, SECRETS))
        if len(place.switch.asked) <= at:  # it ended before: every question had its turn
            return shown
        at += 1


def test_a_decision_that_changes_between_two_questions_unmasks_nothing(place, right) -> None:
    found = _sweep(place, forgetful=False)
    after = found[0]  # changed before the first question: simply the new policy
    assert after is not None
    assert after != right[SECRETS]
    assert found[-1] == right[SECRETS]
    mixed = [rows for rows in found if rows not in (None, right[SECRETS], after)]
    assert not mixed
    refused = sum(rows is None for rows in found)
    assert refused >= 5, f"{refused} of {len(found)}"


def test_without_pins_the_same_change_does_unmask(place, right) -> None:
    """The control: the sweep above would notice."""
    found = _sweep(place, forgetful=True)
    after = found[0]
    assert any(rows not in (None, right[SECRETS], after) for rows in found[1:-1])
