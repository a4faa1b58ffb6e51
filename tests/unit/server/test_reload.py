"""Files taken up when they change, and trusted for a while when they break."""

from __future__ import annotations

import os

import pytest

from gateway.server.reload import Reloaded


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def number(path):
    return int(path.read_text())


def write(path, text, stamp):
    path.write_text(text)
    os.utime(path, ns=(stamp, stamp))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "number"
    write(path, "1", 10**18)
    return path


def test_a_change_is_taken_up_with_a_new_version(file):
    clock = Clock()
    value = Reloaded(file, number, 0, clock=clock)
    before = value.version
    write(file, "2", 2 * 10**18)
    assert value.current() == 1
    clock.now = 1
    assert value.current() == 2
    assert value.version != before


def test_a_broken_file_keeps_its_last_good_value_for_half_a_minute(file):
    clock = Clock()
    value = Reloaded(file, number, 0, clock=clock)
    write(file, "x", 2 * 10**18)
    clock.now = 1
    assert value.current() == 1
    clock.now = 30
    assert value.current() == 1
    clock.now = 32
    assert value.current() == 0
    assert value.version == "unreadable"
    write(file, "3", 3 * 10**18)
    clock.now = 33
    assert value.current() == 3


def test_a_vanished_file_gives_nothing_after_a_while(file):
    clock = Clock()
    value = Reloaded(file, number, 0, clock=clock)
    file.unlink()
    clock.now = 1
    assert value.current() == 1
    clock.now = 60
    assert value.current() == 0


def test_a_missing_file_is_refused_unless_optional(tmp_path):
    with pytest.raises(OSError, match="none"):
        Reloaded(tmp_path / "none", number, 0)
    assert Reloaded(tmp_path / "none", number, 0, optional=True).current() == 0
