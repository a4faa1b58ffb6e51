"""The overloads that have a place among the embedded forms are those of the pinned Trino."""

from __future__ import annotations

import re

from gateway.sql.functions import SIGNATURES
from gateway.sql.signatures import Signature, read_signature
from tests.unit.sql.test_functions import LISTED

Shape = tuple[str, ...]
_WRITTEN_AS_TEXT = {"codepoints", "joniregexp", "jsonpath"}
"""Types inside the engine that a person writes as varchar."""
_LAMBDAS = {"entry", "pair"}
CONVERTED: dict[str, set[Shape]] = {
    "to_unixtime": {("timestamp",)},
    "date": {("date",)},
    "truncate": {("tinyint",), ("smallint",), ("integer",), ("bigint",)},
    "concat_ws": {("varchar",)},
}
"""Arguments that Trino converts first: listed among the forms because the answer is proven."""
NEVER_EMBEDDED: dict[str, set[Shape]] = {
    "cardinality": {("hyperloglog",), ("setdigest",)},
    "contains": {("varchar", "ipaddress")},
}
"""Types the embedded engine has no column of."""
VARIADIC = {"concat", "concat_ws", "map_concat"}
"""Trino lists the repeated argument once."""
SYNTAX = {"position"}


def _ours(signature: Signature) -> Shape:
    bases = (("*" if one.variable else one.base) for one in signature.arguments)
    return tuple("function" if base in _LAMBDAS else base for base in bases)


def _theirs(arguments: str) -> Shape:
    zoned = re.sub(r"(timestamp|time)\(\w+\) with time zone", r"\1 with time zone", arguments)
    signature = read_signature(f"({zoned.lower()}) -> boolean", None)
    bases = [one.base for one in signature.arguments]
    texts = ["varchar" if base in _WRITTEN_AS_TEXT else base for base in bases]
    return tuple("*" if len(base) == 1 else base for base in texts)


LISTED_SHAPES: dict[str, set[Shape]] = {}
for row in LISTED:
    if row.kind != "table":
        LISTED_SHAPES.setdefault(row.name, set()).add(_theirs(row.arguments))


def _shapes(name: str) -> set[Shape]:
    found = {_ours(signature) for signature in SIGNATURES[name]}
    return {shape for shape in found if "unknown" not in shape}


def test_no_overload_is_missing_and_none_made_up() -> None:
    for name in SIGNATURES.keys() - VARIADIC - SYNTAX:
        ours, theirs = _shapes(name), LISTED_SHAPES[name]
        assert ours - theirs == CONVERTED.get(name, set()), name
        assert theirs - ours == NEVER_EMBEDDED.get(name, set()), name


def test_variadic_functions_repeat_what_trino_lists() -> None:
    for name in VARIADIC:
        repeated = {shape[-1] for shape in _shapes(name)} - {"*"}
        assert repeated <= {base for shape in LISTED_SHAPES[name] for base in shape}, name
        assert any(signature.variadic for signature in SIGNATURES[name]), name
