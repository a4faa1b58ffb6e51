"""The self-test of tokens on Trino: known answers and fingerprints, computed there, compared here.

What a cluster answers wrongly, or not at all, is refused: a wrong key row is silent otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from gateway.catalog.model import Column, TokenDomain, TokenVersion
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.sql.maskwriter import Place, Writer
from gateway.sql.spelling import text_literal
from gateway.sql.tokenmasks import canonical_text, keyed_mac, rendered, token
from gateway.tokens.codec import FINGERPRINT_MESSAGE
from gateway.tokens.keys import KeyRing
from gateway.tokens.names import key_id
from gateway.tokens.selftest import KAT, TOKEN_SHAPES, Vector, known_keys, null_inputs, vectors

ServiceQuery = Callable[[str], Awaitable[Sequence[Sequence[object]]]]
"""Runs a statement of the gateway's own on the cluster and returns its rows."""

_ALIAS = "$g"
_KNOWN = "kat"
_FINGERPRINT = 12
_TEXT, _NUMBER = DataType("varchar"), DataType("bigint")


@dataclass(frozen=True, slots=True)
class Check:
    """One statement of the self-test, and the rows a sound cluster answers."""

    name: str
    sql: str
    expected: tuple[tuple[object, ...], ...]


async def trino_failures(
    query: ServiceQuery, domains: Iterable[TokenDomain], ring: KeyRing
) -> Mapping[str, str]:
    """Test a cluster; return the token domains to refuse there, each with the reason.

    Empty when all is well. A failed known answer refuses every domain; a key row that is
    missing, doubled or another key than the gateway's refuses its own. Never raises: a cluster
    that does not answer proves nothing.
    """
    names = sorted(domain.name for domain in domains)
    for check in (*known_answers(), *absent_values()):
        if reason := await _failed(query, check):
            return MappingProxyType(dict.fromkeys(names, reason))
    found = {}
    for name in names:
        reason = ring.problems.get(name) or await _wrong_key(query, name, ring)
        if reason:
            found[name] = reason
    return MappingProxyType(found)


def known_answers() -> Iterator[Check]:
    """All vectors in all shapes, through the templates governed text is made of."""
    ordered = sorted(vectors(), key=_group)
    for (domain, version, canonicalizer), found in groupby(ordered, key=_group):
        group = tuple(found)
        column = _column(canonicalizer)
        known = _domain(domain, version, canonicalizer)
        w = _writer(column, known)
        text = canonical_text(column, known, w)
        shown = [text, *(rendered(shape, text, known, w) for shape in TOKEN_SHAPES)]
        yield Check(
            f"vectors of {domain}:v{version} {canonicalizer}",
            _over(shown, column, [vector.raw for vector in group]),
            tuple(_answers(at, vector) for at, vector in enumerate(group)),
        )


def absent_values() -> Iterator[Check]:
    """NULL, nothing and sentinels have no token."""
    for at, (raw, canonicalizer, null_values) in enumerate(null_inputs()):
        column = _column(canonicalizer)
        known = _domain("member", 1, canonicalizer, null_values)
        shown = token(column, _writer(column, known))
        yield Check(f"null input {at}", _over([shown], column, [raw]), ((0, None),))


def fingerprint_check(ids: Sequence[str], expected: Sequence[str]) -> Check:
    """The fingerprints of these key rows, computed by the cluster with the key it reads."""
    known = _domain("member", 1, "raw")
    w = _writer(_column("raw"), known)
    shown = [_fingerprint(name, w) for name in ids]
    return Check(
        "fingerprint of " + ", ".join(ids),
        f"SELECT {', '.join(shown)}",
        (tuple(expected),),
    )


async def _wrong_key(query: ServiceQuery, domain: str, ring: KeyRing) -> str:
    active = {(f.key.version, f.key.use): f.key for f in ring.functions.values()
              if f.key.domain == domain}  # fmt: skip
    if not active:
        return "no usable key is loaded"
    ids = [key_id(domain, *at) for at in sorted(active)]
    return await _failed(
        query, fingerprint_check(ids, [active[at].fingerprint for at in sorted(active)])
    )


async def _failed(query: ServiceQuery, check: Check) -> str:
    """Say what is wrong, in our words and the error's name alone; empty if nothing is."""
    try:
        rows = await query(check.sql)
    except MeshgateError as error:
        return f"{check.name}: the cluster answers {error.name}"
    if [tuple(row) for row in rows] != list(check.expected):
        return f"{check.name}: the cluster answers otherwise"
    return ""


def _group(vector: Vector) -> tuple[str, int, str]:
    # Dates are never tokenized by a template; their canonical text is the vector's raw one.
    kind = "raw" if vector.canonicalizer == "date" else vector.canonicalizer
    return vector.domain, vector.version, kind


def _answers(at: int, vector: Vector) -> tuple[object, ...]:
    return (at, vector.canonical, *(vector.tokens[shape] for shape in TOKEN_SHAPES))


def _column(canonicalizer: str) -> Column:
    return Column("x", _NUMBER if canonicalizer == "int" else _TEXT, 1, token_domain=_KNOWN)


def _domain(
    domain: str, version: int, canonicalizer: str, null_values: tuple[str, ...] = ()
) -> TokenDomain:
    code, _, _ = known_keys()[(domain, version)]
    active = (TokenVersion(version, "active", MappingProxyType({})),)
    return TokenDomain(KAT + domain, code, "text", "i63", canonicalizer, null_values, active)


def _writer(column: Column, domain: TokenDomain) -> Writer:
    return Writer(column, Place("trino", _ALIAS, MappingProxyType({_KNOWN: domain}), ""))


def _over(shown: Sequence[str], column: Column, raws: Sequence[str | None]) -> str:
    """Write a query of the expressions over literal values, numbered in order."""
    rows = ", ".join(f"({at}, {_cast(raw, column)})" for at, raw in enumerate(raws))
    source = f'(VALUES {rows}) AS "{_ALIAS}" ("n", {quote(column.name)})'
    return f'SELECT "{_ALIAS}"."n", {", ".join(shown)} FROM {source} ORDER BY 1'  # noqa: S608 - public test values


def _cast(raw: str | None, column: Column) -> str:
    value = "NULL" if raw is None else text_literal(raw)
    return f"CAST({value} AS {column.type.text()})"


def _fingerprint(name: str, w: Writer) -> str:
    mac = keyed_mac(text_literal(FINGERPRINT_MESSAGE), name, w)
    return w.call("substr", w.call("lower", w.call("to_hex", mac)), "1", str(_FINGERPRINT))
