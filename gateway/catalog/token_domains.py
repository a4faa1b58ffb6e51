"""The ``token_domains`` of a domain file, and which columns may be bound to one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.catalog.model import TokenDomain, TokenVersion
from gateway.catalog.nodes import Node
from gateway.catalog.reader import Fields, Reader
from gateway.catalog.spec import Claim
from gateway.datatypes import DataType

Place = Callable[[Node], str]

_DOMAIN = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CODE = re.compile(r"[a-z]{2,8}")
_SHAPES = ("text", "short", "email")
_NUMERIC = ("i63", "i53", "refuse")
_STATES = ("pending", "active", "accept", "retired")
_MAX_VERSION = 99
_MAX_NULL_VALUES = 20
_KEYS = ("code", "method", "shape", "numeric", "canonicalizer", "versions")
# What a value looks like once a canonicalizer has passed over it.
_CANONICAL: Mapping[str, re.Pattern[str]] = {
    "raw": re.compile(r".+", re.DOTALL),
    "digits": re.compile(r"[0-9]+"),
    "upper_alnum": re.compile(r"[0-9A-Z]+"),
    "email": re.compile(r"[^ \t\r\nA-Z]+"),
    "int": re.compile(r"0|-?[1-9][0-9]*"),
}
_PUSHDOWN: Mapping[str, tuple[str, ...]] = {
    "duckdb": ("none", "literal"),
    "trino": ("none", "files", "index_subquery", "literal"),
}


@dataclass(frozen=True, slots=True)
class Defined:
    """A file's token domains and the names and codes they claim for themselves alone."""

    domains: tuple[TokenDomain, ...]
    claims: tuple[Claim, ...]


def read(root: Fields, owner: str, place: Place) -> Defined:
    """Read the ``token_domains`` map; ``place`` makes a node's path absolute."""
    reading = _Reading(root.reader, owner, place)
    domains = tuple(reading.domain(key, node) for key, node in root.entries("token_domains"))
    return Defined(domains, tuple(reading.claims))


def binding_problem(column: DataType, domain: TokenDomain) -> str | None:
    """Say why a column of this type cannot carry the domain's tokens, or None.

    A token keeps the column's type, and two values must practically never share one.
    """
    if column.base == "varchar":
        return _too_narrow(column, domain)
    if domain.canonicalizer == "email" or domain.shape == "email":
        return f"{column.compact()} holds no e-mail address"
    if column.base == "bigint":
        return None if domain.numeric != "refuse" else "the domain refuses numbers"
    if column.base == "decimal":
        return _decimal_problem(column, domain)
    return f"no token fits {column.compact()}: use another mask, such as replace-with-null"


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _too_narrow(column: DataType, domain: TokenDomain) -> str | None:
    lengths = {"text": 24, "short": 16}
    if not column.params:
        return None
    # The code, a two-digit version, "_" and the digits; an e-mail token: 16 + "@…" + ".invalid".
    needed = len(domain.code) + 2 + (1 + lengths[domain.shape] if domain.shape in lengths else 25)
    if column.params[0] >= needed:
        return None
    return f"{column.compact()} would cut a token of {needed} characters"


def _decimal_problem(column: DataType, domain: TokenDomain) -> str | None:
    precision, scale = column.params
    if domain.numeric == "refuse":
        return "the domain refuses numbers"
    if scale or precision < 16:  # noqa: PLR2004 - 53 bits have 16 digits
        return f"{column.compact()} is too small for a token: 16 digits and no scale are needed"
    return None


