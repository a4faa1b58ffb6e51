"""Names, order and types of the metadata tables, as Trino 476 has them.

A column is varchar unless ``name:type`` says otherwise; ``*name`` answers by name but is
no part of ``SELECT *``.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.names import TableName

SYSTEM = "system"
INFORMATION_SCHEMA = "information_schema"
SYSTEM_DOMAIN = "$system"

_TYPES = {
    "bigint": DataType("bigint"),
    "boolean": DataType("boolean"),
    "names": DataType.parse("array(varchar)"),
    "instant": DataType.parse("timestamp(3) with time zone"),
    # Trino's has nine digits, which the embedded engine cannot carry; no row ever has a value.
    "fresh": DataType.parse("timestamp(6) with time zone"),
}
_VARCHAR = DataType("varchar")
_ARROW = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "array": pa.list_(pa.string()),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
}

_INFORMATION_SCHEMA = {
    "applicable_roles": "grantee grantee_type role_name is_grantable",
    "columns": "table_catalog table_schema table_name column_name ordinal_position:bigint"
    " column_default is_nullable data_type *comment *extra_info *column_comment",
    "enabled_roles": "role_name",
    "roles": "role_name",
    "schemata": "catalog_name schema_name",
    "table_privileges": "grantor grantor_type grantee grantee_type table_catalog table_schema"
    " table_name privilege_type is_grantable with_hierarchy",
    "tables": "table_catalog table_schema table_name table_type *table_comment",
    "views": "table_catalog table_schema table_name view_definition",
}

_JDBC = {
    "attributes": "type_cat type_schem type_name attr_name data_type:bigint attr_type_name"
    " attr_size:bigint decimal_digits:bigint num_prec_radix:bigint nullable:bigint remarks"
    " attr_def sql_data_type:bigint sql_datetime_sub:bigint char_octet_length:bigint"
    " ordinal_position:bigint is_nullable scope_catalog scope_schema scope_table"
    " source_data_type:bigint",
    "catalogs": "table_cat",
    "columns": "table_cat table_schem table_name column_name data_type:bigint type_name"
    " column_size:bigint buffer_length:bigint decimal_digits:bigint num_prec_radix:bigint"
    " nullable:bigint remarks column_def sql_data_type:bigint sql_datetime_sub:bigint"
    " char_octet_length:bigint ordinal_position:bigint is_nullable scope_catalog scope_schema"
    " scope_table source_data_type:bigint is_autoincrement is_generatedcolumn",
    "procedure_columns": "procedure_cat procedure_schem procedure_name column_name"
    " column_type:bigint data_type:bigint type_name precision:bigint length:bigint scale:bigint"
    " radix:bigint nullable:bigint remarks column_def sql_data_type:bigint"
    " sql_datetime_sub:bigint char_octet_length:bigint ordinal_position:bigint is_nullable"
    " specific_name",
    "procedures": "procedure_cat procedure_schem procedure_name remarks procedure_type:bigint"
    " specific_name",
    "pseudo_columns": "table_cat table_schem table_name column_name data_type:bigint"
    " column_size:bigint decimal_digits:bigint num_prec_radix:bigint column_usage remarks"
    " char_octet_length:bigint is_nullable:bigint",
    "schemas": "table_schem table_catalog",
    "super_tables": "table_cat table_schem table_name supertable_name",
    "super_types": "type_cat type_schem type_name supertype_cat supertype_schem supertype_name",
    "table_types": "table_type",
    "tables": "table_cat table_schem table_name table_type remarks type_cat type_schem type_name"
    " self_referencing_col_name ref_generation",
    "types": "type_name data_type:bigint precision:bigint literal_prefix literal_suffix"
    " create_params nullable:bigint case_sensitive:boolean searchable:bigint"
    " unsigned_attribute:boolean fixed_prec_scale:boolean auto_increment:boolean"
    " local_type_name minimum_scale:bigint maximum_scale:bigint sql_data_type:bigint"
    " sql_datetime_sub:bigint num_prec_radix:bigint",
    "udts": "type_cat type_schem type_name class_name data_type remarks base_type",
}

_METADATA = {
    "catalogs": "catalog_name connector_id connector_name",
    "materialized_views": "catalog_name schema_name name storage_catalog storage_schema"
    " storage_table freshness last_fresh_time:fresh comment definition",
    "table_comments": "catalog_name schema_name table_name comment",
}

_RUNTIME = {
    "nodes": "node_id http_uri node_version coordinator:boolean state",
    "queries": "query_id state user source query resource_group_id:names queued_time_ms:bigint"
    " analysis_time_ms:bigint planning_time_ms:bigint created:instant started:instant"
    " last_heartbeat:instant end:instant error_type error_code",
}

_SYSTEM = {
    INFORMATION_SCHEMA: _INFORMATION_SCHEMA,
    "jdbc": _JDBC,
    "metadata": _METADATA,
    "runtime": _RUNTIME,
}


def is_metadata(name: TableName) -> bool:
    """Whether a name belongs to the gateway's own metadata, existing or not."""
    return name.catalog == SYSTEM or name.schema == INFORMATION_SCHEMA


def metadata_schemas(catalog: str) -> tuple[str, ...]:
    """The schemas the gateway itself adds to a catalog."""
    return tuple(_SYSTEM) if catalog == SYSTEM else (INFORMATION_SCHEMA,)


def metadata_names(catalog: str) -> tuple[TableName, ...]:
    """Every metadata table of a catalog, sorted."""
    return tuple(
        TableName(catalog, schema, table)
        for schema in metadata_schemas(catalog)
        for table in sorted(_SYSTEM[schema])
    )


@cache
def metadata_table(name: TableName) -> Table | None:
    """One metadata table's columns; None if Trino (or this gateway) has no such table."""
    if name.schema not in metadata_schemas(name.catalog):
        return None
    shape = _SYSTEM[name.schema].get(name.table)
    if shape is None:
        return None
    columns = tuple(_column(word, number) for number, word in enumerate(shape.split(), 1))
    return Table(name, SYSTEM_DOMAIN, columns)


def arrow_type(kind: DataType) -> pa.DataType:
    """The Arrow type of a metadata column or answer; KeyError for types none of them has."""
    return _ARROW[kind.base]


def _column(word: str, number: int) -> Column:
    name, _, kind = word.removeprefix("*").partition(":")
    return Column(name, _TYPES.get(kind, _VARCHAR), number, hidden=word.startswith("*"))
