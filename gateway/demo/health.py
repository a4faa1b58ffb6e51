"""The health mesh: members, providers, claims and their calls, none of it real."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.demo import calls, claims, members, providers
from gateway.demo.data import DemoTable


def tables() -> Iterator[DemoTable]:
    """Give every table of the four domains."""
    for domain in (members, providers, claims, calls):
        yield from domain.tables()
