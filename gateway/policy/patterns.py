"""The small regular-expression language of the ``regex`` mask.

Only what reads alike in every engine: ASCII literals, bracketed classes, quantifiers.
"""

from __future__ import annotations

import re

_LITERAL = r"[ A-Za-z0-9_@#%&=:;,<>!~'/-]"
_CLASS_CHAR = r"[ A-Za-z0-9_@#%&=:;,<>!~'/.*+?(){}|$-]"
_CLASS = rf"\[\^?{_CLASS_CHAR}+\]"
_QUANTIFIER = r"[*+?]|\{\d{1,3}(?:,\d{0,3})?\}"
_ITEM = re.compile(rf"({_LITERAL}|{_CLASS})({_QUANTIFIER})?")
_RANGE = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])")
_MAX_PATTERN, _MAX_REPLACEMENT = 256, 64


def regex_problem(pattern: object, replacement: object) -> str | None:
    """What is wrong with a regex mask's parameters, or None.

    No anchors, groups, alternatives, look-around, ``.`` or backslash; at least one
    item must match something, so that nothing is inserted between characters.
    """
    if not isinstance(pattern, str) or not isinstance(replacement, str):
        return "pattern and replacement are texts"
    if not pattern or len(pattern) > _MAX_PATTERN or len(replacement) > _MAX_REPLACEMENT:
        return "pattern has 1 to 256 characters, replacement at most 64"
    if "$" in replacement or "\\" in replacement or not replacement.isprintable():
        return "replacement holds neither $ nor backslash nor control characters"
    return _pattern_problem(pattern)


def _pattern_problem(pattern: str) -> str | None:
    at, consumes = 0, False
    while at < len(pattern):
        item = _ITEM.match(pattern, at)
        if item is None:
            return f"not allowed at character {at + 1} (literals, classes, quantifiers only)"
        problem = _class_problem(item.group(1)) or _bounds_problem(item.group(2))
        if problem:
            return problem
        consumes = consumes or not _optional(item.group(2))
        at = item.end()
    return None if consumes else "the pattern may not match the empty text"


def _class_problem(item: str) -> str | None:
    if not item.startswith("["):
        return None
    inner = item[1:-1].removeprefix("^")
    if "&&" in inner:
        return "no set operations inside a class"
    rest = _RANGE.sub("", inner)
    if "-" in rest.strip("-"):
        return "a range joins two letters or digits"
    if any(low > high for low, high in _RANGE.findall(inner)):
        return "a range runs upwards"
    return None


def _bounds_problem(quantifier: str | None) -> str | None:
    if not quantifier or not quantifier.startswith("{"):
        return None
    low, _, high = quantifier[1:-1].partition(",")
    return "a quantifier's bounds run upwards" if high and int(high) < int(low) else None


def _optional(quantifier: str | None) -> bool:
    if not quantifier:
        return False
    return quantifier in {"*", "?"} or quantifier.startswith("{0")
