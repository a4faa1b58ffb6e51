"""The merge algebra: what several sources say of one table becomes one answer.

A ``Layer`` is a set of rules; merging is union, hence commutative, associative and
idempotent. ``settle`` turns the union into an answer in which every further rule
can only take away: rows, cells, rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import Any, TypeVar

from gateway.catalog.model import Column, Table, TokenDomain
from gateway.policy import conditions, masks
from gateway.policy.model import ColumnDecision, Condition, Mask, Obligation, Reason
from gateway.policy.obligations import merge_obligations

Named = TypeVar("Named", "MaskRule", "ColumnDenial")


@dataclass(frozen=True, slots=True)
class Denial:
    """A rule that closes the whole table."""

    rule: str
    message: str
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A rule that keeps some rows."""

    rule: str
    condition: Condition
    message: str = ""
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class MaskRule:
    """A rule that masks one column. ``waivable_by`` is none, steward or platform."""

    rule: str
    column: str
    mask: Mask
    waivable_by: str = "none"
    message: str = ""
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class ColumnDenial:
    """A rule that closes one column."""

    rule: str
    column: str
    message: str = ""
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class ObligationRule:
    """A rule that asks something of whoever uses the table."""

    rule: str
    kind: str
    params: tuple[tuple[str, Any], ...]
    message: str = ""
    disclose: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Everything one source, or several together, say of one table."""

    denials: frozenset[Denial] = frozenset()
    filters: frozenset[FilterRule] = frozenset()
    masks: frozenset[MaskRule] = frozenset()
    column_denials: frozenset[ColumnDenial] = frozenset()
    obligations: frozenset[ObligationRule] = frozenset()

    def join(self, other: Layer) -> Layer:
        """Both together."""
        return Layer(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))


def merge(layers: Iterable[Layer]) -> Layer:
    """All together; the order does not matter."""
    return reduce(Layer.join, layers, Layer())


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer for one table before access and rights."""

    denied: bool
    row_filter: Condition | None
    columns: tuple[ColumnDecision, ...]
    obligations: tuple[Obligation, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """What merging needs to know of the table beside the rules.

    ``waived`` are (rule, column) pairs freed by masking exceptions: (rule, column) ->
    who approved it, steward or platform. ``described``: denied columns may be explained.
    """

    table: Table
    token_domains: Mapping[str, TokenDomain]
    described: bool = False
    waived: Mapping[tuple[str, str], str] = field(default_factory=dict)


def settle(layer: Layer, frame: Frame) -> Settled:
    """Answer for one table from all rules about it. Pure."""
    obligations, unknown = merge_obligations(
        (rule.rule, rule.kind, rule.params) for rule in layer.obligations
    )
    denials = layer.denials | {
        Denial("platform/obligation_unknown", f"unknown obligation {kind}") for kind in unknown
    }
    kept = frozenset(rule for rule in layer.masks if not _waived(rule, frame))
    named = {rule.column for rule in kept} | {rule.column for rule in layer.column_denials}
    decided = [
        _column(column, kept, layer.column_denials, frame)
        if column.name in named
        else (ColumnDecision(column.name, "allow"), [])
        for column in frame.table.columns
    ]
    reasons = [
        *_reasons(denials, lambda _: "table"),
        *_reasons(layer.filters, lambda _: "row_filter"),
        *_reasons(layer.obligations, lambda rule: f"obligation:{rule.kind}"),
        *(reason for _, found in decided for reason in found),
    ]
    return Settled(
        denied=bool(denials),
        row_filter=_rows(layer.filters),
        columns=tuple(column for column, _ in decided),
        obligations=obligations,
        reasons=sort_reasons(reasons),
    )


def sort_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Sorted by rule, doubles dropped."""
    return tuple(sorted(set(reasons), key=lambda r: (r.rule, r.on, r.message, r.disclose)))


def _reasons(rules: Iterable[Any], place: Callable[[Any], str]) -> list[Reason]:
    return [Reason(r.rule, place(r), r.message, r.disclose) for r in rules]


def _waived(rule: MaskRule, frame: Frame) -> bool:
    approved = frame.waived.get((rule.rule, rule.column))
    if approved is None or rule.waivable_by == "none":
        return False
    return rule.waivable_by == "steward" or approved == "platform"


def _rows(filters: frozenset[FilterRule]) -> Condition | None:
    """AND, ordered by rule; a condition that several rules state stands once."""
    ordered = sorted(filters, key=lambda r: (r.rule, conditions.text(r.condition)))
    unique = {conditions.text(r.condition): r.condition for r in reversed(ordered)}
    first = {conditions.text(r.condition): None for r in ordered}
    return conditions.conjunction([unique[key] for key in first])


def _column(
    column: Column, kept: frozenset[MaskRule], denials: frozenset[ColumnDenial], frame: Frame
) -> tuple[ColumnDecision, list[Reason]]:
    asked = _about(kept, column.name)
    refused = _about(denials, column.name)
    place = f"column:{column.name}"
    rules = tuple(sorted({r.rule for r in asked} | {r.rule for r in refused}))
    reasons = [*_reasons(asked, lambda _: place), *_reasons(refused, lambda _: place)]
    chosen = _strictest([rule.mask for rule in asked], column, frame.token_domains)
    if asked and chosen is None:
        rules = tuple(sorted({*rules, "platform/mask_type"}))
        kinds = ", ".join(sorted({rule.mask.kind for rule in asked}))
        message = f"mask {kinds} does not apply to {column.type.text()}"
        reasons.append(Reason("platform/mask_type", place, message))
    if refused or (asked and chosen is None):
        return ColumnDecision(column.name, "deny", None, rules, frame.described), reasons
    effect = "mask" if chosen else "allow"
    return ColumnDecision(column.name, effect, chosen, rules), reasons


def _about(rules: frozenset[Named], column: str) -> list[Named]:
    return [rule for rule in rules if rule.column == column]


def _strictest(
    found: list[Mask], column: Column, token_domains: Mapping[str, TokenDomain]
) -> Mask | None:
    """The join of all masks; None of none, or if one does not apply to the type.

    Two constants on a type without a fixed value (UUID, short varchar) become NULL:
    denying them would let a third, stricter mask widen the answer again.
    """
    if not found or not all(masks.applies(value, column, token_domains) for value in found):
        return None
    joined = reduce(masks.join, found)
    if masks.applies(joined, column, token_domains):
        return joined
    return Mask("replace-with-null")
