"""Signatures of functions: ``(array(T), varchar(x)) -> varchar(x)``, matched as Trino does.

First an exact match, else the one match by implicit conversion that is more specific than
all others. Upper-case words are type variables, ``x p s`` and other lower-case letters in
parentheses number variables, ``T...`` repeats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.datatypes import DataType
from gateway.sql.typing_rules import (
    VARCHAR,
    as_decimal,
    coercible,
    common_type,
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One type with variables; ``params`` are numbers or number variables."""

    base: str
    params: tuple[str, ...] = ()
    children: tuple[Pattern, ...] = ()

    @property
    def variable(self) -> bool:
        """Whether it stands for any type."""
        return self.base[:1].isupper()


@dataclass(slots=True)
class Bindings:
    """What the variables stand for."""

    types: dict[str, DataType] = field(default_factory=dict)
    numbers: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signature:
    """One overload: ``form`` is its DuckDB template, None if not proven."""

    arguments: tuple[Pattern, ...]
    returns: Pattern
    form: str | None
    variadic: bool = False

    def patterns(self, count: int) -> tuple[Pattern, ...] | None:
        """The argument patterns of a call with ``count`` arguments."""
        if not self.variadic:
            return self.arguments if len(self.arguments) == count else None
        if count < len(self.arguments):
            return None
        repeated = self.arguments[-1]
        return self.arguments + (repeated,) * (count - len(self.arguments))


def read_signature(text: str, form: str | None) -> Signature:
    """Read ``(T, integer...) -> T``."""
    inside, _, returns = text.rpartition("->")
    inside = inside.strip()[1:-1].strip()
    variadic = inside.endswith("...")
    arguments = tuple(_pattern(part) for part in _split(inside.removesuffix("...")))
    return Signature(arguments, _pattern(returns.strip()), form, variadic)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _pattern(text: str) -> Pattern:
    found = re.fullmatch(r"([^()]+)(?:\((.*)\))?(.*)", text.strip())
    if found is None:
        raise ValueError(f"not a type pattern: {text}")
    base, inside = (found.group(1) + found.group(3)).strip(), found.group(2)
    if inside is None:
        return Pattern(base)
    if base in {"array", "map", "row", "function", "entry", "pair"}:
        return Pattern(base, (), tuple(_pattern(part) for part in _split(inside)))
    return Pattern(base, tuple(_split(inside)))


def match(pattern: Pattern, kind: DataType, bound: Bindings, *, exact: bool) -> bool:
    """Bind the variables of a pattern to an argument's type."""
    if pattern.variable:
        return _match_variable(pattern, kind, bound, exact=exact)
    if kind.base == "unknown" and not exact:
        return not pattern.params and not pattern.children
    if pattern.base == "decimal" and not exact:
        kind = as_decimal(kind) or kind
    if pattern.base == "timestamp" and kind.base == "date" and not exact:
        kind = DataType("timestamp", (0,))
    if pattern.base == kind.base:
        return _match_parts(pattern, kind, bound, exact=exact)
    return not exact and not pattern.params and coercible(kind, DataType(pattern.base))


def _match_variable(pattern: Pattern, kind: DataType, bound: Bindings, *, exact: bool) -> bool:
    known = bound.types.get(pattern.base)
    if known is None:
        bound.types[pattern.base] = kind
        return True
    if known == kind:
        return True
    shared = None if exact else common_type(known, kind)
    if shared is not None:
        bound.types[pattern.base] = shared
    return shared is not None


def _match_parts(pattern: Pattern, kind: DataType, bound: Bindings, *, exact: bool) -> bool:
    if pattern.children:
        same = len(pattern.children) == len(kind.children)
        pairs = zip(pattern.children, kind.children, strict=False)
        return same and all(match(one, other, bound, exact=exact) for one, other in pairs)
    if pattern.base == "varchar" and not pattern.params:
        return True
    if pattern.base == "varchar" and pattern.params[0].isdigit():
        return bool(kind.params) and kind.params[0] <= int(pattern.params[0])
    values: Sequence[int | None] = kind.params or ((None,) if pattern.base == "varchar" else ())
    for name, value in zip(pattern.params, values, strict=False):
        if name in bound.numbers and bound.numbers[name] != value:
            if exact:
                return False
            known = bound.numbers[name]
            value = None if known is None or value is None else max(known, value)  # noqa: PLW2901
        bound.numbers[name] = value
    return True


def build(pattern: Pattern, bound: Bindings) -> DataType:
    """The type a pattern means under bindings; KeyError for a free variable."""
    if pattern.variable:
        return bound.types[pattern.base]
    children = tuple((None, build(child, bound)) for child in pattern.children)
    numbers = tuple(
        int(name) if name.isdigit() else bound.numbers.get(name) for name in pattern.params
    )
    if pattern.base == "varchar" and (not numbers or numbers[0] is None):
        return VARCHAR
    kept = tuple(number for number in numbers if number is not None)
    return DataType(pattern.base, kept, children)


def more_specific(one: Sequence[DataType], other: Sequence[DataType]) -> bool:
    """Whether every type of one converts to the other's."""
    return all(coercible(a, b) for a, b in zip(one, other, strict=True))
