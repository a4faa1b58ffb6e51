"""The closed vocabulary of column masks: parameters, applicable types, and their order.

Masks of one type form a join-semilattice: a higher level wins, different masks of
one level join to that level's strictest. ``a <= b`` holds iff ``join(a, b) == b``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from types import MappingProxyType

from gateway.catalog.model import Column, TokenDomain
from gateway.datatypes import DataType
from gateway.policy.literals import fits
from gateway.policy.model import Mask, Scalar
from gateway.policy.patterns import regex_problem

TEXT, NUMBER, TIME = "text", "number", "time"

LEVELS: Mapping[str, int] = MappingProxyType(
    {
        "sha-256-global": 1,
        "show-first-4": 2,
        "show-last-4": 2,
        "partial": 2,
        "email-domain": 2,
        "regex": 2,
        "mask-alphanum": 2,
        "bucket": 2,
        "truncate-to-month": 2,
        "truncate-to-year": 2,
        "date-trunc": 2,
        "token": 3,
        "keyed-hash": 3,
        "sha-256-query-local": 3,
        "constant": 4,
        "mask-to-fixed-value": 4,
        "replace-with-null": 5,
    }
)
"""Every mask kind and its level; a denied column is level 6."""

_STRICTEST = {2: "mask-alphanum", 3: "sha-256-query-local", 4: "mask-to-fixed-value"}
_COARSENESS = {"hour": 0, "day": 1, "month": 2, "quarter": 3, "year": 4}
_HASH_LENGTH, _FIXED_LENGTH = 64, 8
_BUCKET_BASE = 10**12
_MAX_PARTIAL = 1000
_IDENTIFIER_TAGS = frozenset({"pii.id", "pii.ssn"})
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_TEMPORAL = frozenset({"date", "timestamp", "timestamp with time zone"})
_FIXED = _INTEGERS | _TEMPORAL | {"varchar", "boolean", "real", "double", "decimal"}
_I53_DIGITS, _I63_DIGITS = 16, 19
_TOKEN_BODY = {"text": 24, "short": 16}
_VERSION_DIGITS = 2


def mask(kind: str, params: Mapping[str, object]) -> Mask:
    """Build a mask from a policy's words; ValueError says what is wrong."""
    if kind not in LEVELS:
        raise ValueError(f"unknown mask kind {kind}")
    given = dict(params)
    if kind == "partial":
        given.setdefault("side", "last")
    problem = _params_problem(kind, given)
    if problem:
        raise ValueError(f"mask {kind}: {problem}")
    return Mask(kind, tuple(sorted((name, _scalar(value)) for name, value in given.items())))


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | int):
        return value
    raise ValueError(f"not a text, integer or boolean: {value!r}")


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_NAMES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "partial": frozenset({"n", "side"}),
        "regex": frozenset({"pattern", "replacement"}),
        "bucket": frozenset({"width"}),
        "date-trunc": frozenset({"unit"}),
        "constant": frozenset({"value"}),
    }
)


def _params_problem(kind: str, params: Mapping[str, object]) -> str | None:  # noqa: PLR0911
    wanted = _NAMES.get(kind, frozenset())
    if params.keys() != wanted:
        return f"takes exactly the parameters {sorted(wanted)}"
    match kind:
        case "partial":
            sound = _whole(params["n"], 1, _MAX_PARTIAL) and params["side"] in {"first", "last"}
            return None if sound else "n is 1 to 1000, side is first or last"
        case "bucket":
            width = params["width"]
            sound = _whole(width, 1, _BUCKET_BASE) and _BUCKET_BASE % int(str(width)) == 0
            return None if sound else "width is a whole number that divides 10^12"
        case "date-trunc":
            return None if params["unit"] in {"hour", "day", "quarter"} else "unknown unit"
        case "regex":
            return regex_problem(params["pattern"], params["replacement"])
        case "constant":
            return None if isinstance(params["value"], str | int) else "value is not a scalar"
    return None


def join(left: Mask, right: Mask) -> Mask:
    """The least mask at least as strict as both. Both apply to one column's type."""
    if left == right:
        return left
    high, low = LEVELS[left.kind], LEVELS[right.kind]
    if high != low:
        return left if high > low else right
    units = _unit(left), _unit(right)
    if units[0] and units[1]:
        return max((left, right), key=lambda m: _COARSENESS[_unit(m) or "hour"])
    if left.kind == right.kind == "bucket":
        width = lcm(int(left.param("width")), int(right.param("width")))
        return Mask("bucket", (("width", width),))
    return Mask(_STRICTEST[high])


def at_most(left: Mask, right: Mask) -> bool:
    """True if ``right`` shows nothing that ``left`` hides (``left <= right``)."""
    return join(left, right) == right


def _unit(value: Mask) -> str | None:
    if value.kind == "date-trunc":
        return str(value.param("unit"))
    return {"truncate-to-month": "month", "truncate-to-year": "year"}.get(value.kind)


def applies(  # noqa: PLR0911 - one line a kind
    value: Mask, column: Column, token_domains: Mapping[str, TokenDomain]
) -> bool:
    """True if the mask keeps this column's type, length included."""
    kind, declared = value.kind, column.type
    if kind == "replace-with-null":
        return True
    if kind == "token":
        return _token_fits(column, token_domains)
    if kind == "constant":
        return fits(value.param("value"), declared)
    if kind == "mask-to-fixed-value":
        return declared.base in _FIXED and _room(declared, _FIXED_LENGTH)
    if _unit(value):
        hourly = _unit(value) == "hour" and declared.base == "date"
        return declared.base in _TEMPORAL and not hourly
    if kind == "bucket":
        return declared.base in {"integer", "bigint", "decimal", "double"}
    return declared.base == "varchar" and _text_fits(kind, column, token_domains)


def _text_fits(kind: str, column: Column, token_domains: Mapping[str, TokenDomain]) -> bool:
    if kind in {"email-domain", "regex"}:
        return not column.type.params
    if kind == "sha-256-global":
        return _room(column.type, _HASH_LENGTH) and not _IDENTIFIER_TAGS.intersection(column.tags)
    if kind == "keyed-hash":
        return _room(column.type, _HASH_LENGTH) and column.token_domain in token_domains
    return kind != "sha-256-query-local" or _room(column.type, _HASH_LENGTH)


def _room(declared: DataType, length: int) -> bool:
    return declared.base != "varchar" or not declared.params or declared.params[0] >= length


def _token_fits(column: Column, token_domains: Mapping[str, TokenDomain]) -> bool:
    domain = token_domains.get(column.token_domain or "")
    if domain is None:
        return False
    declared = column.type
    if declared.base == "varchar":
        return _room(declared, _token_length(domain))
    if declared.base == "bigint":
        return domain.numeric != "refuse"
    if declared.base == "decimal":
        precision, scale = declared.params
        least = _I63_DIGITS if domain.numeric == "i63" else _I53_DIGITS
        return domain.numeric != "refuse" and scale == 0 and precision >= least
    return False


def _token_length(domain: TokenDomain) -> int:
    code = len(domain.code) + _VERSION_DIGITS
    if domain.shape == "email":
        return 16 + 1 + code + len(".invalid")
    return code + 1 + _TOKEN_BODY[domain.shape]


def words(value: Mask) -> str:
    """A mask for people: ``partial(n=4, side=last)``."""
    params = ", ".join(f"{name}={given}" for name, given in value.params)
    return f"{value.kind}({params})" if params else value.kind
