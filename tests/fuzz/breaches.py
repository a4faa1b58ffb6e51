"""What must never be seen in governed text, as Trino's own parser reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.sql.model import Defaults
from gateway.sql.tables import complete
from tests.judge.judge import Named, Verdict

_PRIVATE = re.compile(r"\$g\d*")
_OURS = "system.builtin."


def breaches(
    given: Verdict,
    made: Verdict,
    claimed: Iterable[TableName],
    defaults: Defaults,
    called: Collection[str] = (),
) -> Iterator[str]:
    """What is wrong with a governed text.

    Args:
        given: what the judge reads in the user's text.
        made: what the judge reads in ours; a text it does not read is nobody's breach.
        claimed: the table of each reference, as the statement was decided.
        defaults: the connection's.
        called: functions the user calls in constants beside the text.

    """
    if not made.ok:
        return
    yield from table_breaches(given, made, defaults)
    if Counter(_names(made.tables, Defaults())) != Counter(".".join(_parts(n)) for n in claimed):
        yield "an unclaimed table"
    if given.ok and (unknown := _calls(made) - _calls(given) - {*given.table_functions, *called}):
        yield f"an unclaimed function: {min(unknown)}"
    if any(name.startswith("inline:") for name in made.functions):
        yield "an inline function"
    if made.kind != "Query":
        yield f"a {made.kind}"


def table_breaches(given: Verdict, made: Verdict, defaults: Defaults) -> Iterator[str]:
    """What concerns tables alone; the naive rewriter is judged by this."""
    for table in made.tables:
        if table.alias is None or not _PRIVATE.fullmatch(table.alias):
            yield f"a table outside a secured sub-query: {'.'.join(table.parts)}"
    if made.table_functions:
        yield f"a table function: {made.table_functions[0]}"
    read = Counter(_names(made.tables, Defaults()))
    if given.ok and read != Counter(_names(given.tables, defaults)):
        yield "other tables than the user named"


def _calls(verdict: Verdict) -> set[str]:
    return {name for name in verdict.functions if not name.startswith(_OURS)}


def _parts(name: TableName) -> tuple[str, str, str]:
    return name.catalog, name.schema, name.table


def _names(named: Iterable[Named], defaults: Defaults) -> Iterator[str]:
    for one in named:
        try:
            yield ".".join(_parts(complete(one.parts, defaults)))
        except MeshgateError:
            yield ".".join(one.parts)
