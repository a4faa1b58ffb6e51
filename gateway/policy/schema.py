"""The few words of JSON Schema that ``input.schema.json`` uses, for rule I04."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.policy.canonical import strict_loads
from gateway.policy.input import InputError

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def attributes_schema(directory: Path) -> Mapping[str, Any]:
    """The schema of ``subject.attributes`` of a policy folder; empty without a file.

    Raises ValueError if the file is not such a schema.
    """
    path = directory / "input.schema.json"
    if not path.is_file():
        return {}
    try:
        subject = strict_loads(path.read_text(encoding="utf-8"))["properties"]["subject"]
        found = subject["properties"]["attributes"]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"does not describe subject.attributes: {error!r}") from None
    return found if isinstance(found, dict) else {}


def conform(value: object, schema: Mapping[str, Any], place: str) -> None:
    """Rule I04: the value has the declared type; raises InputError."""
    wanted = schema.get("type")
    if wanted is not None and not _is(value, wanted):
        raise InputError("I04", f"{place} is not of type {wanted}")
    if "enum" in schema and value not in schema["enum"]:
        raise InputError("I04", f"{place} is none of the listed values")
    if isinstance(value, list):
        for index, item in enumerate(value):
            conform(item, schema.get("items", {}), f"{place}[{index}]")
    if isinstance(value, dict):
        _object(value, schema, place)


def _is(value: object, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _TYPES[wanted])


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> None:
    known = schema.get("properties", {})
    for name, child in value.items():
        if name in known:
            conform(child, known[name], f"{place}.{name}")
        elif schema.get("additionalProperties") is False:
            raise InputError("I04", f"{place}.{name} is not in input.schema.json")
