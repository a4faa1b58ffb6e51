"""From the text of a masked column back to the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.model import Column, TokenDomain
from gateway.policy.model import Mask, Scalar
from gateway.sql.reader.expressions import Tree
from gateway.sql.reader.literals import read_literal, same_type
from gateway.sql.reader.patterns import canonical, patterns, unify
from gateway.sql.reader.tokens import UnreadableError
from gateway.tokens.names import udf_name

_HASH = 3
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_TEMPORAL = frozenset({"date", "timestamp", "timestamp with time zone"})
_FIXED: Mapping[str, Scalar] = {
    "boolean": False,
    "tinyint": 0,
    "smallint": 0,
    "integer": 0,
    "bigint": 0,
    "decimal": "0",
    "real": "0",
    "double": "0",
    "date": "1970-01-01",
    "timestamp": "1970-01-01T00:00:00",
    "timestamp with time zone": "1970-01-01T00:00:00Z",
    "time": "00:00:00",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What masks may lean on: token domains by name and the query's salt."""

    domains: Mapping[str, TokenDomain]
    salt: str


def read_mask(tree: Tree, column: Column, raw: Tree, engine: str, keys: Keys) -> Mask:
    """Turn an expression over ``raw`` back into the mask it is; raises UnreadableError."""
    found = _fixed(tree, column, engine) or _token(tree, column, raw, engine, keys)
    if found:
        return found
    inner = tree
    bounded = column.type.base == "varchar" and bool(column.type.params)
    if bounded and tree[0] == "cast" and tree[1] != ("word", "NULL"):
        if not same_type(tree[2], column.type, engine):
            raise UnreadableError("a mask of another type than its column")
        inner = tree[1]
    for name, pattern in patterns(engine):
        holes: dict[str, Any] = {}
        if unify(pattern, inner, holes) and holes.get("x", raw) == raw:
            mask = _finish(name, holes, column, engine, keys)
            if mask and (not bounded or inner is not tree or name in _TYPED):
                return mask
    raise UnreadableError(f"a value of column {column.name} that is no known mask")


_TYPED = frozenset({"constant", "replace-with-null"})


def _fixed(tree: Tree, column: Column, engine: str) -> Mask | None:
    base = column.type.base
    if base == "varchar":
        fixed = tree[:2] == ("cast", ("text", "XXXXXXXX"))
        return (
            Mask("mask-to-fixed-value")
            if fixed and same_type(tree[2], column.type, engine)
            else None
        )
    try:
        value = read_literal(tree, column.type, engine)
    except UnreadableError:
        return None
    return Mask("mask-to-fixed-value") if base in _FIXED and _plain(value) == _FIXED[base] else None


def _plain(value: Scalar) -> Scalar:
    """Drop the zero fraction a literal was padded with."""
    if not isinstance(value, str) or "." not in value:
        return value
    zone = "Z" if value.endswith("Z") else ""
    return value.rstrip("Z").rstrip("0").rstrip(".") + zone


def _finish(
    name: str, holes: dict[str, Any], column: Column, engine: str, keys: Keys
) -> Mask | None:
    kind, _, form = name.partition("/")
    base = column.type.base
    if "t" in holes and not same_type(holes["t"], column.type, engine):
        return None
    if kind == "replace-with-null":
        return Mask(kind)
    if kind == "constant":
        return _constant(holes["v"], column, engine)
    if kind == "truncate":
        zoned = base == "timestamp with time zone"
        return _unit(holes["u"]) if base in _TEMPORAL and zoned is (form == "utc") else None
    if kind == "bucket":
        floats = base in {"real", "double"}
        fits = floats if form == "float" else base in _INTEGERS or base == "decimal"
        return Mask(kind, (("width", _whole(holes["w"])),)) if fits else None
    return _text(kind, form, holes, keys) if base == "varchar" else None


def _text(kind: str, form: str, holes: dict[str, Any], keys: Keys) -> Mask | None:
    match kind:
        case "partial":
            n = _whole(holes["n"])
            return Mask(kind, (("n", n), ("side", form))) if _whole(holes["m"]) == n + 3 else None
        case "regex":
            params = (("pattern", _said(holes["p"])), ("replacement", _said(holes["r"])))
            return Mask(kind, params)
        case "sha-256-query-local":
            return Mask(kind) if keys.salt and holes["s"] == ("text", keys.salt) else None
        case "token" | "keyed-hash":
            return None
        case _:
            return Mask(kind)


