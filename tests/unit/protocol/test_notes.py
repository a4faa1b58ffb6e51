"""Notes travel in addresses: complete where they fit, and saying so where they do not."""

from __future__ import annotations

import json
import secrets

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.notes import MAX_PACKED, distinct, notes_json, pack, unpack
from gateway.protocol.poll import MAX_SLUG, Poll, PollKeys, Relay, Sealer, room
from gateway.relayed import Handle
from gateway.results import Warning_

ID = "20261120_101500_00007_x7k2p"
HANDLE = Handle("main", "20261121_120000_00001_zzzzz", "queued", "y" + "f" * 40, 1)
warnings = st.lists(
    st.builds(Warning_, st.integers(0, 20), st.just("MESHGATE_ROWS_FILTERED"), st.text()),
    max_size=12,
)


def long_notes(count):
    """Notes that do not compress."""
    return [Warning_(at, f"MESHGATE_{at}", secrets.token_hex(150)) for at in range(count)]


def test_few_notes_come_back_as_they_were():
    notes = (Warning_(1, "A", "rows limited"), Warning_(2, "B", "masked · für alle"))
    assert unpack(pack(notes, MAX_PACKED)) == notes
    assert [w["message"] for w in json.loads(notes_json(pack(notes, MAX_PACKED)))] == [
        "rows limited",
        "masked · für alle",
    ]
    assert pack((), MAX_PACKED) == b""
    assert json.loads(notes_json(b"")) == []


def test_too_many_notes_say_how_many_are_missing():
    notes = long_notes(9)
    found = unpack(pack(notes, 700))
    assert 1 <= len(found) < 9
    assert found[:-1] == tuple(notes[: len(found) - 1])
    assert found[-1].message.startswith(notes[len(found) - 1].message)
    assert f"(and {9 - len(found)} more notes: EXPLAIN ACCESS shows all)" in found[-1].message


def test_one_huge_note_is_cut():
    (found,) = unpack(pack([Warning_(7, "A", secrets.token_hex(5000))], 500))
    assert found.message.endswith(" …")
    assert len(found.message) > 100


def test_lone_surrogates_do_not_break_a_page():
    assert json.loads(notes_json(pack([Warning_(7, "A", "\ud800")], 500)))[0]["message"] == "?"


@given(warnings, st.integers(0, 2000))
def test_notes_always_fit(found, space):
    packed = pack(found, space)
    assert len(packed) <= min(space, MAX_PACKED)
    kept = unpack(packed)
    assert len({w.code for w in kept}) == len(kept)
    if len(kept) == len(distinct(found)):
        assert [w.code for w in kept] == [w.code for w in distinct(found)]


@given(warnings, st.text(max_size=64), st.integers(0, 2**62), st.integers(0, 10**11 - 1))
def test_addresses_stay_short_to_the_end(found, person, rows, token):
    sealer = Sealer(PollKeys((b"k" * 32,)))
    person = person.encode("utf-8", "replace").decode()
    first = Poll(ID, "queued", 1, person, person, "c" * 32, "01M7ZK2RXB40ZMD66FRG07RFZM", True)  # noqa: FBT003
    bare = Relay(HANDLE, 1e9, 2e9)
    notes = pack([*found, *long_notes(4)], room(Poll(*_with(first, bare))))
    last = Handle("main", HANDLE.upstream_id, "executing", HANDLE.slug, token, 2, 99)
    relay = Relay(last, 1e9, 2e9, rows, rows, notes)
    path = sealer.path(Poll(ID, "partialCancel", token, *_with(first, relay)[3:]))
    assert len(path.split("/")[-2]) <= MAX_SLUG
    opened = sealer.open(*path.split("/")[3:])
    assert opened.relay == relay


def _with(poll, relay):
    return (
        poll.query_id, poll.phase, poll.token, poll.subject, poll.actor, poll.credential,
        poll.decision_id, poll.restricted, poll.expires, relay,
    )  # fmt: skip
