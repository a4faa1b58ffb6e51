"""What Iceberg's metadata files say of tables, as Trino types."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.exceptions import ValidationError
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
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

from gateway.datatypes import DataType

_MAX_FORMAT = 2
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


def read_table(location: str, properties: Mapping[str, str] | None = None) -> IcebergTable:
    """Read a metadata file; ``properties`` are pyiceberg's for the store it lies in.

    Raises:
        UnsupportedTypeError: a table format newer than 2.
        UnreadableTableError: the file is missing or broken.

    """
    try:
        metadata = FromInputFile.table_metadata(
            load_file_io(dict(properties or {}), location).new_input(location)
        )
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
        fields=tuple(
            IcebergField(
                name=field.name,
                field_id=field.field_id,
                required=field.required,
                type=_trino_type(field.field_type),
                written=str(field.field_type),
                doc=field.doc,
            )
            for field in schema.fields
        ),
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
