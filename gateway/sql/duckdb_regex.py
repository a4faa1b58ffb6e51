r"""Regular expressions that Trino's JONI and DuckDB's RE2 read alike.

Only constant patterns built of the forms below; look-around, back references, named
groups, Unicode classes, ``\b`` and ``$`` differ and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_terms import Term, at_node, text, unsupported

Form = Callable[[list[Term], DataType, exp.Expression], Term]
_LITERAL = r"[A-Za-z0-9 _,;:=<>@#%&'\"!~/`-]"
_ESCAPE = r"\\[dwDWs.\\+*?()\[\]{}|^$/-]"
_MEMBER = r"[A-Za-z0-9 _,;:=<>@#%!~/.+*?$()|]|[A-Za-z0-9]-[A-Za-z0-9]"
_CLASS = rf"\[\^?(?:{_MEMBER}|\\[dws.\\+*?()\[\]{{}}|^$/-])+-?\]"
_QUANTIFIER = r"[*+?]\??|\{\d{1,3}(?:,\d{0,3})?\}"
_TOKEN = re.compile(
    rf"(?P<group>\((?:\?:)?)|(?P<end>\))|(?P<atom>{_LITERAL}|{_ESCAPE}|\.|{_CLASS})"
    rf"|(?P<quantifier>{_QUANTIFIER})|(?P<anchor>\^)|(?P<bar>\|)"
)
_FLAGS = re.compile(r"\(\?(i|m|im|mi)\)")
_SPACE = r"[\t\n\x0b\f\r ]"


def _pattern(term: Term, node: exp.Expression) -> tuple[str, int]:
    """The pattern in RE2's words and its number of groups; raises NOT_SUPPORTED."""
    written = term.constant
    if not isinstance(written, str) or not written.isascii():
        raise unsupported("a regular expression that is no ASCII literal", node)
    flags = _FLAGS.match(written)
    start, out, groups, depth = (flags.end() if flags else 0), "", 0, 0
    before = ""
    while start < len(written):
        found = _TOKEN.match(written, start)
        if found is None or found.lastgroup is None:
            raise unsupported("this regular expression", node)
        kind, piece = found.lastgroup, found.group()
        if kind == "quantifier" and before not in {"atom", "end"}:
            raise unsupported("this regular expression", node)
        groups += piece == "("
        depth += (kind == "group") - (kind == "end")
        if depth < 0:
            break
        out += _SPACE if piece == r"\s" else piece
        if kind == "atom" and piece.startswith("[") and r"\s" in piece:
            raise unsupported("\\s in a class of a regular expression", node)
        before, start = kind, found.end()
    if depth:
        raise unsupported("this regular expression", node)
    if flags and "i" in flags.group(1):
        raise unsupported("(?i) in a regular expression", node)
    return (flags.group() if flags else "") + out, groups


def _never_empty(pattern: str, node: exp.Expression) -> None:
    if re.search(pattern.replace("(?m)", ""), "") is not None:
        raise unsupported("a regular expression that matches empty text, here", node)


def _like(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, _ = _pattern(values[1], node)
    return Term(kind, f"regexp_matches({values[0].sql}, {text(pattern)})", values[0].fallible)


def _group(values: list[Term], groups: int, node: exp.Expression) -> int:
    if not values[2:]:
        return 0
    group = values[2].constant
    if not isinstance(group, int):
        raise unsupported("a group number that is no literal", node)
    if not 0 <= group <= groups:
        message = f"Pattern has {groups} groups. Cannot access group {group}"
        raise at_node("INVALID_FUNCTION_ARGUMENT", message, node)
    return group


def _optional(pattern: str) -> bool:
    """Whether a group may stay unmatched: Trino gives NULL then, RE2 the empty text."""
    return "|" in pattern or re.search(r"\)([*?]|\{0)", pattern) is not None


def _extract(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, groups = _pattern(values[1], node)
    group = _group(values, groups, node)
    if group and _optional(pattern):
        raise unsupported("an optional group of a regular expression", node)
    shape = text(pattern)
    sql = (
        f"CASE WHEN regexp_matches({values[0].sql}, {shape}) "
        f"THEN regexp_extract({values[0].sql}, {shape}, {group}) END"
    )
    return Term(kind, sql, values[0].fallible)


def _extract_all(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, groups = _pattern(values[1], node)
    group = _group(values, groups, node)
    _never_empty(pattern, node)
    if group and _optional(pattern):
        raise unsupported("an optional group of a regular expression", node)
    sql = f"regexp_extract_all({values[0].sql}, {text(pattern)}, {group})"
    return Term(kind, sql, values[0].fallible)


def _remove(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, _ = _pattern(values[1], node)
    _never_empty(pattern, node)
    sql = f"regexp_replace({values[0].sql}, {text(pattern)}, '', 'g')"
    return Term(kind, sql, values[0].fallible)


def _replace(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, groups = _pattern(values[1], node)
    _never_empty(pattern, node)
    if "^" in pattern.replace("[^", ""):
        raise unsupported("^ in a regular expression that replaces", node)
    shape = _replacement(values[2], groups, node)
    sql = f"regexp_replace({values[0].sql}, {text(pattern)}, {text(shape)}, 'g')"
    return Term(kind, sql, values[0].fallible)


def _replacement(term: Term, groups: int, node: exp.Expression) -> str:
    r"""``$1`` and ``\x`` of Java in RE2's words."""
    written = term.constant
    if not isinstance(written, str):
        raise unsupported("a replacement that is no literal", node)
    out, place = "", 0
    while place < len(written):
        char = written[place]
        following = written[place + 1 : place + 2]
        if char == "$":
            if (
                not following.isdigit()
                or int(following) > groups
                or (written[place + 2 : place + 3].isdigit())
            ):
                raise unsupported("this replacement", node)
            out += "\\" + following
            place += 2
        elif char == "\\":
            if not following:
                raise unsupported("this replacement", node)
            out += "\\\\" if following == "\\" else following
            place += 2
        else:
            out += char
            place += 1
    return out


def _count(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, _ = _pattern(values[1], node)
    _never_empty(pattern, node)
    sql = f"len(regexp_extract_all({values[0].sql}, {text(pattern)}, 0))"
    return Term(kind, sql, values[0].fallible, nan_free=True)


def _split(values: list[Term], kind: DataType, node: exp.Expression) -> Term:
    pattern, _ = _pattern(values[1], node)
    _never_empty(pattern, node)
    if "^" in pattern.replace("[^", ""):
        raise unsupported("^ in a regular expression that splits", node)
    sql = f"regexp_split_to_array({values[0].sql}, {text(pattern)})"
    return Term(kind, sql, values[0].fallible)


REGEX_FORMS: dict[str, Form] = {
    "regexp_like": _like,
    "regexp_extract": _extract,
    "regexp_extract_all": _extract_all,
    "regexp_remove": _remove,
    "regexp_replace": _replace,
    "regexp_count": _count,
    "regexp_split": _split,
}
