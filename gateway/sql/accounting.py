"""Does the printed text hold exactly what its tree holds? Two separate counts.

The tokens are counted against the tree's leaves, and the text is parsed again and
compared node by node. Both look at the outline: the text with a plain name in the place
of each secured sub-query, which only the verifier reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from gateway.sql.dialect import parse_query_tokens
from gateway.sql.lex import HEX, NUMBER, QUOTED, STRING, own_tokens, tokens

Leaf = tuple[str, str]
_COUNTED = frozenset({QUOTED, STRING, NUMBER, HEX})
_SELECT: Leaf = ("SELECT", "")


class AccountingError(Exception):
    """Text and tree differ."""


def account(text: str, tree: exp.Expression, names: Mapping[int, str]) -> None:
    """Return only if the outline says what the tree says.

    Args:
        text: the outline.
        tree: the resolved tree.
        names: what stands for each scan in the outline.

    Raises:
        AccountingError: on the first difference.

    """
    found = own_tokens(text)
    counted = Counter((t.key, t.value) for t in found if t.key in _COUNTED)
    counted[_SELECT] = sum(t.key == "SELECT" for t in found)
    wanted = Counter(_leaves(tree, names))
    wanted.setdefault(_SELECT, 0)
    if counted != wanted:
        raise AccountingError("the text's names, texts, numbers or SELECTs are not the tree's")
    again, _ = parse_query_tokens(found)
    if _dump(again, {}) != _dump(tree, names):
        raise AccountingError("the text parsed again is another tree")


def _leaves(tree: exp.Expression, names: Mapping[int, str]) -> Iterator[Leaf]:
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, exp.Table) and "scan" in node.meta:
            yield (QUOTED, names[node.meta["scan"]])
            stack += [node.args.get("joins"), node.args.get("sample")]
        elif isinstance(node, exp.Anonymous) and node.this.lower() == "normalize":
            stack.extend(node.expressions[:1])  # the form stands as a bare word
        elif isinstance(node, exp.Expression):
            yield from _leaf(node)
            stack.extend(node.args.values())


def _leaf(node: exp.Expression) -> Iterator[Leaf]:
    if isinstance(node, exp.Identifier):
        yield (QUOTED, node.this)
    elif isinstance(node, exp.Literal):
        yield (STRING if node.is_string else NUMBER, node.this)
    elif isinstance(node, exp.HexString):
        yield (HEX, node.this)
    elif isinstance(node, exp.Select):
        yield _SELECT
    elif type(node) is exp.DataType:
        inner = tokens(node.args["kind"])
        yield from ((t.key, t.value) for t in inner if t.key in _COUNTED)


def _dump(node: object, names: Mapping[int, str]) -> Any:  # noqa: ANN401 - nested tuples
    if isinstance(node, list):
        return tuple(_dump(item, names) for item in node)
    if not isinstance(node, exp.Expression):
        return node
    if isinstance(node, exp.Column | exp.Dot):
        return _path(node, names)
    if isinstance(node, exp.Table):
        return _table(node, names)
    return _node(node, names)


def _node(node: exp.Expression, names: Mapping[int, str]) -> Any:  # noqa: ANN401 - nested tuples
    if isinstance(node, exp.Identifier):
        return ("name", node.this)
    if isinstance(node, exp.Anonymous):
        head: tuple[Any, ...] = ("call", node.this.lower(), _dump(node.expressions, names))
        return (*head, bool(node.meta.get("keyword")))
    parts = tuple(
        (key, _dump(value, names))
        for key, value in sorted(node.args.items())
        if value is not None and value is not False and value != []
    )
    return (type(node).__name__, parts, bool(node.meta.get("typed_literal")))


def _path(node: exp.Column | exp.Dot, names: Mapping[int, str]) -> Any:  # noqa: ANN401
    """Dotted names are one path: whether a part is a field only binding can tell."""
    if isinstance(node, exp.Column):
        keys = ("catalog", "db", "table", "this")
        return ("path", *(_dump(node.args[key], names) for key in keys if node.args.get(key)))
    inner = _dump(node.this, names)
    field = _dump(node.expression, names)
    return (*inner, field) if inner[0] == "path" else ("field", inner, field)


def _table(node: exp.Table, names: Mapping[int, str]) -> Any:  # noqa: ANN401 - nested tuples
    joins = _dump([*(node.args.get("joins") or []), node.args.get("sample")], names)
    if "scan" in node.meta:
        return ("table", (names[node.meta["scan"]],), (), joins)
    alias = node.args.get("alias")
    return ("table", tuple(part.this for part in node.parts), _dump(alias or [], names), joins)
