"""Sealed continuation: forged, aged, stolen and altered addresses lead nowhere."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.poll import (
    LIFETIME_SECONDS,
    MAX_SLUG,
    Poll,
    PollKeys,
    Sealer,
    UnknownPollError,
)

OLD, NEW = b"o" * 32, b"n" * 32
ID = "20261120_101500_00007_x7k2p"
POLL = Poll(ID, "executing", 3, "alice", "svc", "c" * 32, "d-1", restricted=True)


class Clock:
    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def parts(path):
    empty, v1, statement, phase, query_id, slug, token = path.split("/")
    assert (empty, v1, statement) == ("", "v1", "statement")
    return phase, query_id, slug, token


def test_what_was_sealed_comes_back():
    clock = Clock()
    sealer = Sealer(PollKeys((NEW,)), clock)
    found = sealer.open(*parts(sealer.path(POLL)))
    assert (found.subject, found.actor, found.token, found.restricted) == ("alice", "svc", 3, True)
    assert found.expires == clock.now + LIFETIME_SECONDS


def test_nothing_readable_stands_in_the_address():
    path = Sealer(PollKeys((NEW,))).path(POLL)
    slug = path.split("/")[-2]
    raw = base64.urlsafe_b64decode(slug.removeprefix("g1.") + "==")
    assert b"alice" not in raw
    assert slug.startswith("g1.")
    assert len(slug) < MAX_SLUG


def test_two_seals_of_the_same_differ():
    sealer = Sealer(PollKeys((NEW,)))
    assert sealer.path(POLL) != sealer.path(POLL)


@pytest.mark.parametrize(
    "altered",
    [
        ("queued", ID, None, "3"),
        ("executing", ID, None, "4"),
        ("executing", ID[:-1] + "q", None, "3"),
        ("partialCancel", ID, None, "3"),
        ("spooled", ID, None, "3"),
        ("executing", ID, "", "3"),
        ("executing", ID, "g1.", "3"),
        ("executing", ID, "g1.AAAA", "3"),
        ("executing", ID, "g2.AAAA", "3"),
        ("executing", ID, None, "-3"),
        ("executing", ID, None, "³"),
        ("executing", ID, None, "3" * 40),
        ("executing", ID, "g1." + "A" * 5000, "3"),
    ],
)
def test_an_altered_address_is_unknown(altered):
    sealer = Sealer(PollKeys((NEW,)))
    phase, query_id, slug, token = altered
    whole = parts(sealer.path(POLL))
    with pytest.raises(UnknownPollError):
        sealer.open(phase, query_id, whole[2] if slug is None else slug, token)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
@settings(max_examples=300, deadline=None)
def test_every_changed_byte_is_noticed(at, change):
    sealer = Sealer(PollKeys((NEW,)))
    phase, query_id, slug, token = parts(sealer.path(POLL))
    raw = bytearray(base64.urlsafe_b64decode(slug.removeprefix("g1.") + "=="))
    raw[at % len(raw)] ^= change
    forged = "g1." + base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises(UnknownPollError):
        sealer.open(phase, query_id, forged, token)


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_text_opens(text):
    sealer = Sealer(PollKeys((NEW,)))
    for slug in (text, "g1." + text):
        with pytest.raises(UnknownPollError):
            sealer.open("executing", ID, slug, "3")


def test_another_spelling_of_the_same_bytes_is_unknown():
    sealer = Sealer(PollKeys((NEW,)))
    phase, query_id, slug, token = parts(sealer.path(POLL))
    for other in (slug + "=", slug[:10] + "\n" + slug[10:], slug + "AA"):
        with pytest.raises(UnknownPollError):
            sealer.open(phase, query_id, other, token)


def test_an_address_ages_after_a_day():
    clock = Clock()
    sealer = Sealer(PollKeys((NEW,)), clock)
    address = parts(sealer.path(POLL))
    clock.now += LIFETIME_SECONDS - 1
    sealer.open(*address)
    clock.now += 2
    with pytest.raises(UnknownPollError):
        sealer.open(*address)


def test_after_a_rotation_old_addresses_open_and_new_ones_use_the_new_key():
    before = Sealer(PollKeys((OLD,)))
    after = Sealer(PollKeys((NEW, OLD)))
    assert after.open(*parts(before.path(POLL))).subject == "alice"
    with pytest.raises(UnknownPollError):
        before.open(*parts(after.path(POLL)))
    with pytest.raises(UnknownPollError):
        Sealer(PollKeys((NEW,))).open(*parts(before.path(POLL)))


async def test_a_stolen_address_is_unknown_to_others(world):
    page = (await world.client().post("SELECT 1")).page
    thief = world.client("bob")
    for method in ("GET", "HEAD", "DELETE"):
        assert (await thief.request(method, page["nextUri"])).status == 404
    assert (await world.client(None).get(page["nextUri"])).status == 401
    assert (await world.client().get(page["nextUri"])).page["data"] == [[1]]


async def test_an_address_of_another_gateway_is_unknown(world, make_world):
    other = make_world(keys=PollKeys((b"x" * 32,)))
    other.service.plans.update(world.service.plans)
    page = (await other.client().post("SELECT 1")).page
    assert (await world.client().get(page["nextUri"])).status == 404


async def test_a_page_never_reached_is_unknown(world):
    page = (await world.client().post("SELECT 1")).page
    ahead = world.sealer.path(Poll(page["id"], "executing", 5, "alice", "alice"))
    assert (await world.client().get(ahead)).status == 404