class _Reading:
    def __init__(self, reader: Reader, owner: str, place: Place) -> None:
        self._reader = reader
        self._owner = owner
        self._place = place
        self.claims: list[Claim] = []

    def domain(self, key: Node, node: Node) -> TokenDomain:
        name = self._matching(key, _DOMAIN)
        fields = Fields(self._reader, node, required=_KEYS, optional=("null_values", "pushdown"))
        fields.choice("method", ("ht1",))
        code = self._matching(fields.mark_of("code"), _CODE) if fields.node("code") else ""
        self.claims.append(Claim("duplicate-token-domain", f"token domain {name}", key))
        self.claims.append(Claim("duplicate-token-domain", f"code {code}", fields.mark_of("code")))
        canonicalizer = fields.choice("canonicalizer", _CANONICAL)
        return TokenDomain(
            name=name,
            code=code,
            shape=fields.choice("shape", _SHAPES),
            numeric=fields.choice("numeric", _NUMERIC),
            canonicalizer=canonicalizer,
            null_values=self._null_values(fields, canonicalizer),
            versions=self._versions(fields),
            domain=self._owner,
            pushdown=self._pushdown(fields),
        )

    def _matching(self, node: Node, form: re.Pattern[str]) -> str:
        text = self._reader.text(node)
        if not form.fullmatch(text):
            self._reader.at(node, "bad-name", f'"{text}" is not of the form {form.pattern}')
        return text

    def _null_values(self, fields: Fields, canonicalizer: str) -> tuple[str, ...]:
        form = _CANONICAL.get(canonicalizer)
        nodes = fields.elements("null_values")
        for node in nodes:
            if form is not None and not form.fullmatch(self._reader.text(node)):
                message = f'"{node.value}" never comes out of {canonicalizer}'
                self._reader.at(node, "bad-value", message)
        if len(nodes) > _MAX_NULL_VALUES:
            self._reader.at(nodes[0], "bad-value", f"at most {_MAX_NULL_VALUES} null values")
        return tuple(node.value for node in nodes)

    def _pushdown(self, fields: Fields) -> Mapping[str, str]:
        node = fields.node("pushdown")
        if node is None:
            return MappingProxyType({})
        modes = Fields(self._reader, node, optional=tuple(_PUSHDOWN))
        chosen = {
            engine: modes.choice(engine, words, "none") for engine, words in _PUSHDOWN.items()
        }
        return MappingProxyType(chosen)

    def _versions(self, domain: Fields) -> tuple[TokenVersion, ...]:
        mark = domain.mark_of("versions")
        found = tuple(
            self._version(fields)
            for fields in domain.maps(
                "versions", required=("v", "state", "key"), optional=("not_after",)
            )
        )
        if len({version.v for version in found}) != len(found):
            self._reader.at(mark, "duplicate-key", "a version number stands twice")
        active = sum(version.state == "active" for version in found)
        if active != 1 and domain.node("versions") is not None:
            self._reader.at(mark, "bad-value", f"one version is active, found {active}")
        return found

    def _version(self, fields: Fields) -> TokenVersion:
        number = fields.integer("v") or 0
        if not 1 <= number <= _MAX_VERSION and fields.node("v") is not None:
            self._reader.at(fields.mark_of("v"), "bad-value", f"versions are 1 to {_MAX_VERSION}")
        not_after = fields.text("not_after")
        if not_after and not _is_date(not_after):
            self._reader.at(fields.mark_of("not_after"), "bad-value", 'written as "2027-12-31"')
        return TokenVersion(
            v=number,
            state=fields.choice("state", _STATES),
            key=self._key(fields.node("key")),
            not_after=not_after,
        )

    def _key(self, node: Node | None) -> Mapping[str, str]:
        """Read a secret reference; anything else may be the secret, so it is never repeated."""
        if node is None:
            return MappingProxyType({})
        words = [key.value for key, _ in node.items]
        if node.kind != "map" or len(words) != 1 or words[0] not in {"env", "file"}:
            message = 'a key is written {env: NAME} or {file: "keys.json#name"}, never as its value'
            self._reader.at(node, "literal-secret", message)
            return MappingProxyType({})
        kind, value = words[0], node.items[0][1]
        text = self._place(value) if kind == "file" else self._reader.text(value)
        return MappingProxyType({kind: text})
