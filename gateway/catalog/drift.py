"""Whether Trino and Iceberg's own catalog tell the same tables, columns and types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.catalog.iceberg import IcebergField, IcebergTable
from gateway.catalog.inspecting import Name

Told = Mapping[Name, Sequence[tuple[str, str]]]
"""Trino's tables: (column, type as text) in order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing the two sides do not agree on. ``table`` is catalog.schema.table."""

    table: str
    said: str

    def __str__(self) -> str:
        return f"{self.table}: {self.said}"


def listing_sql(catalog: str, schemas: Iterable[str]) -> str:
    """Ask Trino for the columns of all tables of some schemas; views are left out.

    The names are those of domain files, ``[a-z][a-z0-9_]*``.
    """
    listed = ", ".join(f"'{schema}'" for schema in sorted(schemas))
    facts = f'"{catalog}".information_schema'
    return (
        "SELECT c.table_schema, c.table_name, c.column_name, c.data_type "  # noqa: S608
        f"FROM {facts}.columns c JOIN {facts}.tables t "
        "ON t.table_schema = c.table_schema AND t.table_name = c.table_name "
        f"WHERE t.table_type = 'BASE TABLE' AND t.table_schema IN ({listed}) "
        f"AND c.table_schema IN ({listed}) "
        "ORDER BY c.table_schema, c.table_name, c.ordinal_position"
    )


def told_by_trino(rows: Iterable[Sequence[object]]) -> Told:
    """Take the rows of :func:`listing_sql`."""
    found: dict[Name, list[tuple[str, str]]] = {}
    for schema, table, column, kind in rows:
        found.setdefault((str(schema), str(table)), []).append((str(column), str(kind)))
    return found


def differences(
    catalog: str, iceberg: Mapping[Name, IcebergTable | str], trino: Told
) -> Iterator[Difference]:
    """Give every difference of tables, in order.

    Columns of tables that cannot be read are not compared: one that Trino does not tell of,
    either, may be a view.
    """
    folded = {
        (schema.lower(), table.lower()): read
        for (schema, table), read in iceberg.items()
        if not _view(read, told=(schema.lower(), table.lower()) in trino)
    }
    for name in sorted(folded.keys() | trino.keys()):
        full = ".".join((catalog, *name))
        if name not in trino:
            yield Difference(full, "Iceberg's catalog has it, Trino does not")
        elif name not in folded:
            yield Difference(full, "Trino has it, Iceberg's catalog does not")
        elif isinstance(read := folded[name], IcebergTable):
            yield from (Difference(full, said) for said in _columns(read, trino[name]))


def _view(read: IcebergTable | str, *, told: bool) -> bool:
    return not told if isinstance(read, str) else read.view is not None


def _columns(table: IcebergTable, trino: Sequence[tuple[str, str]]) -> Iterator[str]:
    ours = {field.name.lower(): field for field in table.fields}
    theirs = dict(trino)
    if list(ours) != [name for name in theirs if name in ours] and ours.keys() <= theirs.keys():
        yield "the columns stand in another order in Trino"
    for name in dict.fromkeys((*ours, *theirs)):
        if name not in theirs:
            yield f"column {name} is unknown to Trino"
        elif name not in ours:
            yield f"column {name} is known to Trino alone"
        elif not _same(ours[name], theirs[name]):
            yield f"column {name} is {_kind(ours[name])} in Iceberg, {theirs[name]} in Trino"


def _same(field: IcebergField, text: str) -> bool:
    """A type that is not served here need not be compared: such a table is left out."""
    return field.type is None or field.type.display() == text


def _kind(field: IcebergField) -> str:
    return field.type.display() if field.type else field.written
