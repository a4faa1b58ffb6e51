"""SHOW and DESCRIBE, answered from the visible catalog in Trino's shapes and words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.metadata.functions import function_rows
from gateway.metadata.like import matcher
from gateway.metadata.properties import SESSION_PROPERTIES
from gateway.metadata.reasons import unavailable
from gateway.metadata.rows import Relation, relations
from gateway.metadata.shapes import arrow_type
from gateway.metadata.stats import statistics
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName, fold, quote
from gateway.results import Answer, ResultColumn
from gateway.session import Session
from gateway.sql.absent import table_error
from gateway.sql.model import Kind, Position, Statement, TableRef

_VARCHAR, _BOOLEAN = DataType("varchar"), DataType("boolean")
_START = Position(1, 1)


def answer(statement: Statement, visible: VisibleCatalog, session: Session) -> Answer:
    """Answer one SHOW or DESCRIBE.

    Raises:
        MeshgateError: …_NOT_FOUND for what is absent or hidden, MISSING_CATALOG_NAME and
            MISSING_SCHEMA_NAME where nothing says which, NOT_SUPPORTED for other kinds.

    """
    show = _ANSWERS.get(statement.kind)
    if show is None:
        raise MeshgateError("NOT_SUPPORTED", f"{statement.kind} is not answered here")
    return show(statement, visible, session)


def table_answer(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Answer:
    """Make an answer of text columns; a heading may carry a type after a colon."""
    parts = [heading.partition(":") for heading in headings]
    columns = tuple(
        ResultColumn(name, _BOOLEAN if kind == "boolean" else _VARCHAR) for name, _, kind in parts
    )
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [
        pa.array(list(found), arrow_type(column.type))
        for column, found in zip(columns, values, strict=True)
    ]
    return Answer(columns, pa.table(arrays, names=[column.name for column in columns]))


def absent(ref: TableRef, visible: VisibleCatalog) -> MeshgateError:
    """Build the error for a table that this principal cannot name, absent or hidden alike."""
    domain = visible.unavailable.get((ref.name.catalog, ref.name.schema))
    if domain:
        return unavailable(domain)
    return table_error(ref, visible.catalogs, visible.schema_names)


def _like(words: Mapping[str, str | None]) -> Callable[[str], bool]:
    return matcher(words.get("like"), words.get("escape"))


def _catalog(statement: Statement, visible: VisibleCatalog) -> str:
    name = fold(statement.words.get("catalog") or statement.defaults.catalog or "")
    if not name:
        raise _at_start(
            "MISSING_CATALOG_NAME", "Catalog must be specified when session catalog is not set"
        )
    if name not in visible.catalogs:
        raise _at_start("CATALOG_NOT_FOUND", f"Catalog '{name}' not found")
    return name


def _schema(statement: Statement, visible: VisibleCatalog) -> tuple[str, str]:
    named = fold(statement.words.get("schema") or statement.defaults.schema or "")
    if not named:
        raise _at_start(
            "MISSING_SCHEMA_NAME", "Schema must be specified when session schema is not set"
        )
    asked = fold(statement.words.get("catalog") or statement.defaults.catalog or "")
    domain = visible.unavailable.get((asked, named))
    if domain and not visible.has_schema(asked, named):
        raise unavailable(domain)
    catalog = _catalog(statement, visible)
    if not visible.has_schema(catalog, named):
        raise _at_start("SCHEMA_NOT_FOUND", f"Schema '{named}' does not exist")
    return catalog, named


def _at_start(name: str, message: str) -> MeshgateError:
    return MeshgateError(name, f"line 1:1: {message}", line=1, column=1)


def _relation(statement: Statement, visible: VisibleCatalog) -> Relation:
    ref = _ref(statement)
    for relation in relations(visible, ref.name.catalog):
        if relation.name == ref.name:
            return relation
    raise absent(ref, visible)


def _ref(statement: Statement) -> TableRef:
    if statement.tables:
        return statement.tables[0]
    words, defaults = statement.words, statement.defaults
    catalog = words.get("catalog") or defaults.catalog
    schema = words.get("schema") or defaults.schema
    if not catalog:
        raise _at_start(
            "MISSING_CATALOG_NAME", "Catalog must be specified when session catalog is not set"
        )
    if not schema:
        raise _at_start(
            "MISSING_SCHEMA_NAME", "Schema must be specified when session schema is not set"
        )
    table = words.get("table") or ""
    return TableRef(TableName(catalog, schema, table), (catalog, schema, table), _START)


def _show_catalogs(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    keep = _like(statement.words)
    return table_answer(["Catalog"], [[name] for name in visible.catalogs if keep(name)])


def _show_schemas(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    keep = _like(statement.words)
    names = visible.schemas(_catalog(statement, visible))
    return table_answer(["Schema"], [[name] for name in names if keep(name)])


def _show_tables(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    keep = _like(statement.words)
    catalog, schema = _schema(statement, visible)
    names = [r.name.table for r in relations(visible, catalog) if r.name.schema == schema]
    return table_answer(["Table"], [[name] for name in names if keep(name)])


def _show_columns(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    keep = _like(statement.words)
    found = _relation(statement, visible)
    rows = [[c.name, c.type.display(), "", c.doc or ""] for c in found.columns if keep(c.name)]
    return table_answer(["Column", "Type", "Extra", "Comment"], rows)


def _show_stats(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    found = _relation(statement, visible)
    return statistics([column.name for column in found.columns])


def _show_create(statement: Statement, visible: VisibleCatalog, _session: Session) -> Answer:
    what = (statement.words.get("what") or "table").lower()
    if what not in {"table", "view"}:
        raise MeshgateError(
            "NOT_SUPPORTED", f"SHOW CREATE {what.upper()} is not supported; SHOW CREATE TABLE is"
        )
    found = _relation(statement, visible)
    if what == "view" and found.kind != "VIEW":
        raise _at_start("NOT_SUPPORTED", f"Relation '{found.name}' is a table, not a view")
    if found.kind == "VIEW":
        raise _at_start("NOT_SUPPORTED", "a view's definition is shown to its owners alone")
    return table_answer(["Create Table"], [[create_table(found)]])


def create_table(found: Relation) -> str:
    """Write the table as its reader sees it: visible columns, no properties."""
    columns = ",\n".join(f"   {_defined(column)}" for column in found.columns)
    comment = f"\nCOMMENT {text_literal(found.comment)}" if found.comment else ""
    return f"CREATE TABLE {plain_name(found.name)} (\n{columns}\n){comment}"


def _defined(column: Column) -> str:
    required = " NOT NULL" if column.required else ""
    comment = f" COMMENT {text_literal(column.doc)}" if column.doc else ""
    return f"{_identifier(column.name)} {column.type.compact()}{required}{comment}"


def plain_name(name: TableName) -> str:
    """Write a full name, quoted only where it must be."""
    return ".".join(_identifier(part) for part in (name.catalog, name.schema, name.table))


def _identifier(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain and name.islower() else quote(name)


def text_literal(value: str) -> str:
    """Write a string literal."""
    return "'" + value.replace("'", "''") + "'"


def _show_functions(statement: Statement, _visible: VisibleCatalog, _session: Session) -> Answer:
    keep = _like(statement.words)
    headings = ["Function", "Return Type", "Argument Types", "Function Type"]
    rows = [row for row in function_rows() if keep(str(row[0]))]
    return table_answer([*headings, "Deterministic:boolean", "Description"], rows)


def _show_session(statement: Statement, _visible: VisibleCatalog, session: Session) -> Answer:
    keep = _like(statement.words)
    rows = [
        [p.name, session.properties.get(p.name, p.default), p.default, p.type, p.description]
        for p in SESSION_PROPERTIES
        if keep(p.name)
    ]
    return table_answer(["Name", "Value", "Default", "Type", "Description"], rows)


_ANSWERS: Mapping[Kind, Callable[[Statement, VisibleCatalog, Session], Answer]] = {
    Kind.SHOW_CATALOGS: _show_catalogs,
    Kind.SHOW_SCHEMAS: _show_schemas,
    Kind.SHOW_TABLES: _show_tables,
    Kind.SHOW_COLUMNS: _show_columns,
    Kind.SHOW_CREATE: _show_create,
    Kind.SHOW_FUNCTIONS: _show_functions,
    Kind.SHOW_SESSION: _show_session,
    Kind.SHOW_STATS: _show_stats,
}
