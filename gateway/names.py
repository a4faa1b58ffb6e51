"""Names as Trino reads them: folding, comparing, quoting."""

from __future__ import annotations

from dataclasses import dataclass


def fold(name: str) -> str:
    """Lower-case a catalog, schema, table, alias or WITH name (Java ``toLowerCase(ENGLISH)``)."""
    return name.lower()


def equals_ignore_case(left: str, right: str) -> bool:
    """Compare column names as Java's ``equalsIgnoreCase`` does (Trino ``Field.canResolve``).

    Char by char: equal, or equal upper-cased, or equal lower-cased after that.
    """
    if left == right:
        return True
    if len(left) != len(right):
        return False
    return all(_same_char(a, b) for a, b in zip(left, right, strict=True))


def _same_char(a: str, b: str) -> bool:
    if a == b:
        return True
    upper_a, upper_b = _one(a.upper(), a), _one(b.upper(), b)
    return upper_a == upper_b or _one(upper_a.lower(), upper_a) == _one(upper_b.lower(), upper_b)


def _one(mapped: str, original: str) -> str:
    """Java maps single chars; a mapping to several chars leaves the char as it is."""
    return mapped if len(mapped) == 1 else original


def quote(name: str) -> str:
    """Quote an identifier: ``a"b`` becomes ``"a""b"``."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A full, folded, three-part table name."""

    catalog: str
    schema: str
    table: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``catalog.schema.table``; raises ValueError on any other shape."""
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - the three parts
            raise ValueError(f"not a catalog.schema.table name: {text}")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.table}"

    def quoted(self) -> str:
        """``"catalog"."schema"."table"``."""
        return ".".join(quote(part) for part in (self.catalog, self.schema, self.table))
