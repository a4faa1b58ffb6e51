"""Where each output column comes from, and what each column read is used for.

Resolving finds the flow, and it is the same for every principal; ``lineage`` adds what was
decided for one of them. ``inherited`` is what a column made of an output must carry on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.catalog.model import Column, Table
from gateway.names import TableName
from gateway.policy.model import TableDecision
from gateway.sql.conditions import columns_of
from gateway.sql.groups import entities
from gateway.sql.model import GovernedQuery, Output

CLEAR = "allow"
Effects = Mapping[TableName, TableDecision]


@dataclass(frozen=True, slots=True)
class Source:
    """One column that flows into an output; ``effect`` is ``allow`` or ``mask:<kind>``."""

    table: TableName
    column: str
    effect: str


@dataclass(frozen=True, slots=True)
class OutputLineage:
    """One output: ``direct`` (the column itself), ``derived`` or ``aggregate``."""

    name: str
    kind: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """One column and its places: output, filter, join, group, order, window.

    ``by`` is ``user`` for the statement itself, ``policy`` for what was added to it.
    """

    table: TableName
    column: str
    places: tuple[str, ...]
    by: str = "user"


@dataclass(frozen=True, slots=True)
class Lineage:
    """The lineage of one governed statement.

    ``added`` is what policies use beside the statement: row filters and smallest groups. It
    tells of filters, so the audit record alone may hold it.
    """

    outputs: tuple[OutputLineage, ...]
    usage: tuple[Usage, ...]
    added: tuple[Usage, ...]


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a column made of an output is to be protected by."""

    tags: frozenset[str]
    classifications: frozenset[str]
    token_domains: frozenset[str]


def lineage(governed: GovernedQuery) -> Lineage:
    """Say of a governed statement what flows where, and how each source was treated."""
    decisions = {scan.table.name: scan.decision for scan in governed.scans}
    return Lineage(
        tuple(_output(output, decisions) for output in governed.outputs),
        tuple(
            Usage(table, column, tuple(sorted(places)))
            for (table, column), places in sorted(governed.usage.items())
        ),
        tuple(sorted(set(_added(governed)), key=lambda one: (one.table, one.column, one.places))),
    )


def effect(decisions: Effects, table: TableName, column: str) -> str:
    """How a column was treated: ``allow``, or ``mask:<kind>``."""
    decision = decisions.get(table)
    about = decision.column(column) if decision is not None else None
    return f"mask:{about.mask.kind}" if about is not None and about.mask is not None else CLEAR


def inherited(output: Output, tables: Mapping[TableName, Table]) -> Inherited:
    """Tags, classifications and token domains of every column that flows into an output.

    A masked or aggregated source counts whole: a copy is never less protected than what it
    was made of. KeyError for a source the mapping does not know.
    """
    columns = [_source(tables[table], column) for table, column in output.sources]
    return Inherited(
        frozenset(tag for column in columns for tag in column.tags),
        frozenset(column.classification for column in columns if column.classification),
        frozenset(column.token_domain for column in columns if column.token_domain),
    )


def _source(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise KeyError(name)
    return column


def _output(output: Output, decisions: Effects) -> OutputLineage:
    sources = (
        Source(table, column, effect(decisions, table, column)) for table, column in output.sources
    )
    return OutputLineage(output.name, output.kind, tuple(sources))


def _added(governed: GovernedQuery) -> Iterator[Usage]:
    for scan in governed.scans:
        condition = scan.decision.row_filter
        for column in columns_of(condition) if condition is not None else ():
            yield Usage(scan.table.name, column, ("filter",), "policy")
        for column in entities(scan.decision):
            yield Usage(scan.table.name, column, ("group",), "policy")
