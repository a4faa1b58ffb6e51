"""What each mask looks like in governed text, written apart from what writes it."""

from __future__ import annotations

from functools import cache
from typing import Any

from gateway.sql.reader.expressions import Tree, parse

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UPPER, _LOWER = f"'{_LETTERS}'", f"'{_LETTERS.lower()}'"


def _a(x: str, flags: str) -> str:
    inner = f"regexp_replace({x}, '[^0-9(),.@-]', 'x'{flags})"
    return f"regexp_replace({inner}, '[0-9]', 'n'{flags})"


def _email(join: str) -> str:
    return (
        "CASE WHEN :x IS NULL THEN NULL WHEN length(:x) - length(replace(:x, '@', '')) = 1 "
        "AND strpos(:x, '@') > 1 AND strpos(:x, '@') < length(:x) THEN "
        + join.format("'***@'", f"translate(substr(:x, strpos(:x, '@') + 1), {_UPPER}, {_LOWER})")
        + " ELSE '***' END"
    )


def _texts(flags: str, join: str, stars: str) -> dict[str, str]:
    """Patterns of text masks: ``join`` puts two texts together, ``stars`` counts asterisks."""
    first, last = _a("substr(:x, 5)", flags), _a("substr(:x, 1, length(:x) - 4)", flags)
    rest, everything = stars.format("length(:x) - :n"), stars.format("length(:x)")
    head = join.format("substr(:x, 1, :n)", rest)
    tail = join.format(rest, "substr(:x, length(:x) - :n + 1)")
    partial = "CASE WHEN length(:x) > :m THEN {} ELSE " + everything + " END"
    return {
        "mask-alphanum": _a(":x", flags),
        "show-first-4": join.format("substr(:x, 1, 4)", first),
        "show-last-4": "CASE WHEN length(:x) <= 4 THEN :x ELSE "
        + join.format(last, "substr(:x, length(:x) - 3)")
        + " END",
        "partial/first": partial.format(head),
        "partial/last": partial.format(tail),
        "email-domain": _email(join),
        "regex": f"regexp_replace(:x, :p, :r{flags})",
    }


_TRINO_MAC = "hmac_sha256(to_utf8(:c), to_utf8(COALESCE(:k, '')))"
_I63, _I53 = "9223372036854775807", "9007199254740991"


def _number(mask: str) -> str:
    return f"bitwise_and(from_big_endian_64(substr({_TRINO_MAC}, 1, 8)), {mask})"


_TRINO = {
    **_texts("", "concat({}, {})", "lpad('', {}, '*')"),
    "sha-256-global": "lower(to_hex(sha256(to_utf8(:x))))",
    "sha-256-query-local": "lower(to_hex(sha256(concat(from_hex(:s), to_utf8(:x)))))",
    "keyed-hash": f"lower(to_hex({_TRINO_MAC}))",
    "token/text": f"concat(:q, to_base32(substr({_TRINO_MAC}, 1, 15)))",
    "token/short": f"concat(:q, to_base32(substr({_TRINO_MAC}, 1, 10)))",
    "token/email": f"concat(lower(to_base32(substr({_TRINO_MAC}, 1, 10))), :q)",
    "token/i63": _number(_I63),
    "token/i53": _number(_I53),
    "truncate": "date_trunc(:u, :x)",
    "truncate/utc": "date_trunc(:u, at_timezone(:x, 'UTC'))",
}
_DUCKDB = {
    **_texts(", 'g'", "({} || {})", "lpad('', CAST({} AS INTEGER), '*')"),
    "sha-256-global": "sha256(encode(:x))",
    "sha-256-query-local": "sha256(from_hex(:s) || encode(:x))",
    "truncate": "CAST(date_trunc(:u, :x) AS :t)",
    "truncate/utc": "timezone('UTC', date_trunc(:u, timezone('UTC', :x)))",
}
_BOTH = {
    "bucket": "TRY(CAST(:x - ((:x % :w) + :w) % :w AS :t))",
    "bucket/float": "CAST(floor(:x / :w) * :w AS :t)",
    "constant": "CASE WHEN :x IS NOT NULL THEN :v END",
    "replace-with-null": "CAST(NULL AS :t)",
}
CANONICAL = {
    "raw": ":x",
    "digits": "regexp_replace(:x, '[^0-9]', ''{g})",
    "upper_alnum": "translate(regexp_replace(:x, '[^0-9A-Za-z]', ''{g}), " + f"{_LOWER}, {_UPPER})",
    "email": "TRY(translate(regexp_replace(:x, '[ \\t\\r\\n]', ''{g}), " + f"{_UPPER}, {_LOWER}))",
    "number": "CAST(:x AS VARCHAR)",
}


@cache
def patterns(engine: str) -> tuple[tuple[str, Tree], ...]:
    """All patterns of one engine as trees."""
    own = _TRINO if engine == "trino" else _DUCKDB
    return tuple((name, parse(text, engine)) for name, text in {**own, **_BOTH}.items())


@cache
def canonical(name: str, engine: str) -> Tree | None:
    """The pattern of one canonicalizer, or None if there is none of that name."""
    text = CANONICAL.get(name)
    flags = "" if engine == "trino" else ", 'g'"
    return parse(text.replace("{g}", flags), engine) if text else None


def unify(pattern: Any, tree: Any, holes: dict[str, Any]) -> bool:  # noqa: ANN401 - tree leaves
    """Whether the tree has the pattern's form; fills ``holes``, each with one value only."""
    name = _hole(pattern)
    if name is not None:
        if name not in holes:
            holes[name] = tree
        return bool(holes[name] == tree)
    if isinstance(pattern, tuple) and isinstance(tree, tuple):
        same = len(pattern) == len(tree)
        return same and all(unify(p, t, holes) for p, t in zip(pattern, tree, strict=True))
    return bool(pattern == tree)


def _hole(pattern: object) -> str | None:
    if isinstance(pattern, tuple) and pattern and pattern[0] == "hole":
        return str(pattern[1])
    if isinstance(pattern, str) and pattern.startswith(":"):
        return pattern[1:]
    return None
