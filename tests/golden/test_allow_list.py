"""Every entry of the allow-list is reached by a governed statement of the goldens."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.allow import RULES
from gateway.sql.model import Defaults, Statement
from gateway.sql.parse import parse
from tests.golden.cases import files, read
from tests.golden.outcomes import DEFAULTS

UNREACHABLE: dict[tuple[str, str], str] = {}
"""Entries no text can reach, each with its reason."""


def _statement(text: str, defaults: Defaults) -> Statement:
    found = parse(text, defaults)
    return found if found.text is None else parse(found.text, defaults)


def _reached() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for path in files():
        for case in read(path):
            if case.command != "govern":
                continue
            defaults = Defaults(*DEFAULTS[case.options["world"]])
            tree = _statement(case.text, defaults).tree
            assert tree is not None
            for node in tree.walk():
                found.add((type(node).__name__, ""))
                found |= {
                    (type(node).__name__, key)
                    for key, value in node.args.items()
                    if value is not None and value is not False and value != []
                }
    return found


def test_every_entry_of_the_allow_list_is_reached():
    entries = {(kind.__name__, key) for kind, rules in RULES.items() for key in ("", *rules)}
    assert entries - _reached() - UNREACHABLE.keys() == set()


def test_no_reason_is_stale():
    assert UNREACHABLE.keys() & _reached() == set()


def test_nodes_are_sqlglot_s():
    assert all(issubclass(kind, exp.Expression) for kind in RULES)
