"""Two decisions about one table: unchanged, narrowed, widened or changed, by the masks' order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.policy import conditions, masks
from gateway.policy.model import (
    ColumnDecision,
    CompoundCondition,
    Condition,
    FieldCondition,
    Scalar,
    TableDecision,
)

UNCHANGED, NARROWED, WIDENED, CHANGED = "unchanged", "narrowed", "widened", "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One aspect of a table: ``place`` is table, rows, rights, obligations or a column's name."""

    place: str
    kind: str
    was: str
    now: str


def compare(old: TableDecision, new: TableDecision) -> tuple[str, tuple[Change, ...]]:
    """The table's class and everything that differs."""
    if old.effect != "allow" and new.effect != "allow":
        return UNCHANGED, ()
    if old.effect != new.effect:
        kind = NARROWED if new.effect == "deny" else WIDENED
        return kind, (Change("table", kind, old.effect, new.effect),)
    changes = [
        _change("rows", rows(old.row_filter, new.row_filter), _filter(old), _filter(new)),
        _change("rights", _sets(new.rights, old.rights), _list(old.rights), _list(new.rights)),
        _obligations(old, new),
    ]
    after = {column.name: column for column in new.columns}
    before = {column.name: column for column in old.columns}
    for name in dict.fromkeys((*before, *after)):
        was = before.get(name) or ColumnDecision(name, "deny")
        now = after.get(name) or ColumnDecision(name, "deny")
        changes.append(_change(name, columns(was, now), shown(was), shown(now)))
    found = tuple(change for change in changes if change.kind != UNCHANGED)
    return together(change.kind for change in found), found


def together(kinds: Iterable[str]) -> str:
    """The class of several: one way only, or ``changed``."""
    distinct = set(kinds) - {UNCHANGED}
    if not distinct:
        return UNCHANGED
    return distinct.pop() if len(distinct) == 1 else CHANGED


def columns(old: ColumnDecision, new: ColumnDecision) -> str:
    """One column's class."""
    if (old.effect, old.mask) == (new.effect, new.mask):
        return UNCHANGED
    if old.effect == "allow" or new.effect == "deny":
        return NARROWED
    if new.effect == "allow" or old.effect == "deny":
        return WIDENED
    assert old.mask is not None
    assert new.mask is not None
    if masks.at_most(old.mask, new.mask):
        return NARROWED
    return WIDENED if masks.at_most(new.mask, old.mask) else CHANGED


def rows(old: Condition | None, new: Condition | None) -> str:
    """The row filters' class, from their AND terms; ``changed`` when unsure."""
    before, after = _terms(old), _terms(new)
    if {conditions.text(t) for t in before} == {conditions.text(t) for t in after}:
        return UNCHANGED
    if _implies(after, before):
        return NARROWED
    return WIDENED if _implies(before, after) else CHANGED


def _terms(condition: Condition | None) -> list[Condition]:
    if condition is None:
        return []
    if isinstance(condition, CompoundCondition) and condition.operator == "and":
        return [term for part in condition.parts for term in _terms(part)]
    return [condition]


def _implies(strong: list[Condition], weak: list[Condition]) -> bool:
    """Every weak term follows from some strong term."""
    return all(any(_follows(s, w) for s in strong) for w in weak)


def _follows(strong: Condition, weak: Condition) -> bool:
    if conditions.text(strong) == conditions.text(weak):
        return True
    if not isinstance(strong, FieldCondition) or not isinstance(weak, FieldCondition):
        return False
    if strong.field != weak.field:
        return False
    inner, outer = _members(strong), _members(weak)
    return inner is not None and outer is not None and inner <= outer


def _members(condition: FieldCondition) -> frozenset[Scalar] | None:
    if condition.operator == "in" and isinstance(condition.value, tuple):
        return frozenset(condition.value)
    if condition.operator == "eq" and not isinstance(condition.value, tuple):
        return frozenset({condition.value})
    return None


def _sets(small: frozenset[str], large: frozenset[str]) -> str:
    if small == large:
        return UNCHANGED
    if small < large:
        return NARROWED
    return WIDENED if small > large else CHANGED


def _obligations(old: TableDecision, new: TableDecision) -> Change:
    before = frozenset((o.kind, str(o.params)) for o in old.obligations)
    after = frozenset((o.kind, str(o.params)) for o in new.obligations)
    kind = UNCHANGED if before == after else CHANGED
    if before < after:
        kind = NARROWED
    elif after < before:
        kind = WIDENED
    return _change("obligations", kind, _list(k for k, _ in before), _list(k for k, _ in after))


def _change(place: str, kind: str, was: str, now: str) -> Change:
    return Change(place, kind, was, now)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _filter(table: TableDecision) -> str:
    return conditions.words(table.row_filter)


def shown(column: ColumnDecision) -> str:
    """``clear``, ``denied`` or the mask in words."""
    if column.effect == "allow":
        return "clear"
    return masks.words(column.mask) if column.mask is not None else "denied"
