"""Which of Trino's functions a statement may call: one closed list.

What a call's argument types mean stands in ``typing_functions``; how DuckDB answers it in
``duckdb_functions``. A name that is not here is not a function for anyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import yaml

from gateway.sql.signatures import Signature, read_signature

FunctionKind = Literal["scalar", "aggregate", "window"]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of Trino 476.

    ``refused_because`` is the reason no statement may call it, None where it may.
    """

    name: str
    kind: FunctionKind
    deterministic: bool = True
    refused_because: str | None = None


def _rows(document: Mapping[str, Any]) -> Iterator[Function]:
    names = document["names"]
    for line in names["scalar"]:
        yield from (Function(name, "scalar") for name in line.split())
    for line in names["nondeterministic"]:
        yield from (Function(name, "scalar", deterministic=False) for name in line.split())
    for line in names["aggregate"]:
        yield from (Function(name, "aggregate") for name in line.split())
    for line in names["window"]:
        yield from (Function(name, "window") for name in line.split())
    for refused, reason in document["refused"].items():
        yield from (Function(name, "scalar", refused_because=reason) for name in refused.split())


def _document() -> Mapping[str, Any]:
    text = files("gateway.sql").joinpath("functions.yaml").read_text(encoding="utf-8")
    document: Mapping[str, Any] = yaml.safe_load(text)
    return document


def _signatures(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Signature, ...]]]:
    for names, rows in document["forms"].items():
        found = tuple(read_signature(text, form) for text, form in rows.items())
        yield from ((name, found) for name in names.split())


_DOCUMENT = _document()
FUNCTIONS: Mapping[str, Function] = MappingProxyType({row.name: row for row in _rows(_DOCUMENT)})
"""Every known function by lower-case name."""
TABLE_FUNCTIONS: Mapping[str, str | None] = MappingProxyType(dict(_DOCUMENT["table"]))
"""Every known table function by lower-case name: why it is refused, None where it is governed."""
SIGNATURES: Mapping[str, tuple[Signature, ...]] = MappingProxyType(dict(_signatures(_DOCUMENT)))
"""All overloads Trino has of the scalar functions that have a DuckDB form."""
