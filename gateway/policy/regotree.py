"""What a Rego module consists of, as far as the lint looks."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.policy.regolex import Token


@dataclass(frozen=True, slots=True)
class Node:
    """One construct. ``kind`` is one of the following, ``parts`` its children in order.

    number string raw template null boolean var; ref (head, steps: dotted ones are
    strings); call (callee in ``text``); array set object (pairs flat); array-of set-of
    object-of (comprehensions: heads, then literals); op (operator in ``text``);
    not some some-in every with block member.
    """

    kind: str
    token: Token
    text: str = ""
    parts: tuple[Node, ...] = ()
    heads: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, head expressions, and bodies (``else`` bodies after the first)."""

    name: str
    token: Token
    function: bool
    default: bool
    head: tuple[Node, ...]
    bodies: tuple[Body, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The literals of one body and the value expression that goes with it."""

    literals: tuple[Node, ...]
    value: tuple[Node, ...] = ()
    braced: bool = True


@dataclass(frozen=True, slots=True)
class RegoModule:
    """A whole file."""

    package: tuple[str, ...]
    package_token: Token
    imports: tuple[tuple[str, Token], ...]
    rules: tuple[Rule, ...]
    tokens: tuple[Token, ...] = field(repr=False, default=())
