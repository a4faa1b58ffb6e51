"""What a terminal is given to print."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gateway.cli.query import _print_table

HOSTILE = ["\x1b]0;owned\x07", "\x1b[2J", "a\rb", "\x9b31m", "\x00", "[red]no markup[/red]"]


@pytest.mark.parametrize("width", [20, 200])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_cannot_command_the_terminal(value: str, width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    _print_table(console, [{"name": value, "type": "varchar"}], [[value + "x" * 30]], 1)
    printed = file.getvalue()
    assert not {"\x1b", "\x07", "\r", "\x9b", "\x00"} & set(printed)
    if value.startswith("["):
        assert value[:4] in printed


def test_ordinary_text_stays_as_it_is() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, color_system=None)
    _print_table(console, [{"name": "städte", "type": "varchar"}], [["Ωmega\t日本"]], 1)
    assert "städte" in file.getvalue()
    assert "日本" in file.getvalue()