def _constant(tree: Tree, column: Column, engine: str) -> Mask:
    value = tree
    if column.type.base == "varchar":
        if tree[0] != "cast" or not same_type(tree[2], column.type, engine):
            raise UnreadableError("a constant of another type than its column")
        value = tree[1]
    return Mask(
        "constant", (("value", _plain_value(read_literal(value, column.type, engine), column)),)
    )


def _plain_value(value: Scalar, column: Column) -> Scalar:
    return _plain(value) if column.type.base.startswith("time") else value


def _unit(tree: Tree) -> Mask | None:
    unit = _said(tree)
    if unit in {"month", "year"}:
        return Mask(f"truncate-to-{unit}")
    return Mask("date-trunc", (("unit", unit),)) if unit in {"hour", "day", "quarter"} else None


def _whole(tree: Tree) -> int:
    if tree[0] != "number" or not str(tree[1]).isdecimal():
        raise UnreadableError("a mask's number that cannot be read")
    return int(tree[1])


def _said(tree: Tree) -> str:
    if tree[0] != "text":
        raise UnreadableError("a mask's text that cannot be read")
    return str(tree[1])


def _token(tree: Tree, column: Column, raw: Tree, engine: str, keys: Keys) -> Mask | None:
    domain = keys.domains.get(column.token_domain or "")
    if domain is None:
        return None
    inner = tree
    if column.type.compact() not in {"bigint", "varchar"} and tree[0] == "cast":
        if not same_type(tree[2], column.type, engine):
            return None
        inner = tree[1]
    read = _udf if engine == "duckdb" else _mac
    return read(inner, column, raw, domain)


def _udf(tree: Tree, column: Column, raw: Tree, domain: TokenDomain) -> Mask | None:
    if tree[0] != "udf" or len(tree) != _HASH:
        return None
    version = domain.active.v
    if tree[1] == udf_name(domain.name, version, "hash"):
        return Mask("keyed-hash") if tree[2] == raw and column.type.base == "varchar" else None
    shape = _shape(column, domain)
    named = shape is not None and tree[1] == udf_name(domain.name, version, shape)
    return Mask("token") if named and _present(tree[2], column, raw, domain, "duckdb") else None


def _mac(tree: Tree, column: Column, raw: Tree, domain: TokenDomain) -> Mask | None:
    shape, version = _shape(column, domain), domain.active.v
    for name, pattern in patterns("trino"):
        kind, _, form = name.partition("/")
        holes: dict[str, Any] = {}
        if kind not in {"token", "keyed-hash"} or not unify(pattern, tree, holes):
            continue
        if kind == "keyed-hash":
            right = holes["k"] == ("key", f"{domain.name}:v{version}:hash") and holes["c"] == raw
            return Mask(kind) if right and column.type.base == "varchar" else None
        prefix = f"{domain.code}{version}"
        said = {"email": f"@{prefix}.invalid"}.get(form, f"{prefix}_")
        right = form == shape and holes["k"] == ("key", f"{domain.name}:v{version}")
        right = right and holes.get("q", ("text", said)) == ("text", said)
        return Mask(kind) if right and _present(holes["c"], column, raw, domain, "trino") else None
    return None


_I63_DIGITS, _I53_DIGITS = 19, 16


def _shape(column: Column, domain: TokenDomain) -> str | None:
    base, params = column.type.base, column.type.params
    if base == "varchar":
        return domain.shape
    if domain.numeric not in {"i63", "i53"}:
        return None
    if base == "decimal" and params[1] == 0 and params[0] >= _I53_DIGITS:
        return "i63" if params[0] >= _I63_DIGITS else "i53"
    return domain.numeric if base == "bigint" else None


def _present(tree: Tree, column: Column, raw: Tree, domain: TokenDomain, engine: str) -> bool:
    """Whether the tree is the canonical value, NULL where it is empty or a sentinel."""
    name = domain.canonicalizer if column.type.base == "varchar" else "number"
    pattern, holes = canonical(name, engine), {"x": raw}
    absent = tuple(("text", value) for value in ("", *domain.null_values))
    if pattern is None or len(tree) != 2 or tree[0] != "case" or tree[1][0] != "when":  # noqa: PLR2004
        return False
    _, condition, shown = tree[1]
    return unify(pattern, shown, holes) and condition == ("not in", shown, *absent)
