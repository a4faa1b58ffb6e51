"""Rows of the metadata tables, built column by column from the visible catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from gateway.catalog.model import Column, Table
from gateway.metadata.facts import OwnQuery, SessionFacts
from gateway.metadata.jdbctypes import jdbc_type, type_rows
from gateway.metadata.shapes import arrow_type, metadata_names, metadata_table
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName

Values = Mapping[str, Sequence[object] | pa.Array]
_UNKNOWN_NULLABILITY = 2
_ICEBERG, _OWN = "iceberg", "system"


@dataclass(frozen=True, slots=True)
class Relation:
    """One listed relation, of data or of metadata, with its listed columns."""

    name: TableName
    kind: str
    comment: str | None
    columns: tuple[Column, ...]


def relations(visible: VisibleCatalog, catalog: str | None = None) -> tuple[Relation, ...]:
    """Every relation of one catalog (None: of all), sorted by name."""
    return visible.once(("relations", catalog), lambda: _relations(visible, catalog))


def _relations(visible: VisibleCatalog, catalog: str | None) -> tuple[Relation, ...]:
    data = [
        Relation(v.name, "VIEW" if v.is_view else "TABLE", v.table.comment, v.columns)
        for v in visible.tables.values()
        if catalog in {None, v.name.catalog}
    ]
    own = [
        Relation(name, "TABLE", None, tuple(c for c in table.columns if not c.hidden))
        for one in visible.catalogs
        if catalog in {None, one}
        for name in metadata_names(one)
        if (table := metadata_table(name)) is not None
    ]
    return tuple(sorted(data + own, key=lambda relation: relation.name))


def build(table: Table, visible: VisibleCatalog, facts: SessionFacts) -> pa.Table:
    """Build a metadata table's rows; a column nobody fills is NULL, a table nobody fills empty."""
    maker = _MAKERS.get((table.name.schema, table.name.table))
    values = maker(visible, table.name.catalog, facts) if maker else {}
    length = len(next(iter(values.values()))) if values else 0
    arrays = [_array(values.get(column.name), column, length) for column in table.columns]
    return pa.table(arrays, names=[column.name for column in table.columns])


def _array(values: Sequence[object] | pa.Array | None, column: Column, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, arrow_type(column.type))
    return values if isinstance(values, pa.Array) else pa.array(values, arrow_type(column.type))


def _schemata(visible: VisibleCatalog, catalog: str, _facts: SessionFacts) -> Values:
    schemas = visible.schemas(catalog)
    return {"catalog_name": [catalog] * len(schemas), "schema_name": schemas}


def _tables(visible: VisibleCatalog, catalog: str, _facts: SessionFacts) -> Values:
    found = relations(visible, catalog)
    return {
        "table_catalog": [catalog] * len(found),
        "table_schema": [r.name.schema for r in found],
        "table_name": [r.name.table for r in found],
        "table_type": ["VIEW" if r.kind == "VIEW" else "BASE TABLE" for r in found],
        "table_comment": [r.comment for r in found],
    }


def _views(visible: VisibleCatalog, catalog: str, _facts: SessionFacts) -> Values:
    found = [r for r in relations(visible, catalog) if r.kind == "VIEW"]
    return {
        "table_catalog": [catalog] * len(found),
        "table_schema": [r.name.schema for r in found],
        "table_name": [r.name.table for r in found],
    }


def _columns(visible: VisibleCatalog, catalog: str, _facts: SessionFacts) -> Values:
    found = relations(visible, catalog)
    flat = list(chain.from_iterable(r.columns for r in found))
    docs = pa.array([c.doc for c in flat], pa.string())
    return {
        "table_catalog": [catalog] * len(flat),
        "table_schema": _repeated(found, [r.name.schema for r in found]),
        "table_name": _repeated(found, [r.name.table for r in found]),
        "column_name": [c.name for c in flat],
        "ordinal_position": _ordinals(found),
        "is_nullable": ["NO" if c.required else "YES" for c in flat],
        "data_type": [jdbc_type(c.type).text for c in flat],
        "comment": docs,
        "column_comment": docs,
    }


def _repeated(found: Sequence[Relation], values: Sequence[str]) -> pa.Array:
    """Each relation's value, once per column of it."""
    indices = [i for i, relation in enumerate(found) for _ in relation.columns]
    return pa.array(values, pa.string()).take(pa.array(indices, pa.int64()))


def _ordinals(found: Sequence[Relation]) -> list[int]:
    return [n for relation in found for n in range(1, len(relation.columns) + 1)]


