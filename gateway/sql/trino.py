"""A resolved query as Trino text: its own tree, with a secured sub-query at every scan."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from gateway.names import quote
from gateway.sql.model import ResolvedQuery, Scan
from gateway.sql.printer import Printer

Secured = Callable[[Scan], str]


class _TrinoPrinter(Printer):
    def __init__(self, scans: dict[int, Scan], secured: Secured) -> None:
        self._scans = scans
        self._secured = secured

    def table(self, node: exp.Table) -> str:
        alias = node.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise ValueError("a scan's alias cannot rename columns")
        return self._secured(self._scans[node.meta["scan"]])


def print_trino(resolved: ResolvedQuery, secured: Secured) -> str:
    """Print the whole statement; ``secured`` writes what stands at each scan, alias included."""
    scans = {scan.index: scan for scan in resolved.scans}
    return _TrinoPrinter(scans, secured).print(resolved.tree)


def outline(sql: str, secured: dict[str, str]) -> str:
    """Put plain names in the place of secured sub-queries.

    Args:
        sql: governed text.
        secured: secured sub-query text to the name that shall stand for it.

    """
    for text, name in sorted(secured.items(), key=lambda item: -len(item[0])):
        sql = sql.replace(text, quote(name))
    return sql
