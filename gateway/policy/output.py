"""What a package may answer, checked to the last key. Anything else is ``invalid_output``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.catalog.model import Column
from gateway.policy import conditions, masks, obligations
from gateway.policy.merge import ColumnDenial, Denial, FilterRule, Layer, MaskRule, ObligationRule

MAX_MESSAGE = 200
_BOTH = frozenset({"deny", "row_filters", "masks", "deny_columns", "obligations"})
_DOMAIN = _BOTH | {"grants", "rights"}
_QUERY = frozenset({"deny", "obligations"})
_RIGHTS = frozenset({"metadata"})
_QUERY_OBLIGATIONS = frozenset({"max_rows", "audit", "notice"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_MAX_RULES = 10_000

Made = TypeVar("Made")


class OutputError(ValueError):
    """An answer outside the agreed shape."""


@dataclass(frozen=True, slots=True)
class DomainAnswer:
    """A domain package's validated answer."""

    layer: Layer
    grants: frozenset[str]
    rights: frozenset[str]


def read_global(raw: object, columns: Sequence[Column]) -> Layer:
    """Validate ``global.guardrails``' decision; raises OutputError."""
    return _layer(_keys(raw, _BOTH), "global.guardrails", columns)


def read_domain(raw: object, package: str, columns: Sequence[Column]) -> DomainAnswer:
    """Validate a domain package's decision; raises OutputError."""
    document = _keys(raw, _DOMAIN)
    rights = _texts(document["rights"], "rights")
    if not rights <= _RIGHTS:
        raise OutputError(f"unknown right among {sorted(rights)}")
    grants = _texts(document["grants"], "grants")
    return DomainAnswer(_layer(document, package, columns), grants, rights)


def read_query(raw: object) -> Layer:
    """Validate ``global.query``'s decision; raises OutputError."""
    document = _keys(raw, _QUERY)
    layer = Layer(
        denials=_set(document["deny"], lambda e, n: _denial(e, f"global.query/{n}"), "deny"),
        obligations=_set(
            document["obligations"],
            lambda e, n: _obligation(e, f"global.query/{n}", frozenset()),
            "obligations",
        ),
    )
    local = {rule.kind for rule in layer.obligations} & (obligations.KINDS - _QUERY_OBLIGATIONS)
    if local:
        raise OutputError(f"obligations {sorted(local)} belong to a table")
    return layer


def _keys(raw: object, wanted: frozenset[str]) -> dict[str, Any]:
    if not isinstance(raw, dict) or raw.keys() != wanted:
        got = sorted(raw) if isinstance(raw, dict) else type(raw).__name__
        raise OutputError(f"decision has exactly the keys {sorted(wanted)}, got {got}")
    return raw


def _layer(document: dict[str, Any], package: str, columns: Sequence[Column]) -> Layer:
    names = frozenset(column.name for column in columns)

    def rule(name: str) -> str:
        return f"{package}/{name}"

    return Layer(
        denials=_set(document["deny"], lambda e, n: _denial(e, rule(n)), "deny"),
        filters=_set(
            document["row_filters"], lambda e, n: _filter(e, rule(n), columns), "row_filters"
        ),
        masks=_by_column(document["masks"], lambda e, n, c: _mask(e, rule(n), c), "masks", names),
        column_denials=_by_column(
            document["deny_columns"],
            lambda e, n, c: _column_denial(e, rule(n), c),
            "deny_columns",
            names,
        ),
        obligations=_set(
            document["obligations"], lambda e, n: _obligation(e, rule(n), names), "obligations"
        ),
    )


def _texts(raw: object, where: str) -> frozenset[str]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise OutputError(f"{where} is a set of texts")
    return frozenset(raw)


def _set(raw: object, make: Callable[[dict[str, Any], str], Made], where: str) -> frozenset[Made]:
    if not isinstance(raw, list) or len(raw) > _MAX_RULES:
        raise OutputError(f"{where} is a set")
    seen: set[str] = set()
    made: list[Made] = []
    for entry in raw:
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise OutputError(f"{where}: every entry has an id")
        if name in seen:
            raise OutputError(f"{where}: id {name} stands twice")
        seen.add(name)
        try:
            made.append(make(entry, name))
        except ValueError as error:
            raise OutputError(f"{where}/{name}: {error}") from None
    return frozenset(made)


def _by_column(
    raw: object,
    make: Callable[[dict[str, Any], str, str], Made],
    where: str,
    names: frozenset[str],
) -> frozenset[Made]:
    if not isinstance(raw, dict):
        raise OutputError(f"{where} maps columns to sets")
    if raw.keys() - names:
        raise OutputError(f"{where}: unknown column {min(raw.keys() - names)}")
    found: set[Made] = set()
    for column, entries in raw.items():
        found |= _set(entries, lambda e, n, c=column: make(e, n, c), f"{where}/{column}")  # type: ignore[misc]
    return frozenset(found)


def _fields(
    entry: dict[str, Any], required: set[str], optional: frozenset[str] = frozenset()
) -> None:
    wanted = required | {"id", "reason"}
    if not wanted <= entry.keys() <= wanted | optional:
        raise OutputError(f"has exactly the keys {sorted(wanted | optional)}")


def _reason(entry: dict[str, Any]) -> tuple[str, bool]:
    raw = entry["reason"]
    if not isinstance(raw, dict) or not {"message"} <= raw.keys() <= {"message", "disclose"}:
        raise OutputError("reason has message and disclose")
    message, disclose = raw["message"], raw.get("disclose", False)
    if not isinstance(message, str) or len(message) > MAX_MESSAGE or not isinstance(disclose, bool):
        raise OutputError(f"message has at most {MAX_MESSAGE} characters, disclose is a boolean")
    return message, disclose


def _denial(entry: dict[str, Any], rule: str) -> Denial:
    _fields(entry, set())
    return Denial(rule, *_reason(entry))


def _filter(entry: dict[str, Any], rule: str, columns: Sequence[Column]) -> FilterRule:
    _fields(entry, {"condition"})
    return FilterRule(rule, conditions.parse(entry["condition"], columns), *_reason(entry))


def _mask(entry: dict[str, Any], rule: str, column: str) -> MaskRule:
    _fields(entry, {"kind", "params"}, frozenset({"waivable_by"}))
    if not isinstance(entry["kind"], str) or not isinstance(entry["params"], dict):
        raise OutputError("kind is a text, params an object")
    waivable_by = entry.get("waivable_by", "none")
    if waivable_by not in {"none", "steward", "platform"}:
        raise OutputError("waivable_by is none, steward or platform")
    value = masks.mask(entry["kind"], entry["params"])
    return MaskRule(rule, column, value, waivable_by, *_reason(entry))


def _column_denial(entry: dict[str, Any], rule: str, column: str) -> ColumnDenial:
    _fields(entry, set())
    return ColumnDenial(rule, column, *_reason(entry))


def _obligation(entry: dict[str, Any], rule: str, names: frozenset[str]) -> ObligationRule:
    _fields(entry, {"kind", "params"})
    kind, given = entry["kind"], entry["params"]
    if not isinstance(kind, str) or not isinstance(given, dict):
        raise OutputError("kind is a text, params an object")
    return ObligationRule(rule, kind, obligations.params(kind, given, names), *_reason(entry))
