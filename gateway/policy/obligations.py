"""Obligations: their shapes and how several of one kind merge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.policy.model import Obligation

Rule = tuple[str, str, tuple[tuple[str, Any], ...]]

KINDS = frozenset({"min_group_size", "max_rows", "require_filter", "audit", "notice"})
LEVELS = ("basic", "full")
_MAX_COUNT = 10**12
_MAX_NOTICE = 500


def params(
    kind: str, raw: Mapping[str, Any], columns: frozenset[str]
) -> tuple[tuple[str, Any], ...]:
    """Validate one obligation's parameters; ValueError says what is wrong.

    An unknown kind passes with sorted parameter names only: merging turns it into a denial.
    """
    match kind:
        case "min_group_size":
            _exact(raw, {"value", "entity"})
            _known([raw["entity"]], columns)
            return (("entity", raw["entity"]), ("value", _count(raw["value"])))
        case "max_rows":
            _exact(raw, {"value"})
            return (("value", _count(raw["value"])),)
        case "require_filter":
            _exact(raw, {"columns"})
            listed = raw["columns"]
            if not isinstance(listed, list) or not listed:
                raise ValueError("columns is a list that is not empty")
            _known(listed, columns)
            return (("columns", tuple(sorted(set(listed)))),)
        case "audit":
            _exact(raw, {"level"})
            if raw["level"] not in LEVELS:
                raise ValueError("level is basic or full")
            return (("level", raw["level"]),)
        case "notice":
            _exact(raw, {"text"})
            text = raw["text"]
            if not isinstance(text, str) or not 0 < len(text) <= _MAX_NOTICE:
                raise ValueError("text has 1 to 500 characters")
            return (("text", text),)
    return tuple((name, "") for name in sorted(raw))


def _exact(raw: Mapping[str, Any], names: set[str]) -> None:
    if raw.keys() != names:
        raise ValueError(f"takes exactly the parameters {sorted(names)}")


def _known(names: list[Any], columns: frozenset[str]) -> None:
    if not all(isinstance(name, str) and name in columns for name in names):
        raise ValueError("names an unknown column")


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_COUNT:
        raise ValueError("value is a whole number from 1")
    return value


def merge_obligations(rules: Iterable[Rule]) -> tuple[tuple[Obligation, ...], tuple[str, ...]]:
    """Merged obligations in a fixed order, and the unknown kinds (which deny)."""
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        found[rule[1]].append(rule)
    merged: list[Obligation] = []
    for kind in sorted(found.keys() & KINDS):
        merged.extend(_merge_kind(kind, found[kind]))
    return tuple(merged), tuple(sorted(found.keys() - KINDS))


def _merge_kind(kind: str, rules: list[Rule]) -> list[Obligation]:
    groups: dict[Any, list[Rule]] = defaultdict(list)
    for rule in rules:
        given = dict(rule[2])
        groups[given.get("entity", given.get("text", ""))].append(rule)
    return [_fold(kind, groups[key]) for key in sorted(groups)]


def _fold(kind: str, rules: list[Rule]) -> Obligation:
    names = tuple(sorted({rule[0] for rule in rules}))
    given = [dict(rule[2]) for rule in rules]
    if kind == "require_filter":
        columns = tuple(sorted({name for one in given for name in one["columns"]}))
        return Obligation(kind, (("columns", columns),), names)
    if kind == "max_rows":
        return Obligation(kind, (("value", min(one["value"] for one in given)),), names)
    if kind == "audit":
        level = max((one["level"] for one in given), key=LEVELS.index)
        return Obligation(kind, (("level", level),), names)
    if kind == "min_group_size":
        value = max(one["value"] for one in given)
        return Obligation(kind, (("entity", given[0]["entity"]), ("value", value)), names)
    return Obligation(kind, (("text", given[0]["text"]),), names)
