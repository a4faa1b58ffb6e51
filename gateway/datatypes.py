"""Trino's types as values: parsed from and printed in Trino's own two spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_VARCHAR = 2147483647
_TZ = " with time zone"
_SCALARS = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "integer",
        "bigint",
        "real",
        "double",
        "varbinary",
        "date",
        "json",
        "uuid",
        "unknown",
    ]
)
_ALIASES = {"int": "integer", "float": "real"}
_DEFAULT_PRECISION = 3


@dataclass(frozen=True, slots=True)
class DataType:
    """One Trino type.

    ``base`` is lower case (``decimal``, ``timestamp with time zone``, ``array``);
    ``params`` are its numbers (``(12, 2)``, ``(6,)``; varchar without a bound has none);
    ``fields`` are child types with their names: one for array, two for map, n for row.
    """

    base: str
    params: tuple[int, ...] = ()
    fields: tuple[tuple[str | None, DataType], ...] = ()

    @classmethod
    def parse(cls, text: str) -> DataType:
        """Read either spelling, any case; raises ValueError on what is not a Trino type."""
        parsed, rest = _parse(text.strip())
        if rest.strip():
            raise ValueError(f"not a Trino type: {text}")
        return parsed

    @property
    def children(self) -> tuple[DataType, ...]:
        """The child types without their names."""
        return tuple(child for _, child in self.fields)

    def text(self) -> str:
        """The protocol's spelling: ``decimal(12, 2)``, ``timestamp(3) with time zone``."""
        return _printed(self, ", ")

    def compact(self) -> str:
        """The spelling in statements: ``decimal(12,2)``, ``row("Zip" varchar)``."""
        return _printed(self, ",")

    def display(self) -> str:
        """The spelling of metadata and ``typeof``: as compact, names never quoted."""
        if self.base == "row":
            named = (
                f"{name} {kind.display()}" if name else kind.display() for name, kind in self.fields
            )
            return f"row({', '.join(named)})"
        if self.fields:
            return f"{self.base}({', '.join(child.display() for child in self.children)})"
        return self.compact()


def _printed(kind: DataType, comma: str) -> str:
    if kind.base.startswith("interval"):
        return kind.base.upper() if comma == ", " else kind.base
    if kind.base == "row":
        inner = (_printed_field(name, child, comma) for name, child in kind.fields)
        return f"row({', '.join(inner)})"
    if kind.fields:
        return f"{kind.base}({', '.join(_printed(child, comma) for child in kind.children)})"
    if not kind.params:
        return kind.base
    numbers = comma.join(str(number) for number in kind.params)
    if kind.base.endswith(_TZ):
        return f"{kind.base.removesuffix(_TZ)}({numbers}){_TZ}"
    return f"{kind.base}({numbers})"


def _printed_field(name: str | None, child: DataType, comma: str) -> str:
    printed = _printed(child, comma)
    return f"{_field_name(name)} {printed}" if name else printed


def _field_name(name: str) -> str:
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in _RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'


_RESERVED = frozenset(
    [
        "alter",
        "and",
        "as",
        "between",
        "by",
        "case",
        "cast",
        "constraint",
        "create",
        "cross",
        "cube",
        "current_catalog",
        "current_date",
        "current_path",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "deallocate",
        "delete",
        "describe",
        "distinct",
        "drop",
        "else",
        "end",
        "escape",
        "except",
        "execute",
        "exists",
        "extract",
        "false",
        "for",
        "from",
        "full",
        "group",
        "grouping",
        "having",
        "in",
        "inner",
        "insert",
        "intersect",
        "into",
        "is",
        "join",
        "json_array",
        "json_exists",
        "json_object",
        "json_query",
        "json_table",
        "json_value",
        "left",
        "like",
        "listagg",
        "localtime",
        "localtimestamp",
        "natural",
        "normalize",
        "not",
        "null",
        "on",
        "or",
        "order",
        "outer",
        "prepare",
        "recursive",
        "right",
        "rollup",
        "select",
        "skip",
        "table",
        "then",
        "trim",
        "true",
        "uescape",
        "union",
        "unnest",
        "using",
        "values",
        "when",
        "where",
        "with",
    ]
)


def _parse(text: str) -> tuple[DataType, str]:
    text = text.lstrip()
    interval = re.match(r"interval\s+(day\s+to\s+second|year\s+to\s+month)\b", text, re.IGNORECASE)
    if interval:
        return DataType(" ".join(interval.group(0).lower().split())), text[interval.end() :]
    head = re.match(r"\s*([A-Za-z_][A-Za-z0-9_]*)(\s+precision\b)?", text)
    if not head:
        raise ValueError(f"not a Trino type: {text}")
    word = _ALIASES.get(head.group(1).lower(), head.group(1).lower())
    rest = text[head.end() :]
    if word in {"array", "map", "row"}:
        return _parse_nested(word, rest)
    params, rest = _parse_numbers(rest)
    if word in {"timestamp", "time"}:
        zone = re.match(r"\s+with\s+time\s+zone\b", rest, re.IGNORECASE)
        base = word + _TZ if zone else word
        return DataType(base, params or (_DEFAULT_PRECISION,)), rest[zone.end() :] if zone else rest
    return _scalar(word, params), rest


def _scalar(word: str, params: tuple[int, ...]) -> DataType:
    if word == "decimal" and len(params) <= 2:  # noqa: PLR2004 - precision and scale
        return DataType("decimal", (*params, 0)[:2] if params else (38, 0))
    if word == "varchar" and len(params) <= 1:
        return DataType("varchar", () if params == (MAX_VARCHAR,) else params)
    if word == "char" and len(params) <= 1:
        return DataType("char", params or (1,))
    if word in _SCALARS and not params:
        return DataType(word)
    raise ValueError(f"not a Trino type: {word}{params or ''}")


def _parse_numbers(text: str) -> tuple[tuple[int, ...], str]:
    numbers = re.match(r"\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", text)
    if not numbers:
        return (), text
    return tuple(int(n) for n in numbers.groups() if n is not None), text[numbers.end() :]


def _parse_nested(word: str, text: str) -> tuple[DataType, str]:
    rest = text.lstrip()
    if not rest.startswith("("):
        raise ValueError(f"{word} needs its element types")
    rest = rest[1:]
    fields: list[tuple[str | None, DataType]] = []
    while True:
        name, rest = _parse_field_name(rest) if word == "row" else (None, rest)
        child, rest = _parse(rest)
        fields.append((name, child))
        rest = rest.lstrip()
        if rest.startswith(","):
            rest = rest[1:]
            continue
        if rest.startswith(")"):
            break
        raise ValueError(f"not a Trino type: {word}{text}")
    wanted = {"array": 1, "map": 2}.get(word, len(fields))
    if len(fields) != wanted:
        raise ValueError(f"{word} takes {wanted} types")
    return DataType(word, (), tuple(fields)), rest[1:]


def _parse_field_name(text: str) -> tuple[str | None, str]:
    quoted = re.match(r'\s*"((?:[^"]|"")*)"\s+', text)
    if quoted:
        return quoted.group(1).replace('""', '"'), text[quoted.end() :]
    named = re.match(
        r"\s*([A-Za-z_][A-Za-z0-9_]*)\s+(?!with\b|precision\b|to\b|day\b|year\b)(?=[A-Za-z])",
        text,
        re.IGNORECASE,
    )
    if named:
        return named.group(1), text[named.end() :]
    return None, text
