"""The rows of SHOW FUNCTIONS: every function a statement may call, overload by overload."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from gateway.sql.functions import FUNCTIONS, SIGNATURES, Function
from gateway.sql.signatures import Pattern, Signature

_ZONE = " with time zone"

_SESSION = {
    "current_groups": "array(varchar)",
    "current_timezone": "varchar",
    "now": "timestamp(3) with time zone",
}
"""What the gateway answers itself, by its type."""

FunctionRow = tuple[str, str, str, str, bool, str]


@cache
def function_rows() -> tuple[FunctionRow, ...]:
    """Name, return type, argument types, kind, deterministic, description; sorted by name.

    Types are empty where the gateway leaves a function's typing to the engine.
    """
    listed = [one for one in FUNCTIONS.values() if one.refused_because is None]
    session = [(name, kind, "", "scalar", True, "") for name, kind in _SESSION.items()]
    rows = [*session, *(row for function in listed for row in _rows(function))]
    return tuple(sorted(rows, key=lambda row: row[0]))


def _rows(function: Function) -> Iterator[FunctionRow]:
    overloads = [one for one in SIGNATURES.get(function.name, ()) if not _takes_null(one)]
    if not overloads:
        yield _row(function, "", "")
    for overload in overloads:
        yield _row(function, spelled(overload.returns), _arguments(overload))


def _takes_null(overload: Signature) -> bool:
    """Overloads for NULL alone are how typing works, not something a person looks for."""
    return any(pattern.base == "unknown" for pattern in overload.arguments)


def _row(function: Function, returns: str, arguments: str) -> FunctionRow:
    return function.name, returns, arguments, function.kind, function.deterministic, ""


def _arguments(overload: Signature) -> str:
    words = [spelled(pattern) for pattern in overload.arguments]
    return ", ".join(words) + ("..." if overload.variadic else "")


def spelled(pattern: Pattern) -> str:
    """Write a type with variables as Trino does: ``array(T)``, ``timestamp(p) with time zone``."""
    inside = [*pattern.params, *(spelled(child) for child in pattern.children)]
    if not inside:
        return pattern.base
    if pattern.base.endswith(_ZONE):
        return f"{pattern.base.removesuffix(_ZONE)}({','.join(inside)}){_ZONE}"
    return f"{pattern.base}({','.join(inside)})"
