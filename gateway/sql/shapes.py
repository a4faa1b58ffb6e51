"""Small questions about expressions of a resolved tree."""

from __future__ import annotations

from sqlglot import exp


def unwrapped(node: exp.Expression) -> exp.Expression:
    """The expression inside brackets."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def constant(node: exp.Expression) -> bool:
    """Whether it is a literal, negated or typed, that cannot fail while rows are read."""
    node = unwrapped(node)
    if isinstance(node, exp.Neg):
        node = unwrapped(node.this)
        return isinstance(node, exp.Literal) and not node.is_string
    if isinstance(node, exp.Cast):
        return bool(node.meta.get("typed_literal"))
    return isinstance(node, (exp.Literal, exp.Boolean, exp.Null))
