"""HT1 tokens and keyed hashes as SQL. No key stands in any text.

Trino reads the key by one scalar sub-query from the gateway's own table; DuckDB has it
in the closure of a function whose name says nothing.
"""

from __future__ import annotations

from gateway.catalog.model import Column, TokenDomain
from gateway.errors import MeshgateError
from gateway.sql.maskwriter import LOWER, UPPER, Writer
from gateway.sql.spelling import INTEGERS, text_literal
from gateway.tokens.names import key_id, udf_name

_KEY_ROW = 'SELECT "$k"."k" FROM "gov"."gw"."keys" AS "$k"'
_MASKS = {"i63": "9223372036854775807", "i53": "9007199254740991"}
_I63_DIGITS, _I53_DIGITS = 19, 16


def token(column: Column, w: Writer) -> str:
    """Write the column's token in its domain, with the column's exact type."""
    domain = _domain(column, w)
    text = rendered(_shape(column, domain), _present(column, domain, w), domain, w)
    exact = column.type.base == "bigint" or (
        column.type.base == "varchar" and not column.type.params
    )
    return text if exact else f"CAST({text} AS {w.type})"


def rendered(shape: str, value: str, domain: TokenDomain, w: Writer) -> str:
    """Write the token, in one of five shapes, of an expression that holds canonical text."""
    if w.engine == "duckdb":
        return f'"{udf_name(domain.name, domain.active.v, shape)}"({value})'
    mac = keyed_mac(value, key_id(domain.name, domain.active.v), w)
    return _trino(shape, f"{domain.code}{domain.active.v}", mac, w)


def keyed_hash(column: Column, w: Writer) -> str:
    """Write HMAC-SHA-256 of the raw text as lower-case hex, under the domain's hash key."""
    if column.type.base != "varchar":
        raise ValueError(f"keyed-hash does not apply to {column.type.text()}")
    domain = _domain(column, w)
    if w.engine == "duckdb":
        return f'"{udf_name(domain.name, domain.active.v, "hash")}"({w.x})'
    mac = keyed_mac(w.x, key_id(domain.name, domain.active.v, "hash"), w)
    return w.call("lower", w.call("to_hex", mac))


def _domain(column: Column, w: Writer) -> TokenDomain:
    if column.token_domain is None or column.token_domain not in w.place.token_domains:
        raise MeshgateError(
            "TOKEN_KEY_UNAVAILABLE",
            "a column of this query is tokenized, but its token domain is not available: "
            "ask the steward of its domain",
            audit={"column": column.name},
        )
    return w.place.token_domains[column.token_domain]


def _shape(column: Column, domain: TokenDomain) -> str:
    base, params = column.type.base, column.type.params
    if base == "varchar":
        return domain.shape
    if base == "bigint" and domain.numeric in _MASKS:
        return domain.numeric
    if (
        base == "decimal"
        and params[1] == 0
        and params[0] >= _I53_DIGITS
        and domain.numeric in _MASKS
    ):
        return "i63" if params[0] >= _I63_DIGITS else "i53"
    raise ValueError(f"a token does not apply to {column.type.text()}")


def _present(column: Column, domain: TokenDomain, w: Writer) -> str:
    """Write ``n(x)``: the canonical value, NULL where it is empty or a sentinel."""
    canonical = canonical_text(column, domain, w)
    absent = ", ".join(text_literal(value) for value in ("", *domain.null_values))
    return f"CASE WHEN {canonical} NOT IN ({absent}) THEN {canonical} END"


def canonical_text(column: Column, domain: TokenDomain, w: Writer) -> str:
    """Write the column's canonical text; raises ValueError where the canonicalizer has no form."""
    if column.type.base in INTEGERS | {"decimal"}:
        return f"CAST({w.x} AS VARCHAR)"
    match domain.canonicalizer:
        case "raw":
            return w.x
        case "digits":
            return w.replace_all(w.x, "[^0-9]", "")
        case "upper_alnum":
            return w.call("translate", w.replace_all(w.x, "[^0-9A-Za-z]", ""), LOWER, UPPER)
        case "email":
            stripped = w.replace_all(w.x, "[ \\t\\r\\n]", "")
            return f"TRY({w.call('translate', stripped, UPPER, LOWER)})"
        case other:
            raise ValueError(f"canonicalizer {other} does not apply to {column.type.text()}")


def keyed_mac(value: str, row_id: str, w: Writer) -> str:
    """Write Trino's HMAC of a text; the key is the row of that id, read by a sub-query.

    A missing row is the empty key, which Trino refuses; a doubled row fails the sub-query.
    """
    row = f'{_KEY_ROW} WHERE "$k"."id" = {text_literal(row_id)}'
    key = w.utf8(f"COALESCE(({row}), '')")
    return w.call("hmac_sha256", w.utf8(value), key)


def _trino(shape: str, prefix: str, mac: str, w: Writer) -> str:
    size = {"text": "15", "i63": "8", "i53": "8"}.get(shape, "10")
    head = w.call("substr", mac, "1", size)
    if shape in _MASKS:
        return w.call("bitwise_and", w.call("from_big_endian_64", head), _MASKS[shape])
    letters = w.call("to_base32", head)
    if shape == "email":
        return w.concat(w.call("lower", letters), f"'@{prefix}.invalid'")
    return w.concat(f"'{prefix}_'", letters)
