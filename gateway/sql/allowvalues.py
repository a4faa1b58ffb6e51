"""What the arguments of an allowed node may hold: checks of values, for ``allow``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from gateway.datatypes import DataType

Check = Callable[[Any], bool]

NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNITS = frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
_BEHAVIOURS = frozenset(
    ["ERROR", "NULL", "TRUE", "FALSE", "UNKNOWN", "EMPTY ARRAY", "EMPTY OBJECT"]
)
FIELDS = _UNITS | frozenset(
    """
    QUARTER WEEK DAY_OF_MONTH DAY_OF_WEEK DOW DAY_OF_YEAR DOY YEAR_OF_WEEK YOW TIMEZONE_HOUR
    TIMEZONE_MINUTE
    """.split()  # noqa: SIM905 - a word list reads better as words
)


def is_node(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is a node."""
    return isinstance(value, exp.Expression)


def are_nodes(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is a list of nodes."""
    return type(value) is list and all(isinstance(item, exp.Expression) for item in value)


def is_flag(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is true or false."""
    return type(value) is bool


def one_of(*kinds: type[exp.Expression]) -> Check:
    """Check for one of these classes, no subclass."""
    return lambda value: type(value) in kinds


def all_of(*kinds: type[exp.Expression]) -> Check:
    """Check for a list of these classes."""
    return lambda value: type(value) is list and all(type(item) in kinds for item in value)


def word(*words: str) -> Check:
    """Check for one of these words."""
    return lambda value: type(value) is str and value in words


def is_count(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is a whole number or a parameter."""
    if type(value) is exp.Literal:
        return not value.args["is_string"] and value.this.isdigit()
    return type(value) is exp.Placeholder


def text_like(pattern: re.Pattern[str]) -> Check:
    """Check for text of this form."""
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def is_name(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it can be a name."""
    return type(value) is str and bool(value) and "\x00" not in value


def is_bound(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it bounds a frame."""
    return value in {"UNBOUNDED", "CURRENT ROW"} if type(value) is str else is_node(value)


def is_point(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is a literal, or a typed one."""
    return type(value.this if type(value) is exp.Cast else value) is exp.Literal


def is_share(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it is a number."""
    return type(value) is exp.Literal and not value.args["is_string"]


def is_behaviour(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it says what a JSON function gives in the odd case."""
    return value in _BEHAVIOURS if type(value) is str else is_node(value)


def is_type(value: Any) -> bool:  # noqa: ANN401 - whatever a tree holds
    """Whether it spells a type."""
    try:
        return type(value) is str and bool(DataType.parse(value))
    except ValueError:
        return False