def _jdbc_catalogs(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    return {"table_cat": visible.catalogs}


def _jdbc_schemas(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    pairs = [(c, schema) for c in visible.catalogs for schema in visible.schemas(c)]
    return {"table_schem": [s for _, s in pairs], "table_catalog": [c for c, _ in pairs]}


def _jdbc_tables(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    found = relations(visible)
    return {
        "table_cat": [r.name.catalog for r in found],
        "table_schem": [r.name.schema for r in found],
        "table_name": [r.name.table for r in found],
        "table_type": [r.kind for r in found],
    }


def _jdbc_columns(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    found = relations(visible)
    flat = list(chain.from_iterable(r.columns for r in found))
    kinds = [jdbc_type(c.type) for c in flat]
    return {
        "table_cat": _repeated(found, [r.name.catalog for r in found]),
        "table_schem": _repeated(found, [r.name.schema for r in found]),
        "table_name": _repeated(found, [r.name.table for r in found]),
        "column_name": [c.name for c in flat],
        "data_type": [k.code for k in kinds],
        "type_name": [k.text for k in kinds],
        "column_size": [k.size for k in kinds],
        "buffer_length": [0] * len(flat),
        "decimal_digits": [k.digits for k in kinds],
        "num_prec_radix": [k.radix for k in kinds],
        "nullable": [_UNKNOWN_NULLABILITY] * len(flat),
        "remarks": [c.doc for c in flat],
        "char_octet_length": [k.octets for k in kinds],
        "ordinal_position": _ordinals(found),
        "is_nullable": ["NO" if c.required else "YES" for c in flat],
    }


def _jdbc_table_types(_visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    return {"table_type": ["TABLE", "VIEW"]}


def _jdbc_types(_visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    table = metadata_table(TableName("system", "jdbc", "types"))
    names = [column.name for column in table.columns] if table else []
    return dict(zip(names, map(list, zip(*type_rows(), strict=True)), strict=True))


def _catalogs(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    kinds = [_OWN if catalog == _OWN else _ICEBERG for catalog in visible.catalogs]
    ids = [f"{catalog}:normal:default" for catalog in visible.catalogs]
    return {"catalog_name": visible.catalogs, "connector_id": ids, "connector_name": kinds}


def _comments(visible: VisibleCatalog, _catalog: str, _facts: SessionFacts) -> Values:
    found = relations(visible)
    return {
        "catalog_name": [r.name.catalog for r in found],
        "schema_name": [r.name.schema for r in found],
        "table_name": [r.name.table for r in found],
        "comment": [r.comment for r in found],
    }


def _nodes(_visible: VisibleCatalog, _catalog: str, facts: SessionFacts) -> Values:
    return {
        "node_id": ["meshgate"],
        "http_uri": [facts.base_uri],
        "node_version": [facts.version],
        "coordinator": [True],
        "state": ["active"],
    }


def _queries(_visible: VisibleCatalog, _catalog: str, facts: SessionFacts) -> Values:
    own = facts.own_queries

    def each(read: Callable[[OwnQuery], object]) -> list[object]:
        return [read(query) for query in own]

    return {
        "query_id": each(lambda q: q.query_id),
        "state": each(lambda q: q.state),
        "user": [facts.principal_id] * len(own),
        "source": each(lambda q: q.source),
        "query": each(lambda q: q.text),
        "queued_time_ms": each(lambda q: q.queued_ms),
        "analysis_time_ms": each(lambda q: q.analysis_ms),
        "planning_time_ms": each(lambda q: q.planning_ms),
        "created": each(lambda q: q.created),
        "started": each(lambda q: q.started),
        "last_heartbeat": each(lambda q: q.last_heartbeat),
        "end": each(lambda q: q.ended),
        "error_type": each(lambda q: q.error_type),
        "error_code": each(lambda q: q.error_code),
    }


_MAKERS: Mapping[tuple[str, str], Callable[[VisibleCatalog, str, SessionFacts], Values]] = {
    ("information_schema", "schemata"): _schemata,
    ("information_schema", "tables"): _tables,
    ("information_schema", "views"): _views,
    ("information_schema", "columns"): _columns,
    ("jdbc", "catalogs"): _jdbc_catalogs,
    ("jdbc", "schemas"): _jdbc_schemas,
    ("jdbc", "tables"): _jdbc_tables,
    ("jdbc", "columns"): _jdbc_columns,
    ("jdbc", "table_types"): _jdbc_table_types,
    ("jdbc", "types"): _jdbc_types,
    ("metadata", "catalogs"): _catalogs,
    ("metadata", "table_comments"): _comments,
    ("runtime", "nodes"): _nodes,
    ("runtime", "queries"): _queries,
}
