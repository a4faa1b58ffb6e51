"""One page is read ahead: never two, never for long, and never instead of the cluster's word."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import MeshgateError
from gateway.query.ahead import ReadAhead, Slots
from gateway.relayed import Handle, Progress, RelayedPage

FIRST = Handle("main", "20261121_120000_00001_abcde", "executing", "s", 1)
SECOND = Handle("main", "20261121_120000_00001_abcde", "executing", "t", 2)


class Cluster:
    """Gives each page as scripted, and notes what it was asked for."""

    def __init__(self, *pages: RelayedPage | MeshgateError) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[Handle, float]] = []

    async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
        self.asked.append((handle, patience))
        await asyncio.sleep(0)
        found = self.pages.pop(0)
        if isinstance(found, MeshgateError):
            raise found
        return found


def rows(data: bytes) -> RelayedPage:
    return RelayedPage(Progress("RUNNING"), data=data, rows=1, next=SECOND)


EMPTY = RelayedPage(Progress("RUNNING"), next=SECOND)


async def test_a_page_with_rows_is_asked_for_once() -> None:
    cluster, slots = Cluster(rows(b"[[1]]")), Slots(1)
    ahead = ReadAhead(cluster, slots)
    ahead.start(FIRST)
    assert slots.free == 0
    assert (await ahead.page(FIRST, 1.0)).data == b"[[1]]"
    assert cluster.asked == [(FIRST, 0.0)]
    assert slots.free == 1


async def test_an_empty_page_is_waited_for_again() -> None:
    cluster = Cluster(EMPTY, rows(b"[[1]]"))
    ahead = ReadAhead(cluster, Slots())
    ahead.start(FIRST)
    assert (await ahead.page(FIRST, 0.5)).data == b"[[1]]"
    assert cluster.asked == [(FIRST, 0.0), (FIRST, 0.5)]


async def test_another_page_than_the_one_read_ahead_is_asked_for() -> None:
    cluster = Cluster(rows(b"[[1]]"), rows(b"[[2]]"))
    ahead = ReadAhead(cluster, Slots())
    ahead.start(FIRST)
    await asyncio.sleep(0.01)
    assert (await ahead.page(SECOND, 1.0)).data == b"[[2]]"


async def test_what_waited_a_second_is_asked_for_anew() -> None:
    now = 0.0
    gone = MeshgateError("USER_CANCELED", "ended elsewhere")
    ahead = ReadAhead(Cluster(rows(b"[[1]]"), gone), slots := Slots(1), lambda: now)
    ahead.start(FIRST)
    await asyncio.sleep(0.01)
    now = 1.0
    with pytest.raises(MeshgateError, match="ended elsewhere"):
        await ahead.page(FIRST, 1.0)
    assert slots.free == 1


async def test_its_error_is_the_page_s() -> None:
    ahead = ReadAhead(Cluster(MeshgateError("REMOTE_HOST_GONE", "lost")), slots := Slots(1))
    ahead.start(FIRST)
    await asyncio.sleep(0.01)
    with pytest.raises(MeshgateError, match="lost"):
        await ahead.page(FIRST, 1.0)
    assert slots.free == 1


async def test_who_waits_for_what_is_dropped_hears_the_cluster() -> None:
    class Slow(Cluster):
        async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
            if not self.asked:
                self.asked.append((handle, patience))
                await asyncio.sleep(5)
            return await super().page(handle, patience)

    canceled = MeshgateError("USER_CANCELED", "Query was canceled")
    ahead = ReadAhead(Slow(canceled), slots := Slots(1))
    ahead.start(FIRST)
    waiting = asyncio.create_task(ahead.page(FIRST, 1.0))
    await asyncio.sleep(0.01)
    ahead.drop()
    with pytest.raises(MeshgateError, match="canceled"):
        await waiting
    assert slots.free == 1


async def test_without_room_nothing_is_read_ahead() -> None:
    cluster, slots = Cluster(rows(b"[[1]]"), rows(b"[[2]]")), Slots(1)
    one, other = ReadAhead(cluster, slots), ReadAhead(cluster, slots)
    one.start(FIRST)
    other.start(SECOND)
    await asyncio.sleep(0.01)
    assert cluster.asked == [(FIRST, 0.0)]
    one.drop()
    assert slots.free == 1
    assert (await other.page(SECOND, 1.0)).data == b"[[2]]"


LAST = RelayedPage(Progress("FINISHED", percent=100), update_count=7)


THIRD = Handle("main", "20261121_120000_00001_abcde", "executing", "u", 3)


async def test_few_rows_come_with_the_end_that_follows_at_once() -> None:
    cluster = Cluster(RelayedPage(Progress("RUNNING"), next=THIRD), LAST)
    ahead = ReadAhead(cluster, slots := Slots(1))
    found = await ahead.with_end(rows(b"[[1]]"))
    assert (found.data, found.rows, found.next) == (b"[[1]]", 1, None)
    assert (found.progress.state, found.update_count) == ("FINISHED", 7)
    assert cluster.asked == [(SECOND, 0.0), (THIRD, 0.0)]
    assert slots.free == 1


@pytest.mark.parametrize(
    "after",
    [rows(b"[[2]]"), RelayedPage(Progress("FAILED"), error=MeshgateError("DIVISION_BY_ZERO", "x"))],
)
async def test_rows_and_errors_are_left_for_their_own_address(after: RelayedPage) -> None:
    ahead = ReadAhead(Cluster(after), Slots())
    page = rows(b"[[1]]")
    assert await ahead.with_end(page) is page
    found = await ahead.page(SECOND, 0.5)
    assert (found.data, found.error) == (after.data, after.error)


async def test_rows_do_not_wait_for_an_end_that_is_far() -> None:
    """And their next page is the cluster's current one, so that any gateway can give it."""

    class Slow(Cluster):
        async def page(self, handle: Handle, patience: float = 1.0) -> RelayedPage:
            found = await super().page(handle, patience)
            await asyncio.sleep(5 if handle == THIRD else 0)
            return found

    cluster = Slow(RelayedPage(Progress("RUNNING"), next=THIRD), LAST)
    ahead = ReadAhead(cluster, Slots())
    async with asyncio.timeout(2):
        found = await ahead.with_end(rows(b"[[1]]"))
    assert (found.data, found.next) == (b"[[1]]", THIRD)
    ahead.drop()


async def test_an_end_that_failed_to_come_is_met_by_who_asks_for_it() -> None:
    gone = MeshgateError("REMOTE_HOST_GONE", "lost")
    ahead = ReadAhead(Cluster(gone), Slots())
    page = rows(b"[[1]]")
    assert await ahead.with_end(page) is page
    with pytest.raises(MeshgateError, match="lost"):
        await ahead.page(SECOND, 0.5)


async def test_many_rows_wait_for_nothing() -> None:
    cluster = Cluster(LAST)
    page = rows(b"[[1" + b"1" * 100_000 + b"]]")
    assert await ReadAhead(cluster, Slots()).with_end(page) is page
    assert cluster.asked == []
