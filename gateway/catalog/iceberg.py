"""What Iceberg's metadata files say of tables, as Trino types."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyiceberg.exceptions import ValidationError
from pyiceberg.io import load_file_io
from pyiceberg.schema import Schema
from pyiceberg.serializers import Compressor
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
from pyiceberg.view.metadata import ViewMetadata, ViewVersion

from gateway.catalog.model import ViewText
from gateway.datatypes import DataType

_MAX_FORMAT = 2
_VIEW = '"view-uuid"'
"""The key that a view's file has and a table's has not."""
_MICROSECONDS = (6,)

_PRIMITIVES: Mapping[type[IcebergType], DataType] = {
    BooleanType: DataType("boolean"),
    IntegerType: DataType("integer"),
    LongType: DataType("bigint"),
    FloatType: DataType("real"),
    DoubleType: DataType("double"),
    StringType: DataType("varchar"),
    DateType: DataType("date"),
    UUIDType: DataType("uuid"),
    BinaryType: DataType("varbinary"),
    FixedType: DataType("varbinary"),
    TimeType: DataType("time", _MICROSECONDS),
    TimestampType: DataType("timestamp", _MICROSECONDS),
    TimestamptzType: DataType("timestamp with time zone", _MICROSECONDS),
}


# What pyiceberg raises for metadata that is not Iceberg's.
_BROKEN = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    StopIteration,
    zlib.error,
    ValidationError,
)


class UnsupportedTypeError(Exception):
    """An Iceberg type, or table format, that the gateway does not serve."""


class UnreadableTableError(Exception):
    """A metadata file that is missing or broken."""


@dataclass(frozen=True, slots=True)
class IcebergField:
    """A top-level field. ``type`` is None where Trino has none; ``written`` is Iceberg's word."""

    name: str
    field_id: int
    required: bool
    type: DataType | None
    written: str
    doc: str | None


@dataclass(frozen=True, slots=True)
class IcebergTable:
    """What one (immutable) metadata file says."""

    uuid: str
    location: str
    schema_id: int
    comment: str | None
    fields: tuple[IcebergField, ...]
    view: ViewText | None = None
    moved: frozenset[str] = frozenset()
    """Names, in lower case, that meant another field in an older schema."""


def read_table(location: str, properties: Mapping[str, str] | None = None) -> IcebergTable:
    """Read a table's or view's file; ``properties`` are pyiceberg's for the store it lies in.

    Raises:
        UnsupportedTypeError: a table format newer than 2, a view of another dialect.
        UnreadableTableError: the file is missing or broken.

    """
    try:
        text = _content(location, properties or {})
        if _VIEW in text:
            return _view(location, ViewMetadata.model_validate_json(text))
        metadata = TableMetadataUtil.parse_raw(text)
        schema = metadata.schema()
    except _BROKEN as error:
        raise UnreadableTableError(f"{location}: {type(error).__name__}") from error
    if metadata.format_version > _MAX_FORMAT:
        raise UnsupportedTypeError(f"table format {metadata.format_version}; 1 and 2 are served")
    return IcebergTable(
        uuid=str(metadata.table_uuid),
        location=location,
        schema_id=schema.schema_id,
        comment=metadata.properties.get("comment"),
        fields=_fields(schema),
        moved=_moved(schema, metadata.schemas),
    )


def _content(location: str, properties: Mapping[str, str]) -> str:
    stored = load_file_io(dict(properties), location).new_input(location)
    with (
        stored.open() as packed,
        Compressor.get_compressor(location).stream_decompressor(packed) as stream,
    ):
        return stream.read().decode()


def _view(location: str, metadata: ViewMetadata) -> IcebergTable:
    """Read what Trino stores of a view: its text, where names in it lie, its columns."""
    version = next(v for v in metadata.versions if v.version_id == metadata.current_version_id)
    schema = next(s for s in metadata.schemas if s.schema_id == version.schema_id)
    fields = _fields(schema, view=True)
    names = version.default_namespace
    if len(names) != 1:
        raise UnsupportedTypeError("a view in a schema of several levels")
    return IcebergTable(
        uuid=metadata.view_uuid,
        location=location,
        schema_id=schema.schema_id,
        comment=metadata.properties.get("comment"),
        fields=fields,
        view=ViewText(
            sql=_trino_text(version),
            schema=str(names[0]).lower(),
            columns=tuple((field.name.lower(), field.type) for field in fields),
            catalog=version.default_catalog and version.default_catalog.lower(),
        ),
    )


def _moved(current: Schema, schemas: Iterable[Schema]) -> frozenset[str]:
    """Find the names that stand, or stood, for more than the field they stand for now."""
    ids = {field.name.lower(): field.field_id for field in current.fields}
    return frozenset(
        name
        for schema in schemas
        for field in schema.fields
        if ids.get(name := field.name.lower(), field.field_id) != field.field_id
    )


def _trino_text(version: ViewVersion) -> str:
    found = [r.root.sql for r in version.representations if r.root.dialect.lower() == "trino"]
    if len(found) != 1:
        raise UnsupportedTypeError("a view without exactly one text in Trino's dialect")
    return found[0]


def _fields(schema: Schema, *, view: bool = False) -> tuple[IcebergField, ...]:
    """Give the top-level fields; those of a view are all stored as required and may be NULL."""
    return tuple(
        IcebergField(
            name=field.name,
            field_id=field.field_id,
            required=field.required and not view,
            type=_trino_type(field.field_type),
            written=str(field.field_type),
            doc=field.doc,
        )
        for field in schema.fields
    )


def _trino_type(given: IcebergType) -> DataType | None:
    """Give Trino's type, or None where it has none."""
    try:
        return trino_type(given)
    except UnsupportedTypeError:
        return None


def trino_type(given: IcebergType) -> DataType:
    """Give the type Trino 476 shows for an Iceberg type; raises UnsupportedTypeError."""
    match given:
        case DecimalType():
            return DataType("decimal", (given.precision, given.scale))
        case ListType():
            return DataType("array", (), ((None, trino_type(given.element_type)),))
        case MapType():
            key, value = trino_type(given.key_type), trino_type(given.value_type)
            return DataType("map", (), ((None, key), (None, value)))
        case StructType():
            fields = ((field.name, trino_type(field.field_type)) for field in given.fields)
            return DataType("row", (), tuple(fields))
        case _ if type(given) in _PRIMITIVES:
            return _PRIMITIVES[type(given)]
    raise UnsupportedTypeError(f"Iceberg type {given} is not served")
