"""Known answers: a key or an engine that disagrees with them never serves a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from gateway.tokens.codec import Mac, canonical, derive_key, fingerprint, render
from gateway.tokens.model import TokenFunction, TokenKey
from gateway.tokens.names import SHAPES

RenderAll = Callable[[TokenFunction, list[str]], list[str | int]]
"""Production code under test: tokens of canonical values by one function."""

KAT = "kat:"
"""Begins the ids of the public test keys in a key table; no token domain has such a name."""

TOKEN_SHAPES = tuple(shape for shape in SHAPES if shape != "hash")


@dataclass(frozen=True, slots=True)
class Vector:
    """One public known answer. ``tokens`` maps shapes to expected tokens."""

    id: int
    domain: str
    version: int
    canonicalizer: str
    raw: str
    canonical: str
    mac: bytes
    tokens: Mapping[str, str | int]


@cache
def _document() -> Mapping[str, Any]:
    text = files("gateway.tokens").joinpath("token_vectors.json").read_text("utf-8")
    document: Mapping[str, Any] = json.loads(text)
    return document


@cache
def vectors() -> tuple[Vector, ...]:
    """The packaged vectors."""
    return tuple(_vector(row) for row in _document()["vectors"])


def _vector(row: Mapping[str, Any]) -> Vector:
    tokens: dict[str, str | int] = {shape: row[shape] for shape in ("text", "short", "email")}
    tokens |= {shape: int(row[shape]) for shape in ("i63", "i53")}
    return Vector(
        row["id"],
        row["domain"],
        row["version"],
        row["canonicalizer"],
        row["raw"],
        row["canonical"],
        bytes.fromhex(row["mac_hex"]),
        tokens,
    )


def null_inputs() -> tuple[tuple[str | None, str, tuple[str, ...]], ...]:
    """Inputs without a token: (raw, canonicalizer, null values)."""
    rows = _document()["null_inputs"]
    return tuple((r["raw"], r["canonicalizer"], tuple(r["null_values"])) for r in rows)


@cache
def known_keys() -> Mapping[tuple[str, int], tuple[str, TokenKey, str]]:
    """The public test keys: (domain, version) → (code, key, expected fingerprint)."""
    found: dict[tuple[str, int], tuple[str, TokenKey, str]] = {}
    for row in _document()["keys"]:
        at = (row["domain"], row["version"])
        secret = derive_key(bytes.fromhex(row["domain_key_hex"]), *at)
        found[at] = (row["code"], TokenKey(*at, "token", secret), row["fingerprint"])
    return found


def known_function(vector: Vector, shape: str) -> TokenFunction:
    """The production description of the function that must answer ``vector``."""
    code, key, _ = known_keys()[(vector.domain, vector.version)]
    return TokenFunction("mg_selftest", shape, code, key)


def codec_failures() -> list[str]:
    """Check the codec alone. Empty when every vector, NULL input and fingerprint agrees."""
    failed = [f"fingerprint {at}" for at, (_, key, fp) in known_keys().items() if _differs(key, fp)]
    for vector in vectors():
        code, key, _ = known_keys()[(vector.domain, vector.version)]
        mac = Mac(key.secret).digest(vector.canonical.encode())
        said: list[object] = [canonical(vector.raw, vector.canonicalizer) or "", mac]
        said += [render(mac, shape, code, vector.version) for shape in TOKEN_SHAPES]
        wanted: list[object] = [
            vector.canonical,
            vector.mac,
            *(vector.tokens[s] for s in TOKEN_SHAPES),
        ]
        if said != wanted:
            failed.append(f"vector {vector.id}")
    for position, (raw, canonicalizer, nulls) in enumerate(null_inputs()):
        if canonical(raw, canonicalizer, nulls) is not None:
            failed.append(f"null input {position}")
    return failed


def _differs(key: TokenKey, expected: str) -> bool:
    return fingerprint(key.secret) != expected


def engine_failures(render_all: RenderAll) -> list[str]:
    """Check an engine's production functions against all vectors and shapes."""
    failed: list[str] = []
    for vector in vectors():
        for shape in TOKEN_SHAPES:
            answer = render_all(known_function(vector, shape), [vector.canonical])
            if answer != [vector.tokens[shape]]:
                failed.append(f"vector {vector.id} {shape}")
    return failed
