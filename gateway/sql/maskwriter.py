"""The few words mask templates are made of, spelled for each engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.catalog.model import Column, TokenDomain
from gateway.sql.model import Engine
from gateway.sql.spelling import reference, spell, text_literal

UPPER = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
LOWER = "'abcdefghijklmnopqrstuvwxyz'"


@dataclass(frozen=True, slots=True)
class Place:
    """Where masks are written: the engine, the private alias, token domains, the query's salt."""

    engine: Engine
    alias: str
    token_domains: Mapping[str, TokenDomain]
    salt: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes calls over one raw column (``x``)."""

    column: Column
    place: Place

    @property
    def engine(self) -> Engine:
        """The engine whose SQL is written."""
        return self.place.engine

    @property
    def salt(self) -> str:
        """The query's own salt, hex."""
        return self.place.salt

    @property
    def x(self) -> str:
        """The raw column."""
        return reference(self.place.alias, self.column.name)

    @property
    def type(self) -> str:
        """The column's type in the engine's spelling."""
        return spell(self.column.type, self.engine)

    def call(self, name: str, *arguments: str) -> str:
        """Call a built-in function; on Trino by its full name, which no query can shadow."""
        prefix = '"system"."builtin".' if self.engine == "trino" else ""
        return f"{prefix}{name}({', '.join(arguments)})"

    def concat(self, *parts: str) -> str:
        """Join texts or bytes; NULL if any is NULL (DuckDB's ``concat`` would skip it)."""
        if self.engine == "trino":
            return self.call("concat", *parts)
        return "(" + " || ".join(parts) + ")"

    def replace_all(self, text: str, pattern: str, replacement: str) -> str:
        """Replace every match of a portable pattern."""
        flags = () if self.engine == "trino" else ("'g'",)
        return self.call(
            "regexp_replace", text, text_literal(pattern), text_literal(replacement), *flags
        )

    def stars(self, count: str) -> str:
        """Write ``count`` asterisks."""
        size = count if self.engine == "trino" else f"CAST({count} AS INTEGER)"
        return self.call("lpad", "''", size, "'*'")

    def utf8(self, text: str) -> str:
        """Encode text as UTF-8 bytes."""
        return self.call("to_utf8" if self.engine == "trino" else "encode", text)

    def sha256(self, data: str) -> str:
        """Hash bytes to lower-case hex."""
        if self.engine == "trino":
            return self.call("lower", self.call("to_hex", self.call("sha256", data)))
        return self.call("sha256", data)

    def truncate_utc(self, unit: str) -> str:
        """Truncate an instant on the UTC calendar."""
        if self.engine == "trino":
            return self.call("date_trunc", f"'{unit}'", self.call("at_timezone", self.x, "'UTC'"))
        local = self.call("date_trunc", f"'{unit}'", self.call("timezone", "'UTC'", self.x))
        return self.call("timezone", "'UTC'", local)
