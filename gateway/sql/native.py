"""Filters and masks as Trino's own row filters and column masks, for logins past the gateway.

The words are those of the rewriting (``conditions``, ``masks``), so both locks mean the same;
only the private alias is missing, because Trino resolves the names of such an expression in
the table alone. The checker reads the aliased form before the native one is handed out, and
the two must agree token by token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.catalog.model import Table, TokenDomain
from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.policy.model import ColumnDecision, Mask, TableDecision
from gateway.sql.conditions import behind_barrier, where
from gateway.sql.inject import ALIAS, NOTHING
from gateway.sql.masks import Place, masked
from gateway.sql.reader.tokens import Token, tokens
from gateway.sql.verify import Context, UnreadableError, verify_secured

SALTED = "sha-256-query-local"
"""Never native: EXPLAIN would show its salt, which makes it a plain dictionary."""


@dataclass(frozen=True, slots=True)
class Native:
    """One table's row filter, None for all rows, and the mask of each masked column."""

    row_filter: str | None
    masks: Mapping[str, str]


def natively(
    decided: TableDecision, table: Table, token_domains: Mapping[str, TokenDomain]
) -> TableDecision:
    """Deny the columns whose mask has no native form; everything else stays as decided."""
    columns = tuple(_natively(column, table, token_domains) for column in decided.columns)
    return replace(decided, columns=columns)


def _natively(
    column: ColumnDecision, table: Table, token_domains: Mapping[str, TokenDomain]
) -> ColumnDecision:
    if column.mask is None:
        return column
    known = table.column(column.name)
    keyless = column.mask.keyed and (known is None or known.token_domain not in token_domains)
    if column.mask.kind == SALTED or keyless:
        return ColumnDecision(column.name, "deny", None, column.rules, column.discoverable)
    return column


def native(
    decided: TableDecision, table: Table, token_domains: Mapping[str, TokenDomain]
) -> Native:
    """Write what Trino shall add to every read of an allowed table.

    ``decided`` comes from ``natively``; columns appear by their bare names.

    Raises:
        ValueError: the decision has no native form, or the checker read something else.

    """
    try:
        return _native(decided, table, token_domains)
    except (UnreadableError, MeshgateError, LookupError, RecursionError) as error:
        raise ValueError(f"no native form of {table.name}: {error}") from None


def native_filter(decided: TableDecision, table: Table) -> str | None:
    """Write the row filter alone, as ``native`` does; None for all rows.

    Raises ValueError where it has no native form.
    """
    if decided.row_filter is None:
        return None
    bare, aliased = (_Writer(decided, table, {}, alias) for alias in ("", ALIAS))
    return _same(bare.filter(), aliased.filter())


def any_of(filters: frozenset[str]) -> str:
    """Write the filter that lets a row pass which any of these lets pass, behind a barrier."""
    if len(filters) == 1:
        return next(iter(filters))
    return behind_barrier(" OR ".join(f"({text})" for text in sorted(filters)))


def _native(
    decided: TableDecision, table: Table, token_domains: Mapping[str, TokenDomain]
) -> Native:
    if decided.effect != "allow":
        raise ValueError("a table that is not allowed has no native form")
    found = {c.name: c.mask for c in decided.columns if c.effect == "mask" and c.mask is not None}
    bare, aliased = (_Writer(decided, table, token_domains, alias) for alias in ("", ALIAS))
    verify_secured(
        aliased.secured(), decided, Context("trino", {table.name: table}, token_domains, "")
    )
    masks = {name: _same(bare.mask(name, m), aliased.mask(name, m)) for name, m in found.items()}
    if decided.row_filter is None:
        return Native(None, masks)
    return Native(_same(bare.filter(), aliased.filter()), masks)


@dataclass(frozen=True, slots=True)
class _Writer:
    decided: TableDecision
    table: Table
    token_domains: Mapping[str, TokenDomain]
    alias: str

    def filter(self) -> str:
        if self.decided.row_filter is None:
            raise ValueError("there is no row filter")
        return where(self.decided.row_filter, self.table, "trino", self.alias)

    def mask(self, name: str, mask: Mask) -> str:
        column = self.table.column(name)
        if column is None:
            raise ValueError("a mask of a column the table does not have")
        return masked(mask, column, Place("trino", self.alias, self.token_domains, ""))

    def secured(self) -> str:
        """Write the same words as the rewriting would, for the checker."""
        columns = ", ".join(self._column(column) for column in self.decided.readable) or NOTHING
        text = f"SELECT {columns} FROM {self.table.name.quoted()} AS {quote(self.alias)}"  # noqa: S608 - quoted names and typed literals
        if self.decided.row_filter is not None:
            text += f" WHERE {self.filter()}"
        return f"({text})"

    def _column(self, column: ColumnDecision) -> str:
        raw = f"{quote(self.alias)}.{quote(column.name)}"
        shown = self.mask(column.name, column.mask) if column.mask else raw
        return f"{shown} AS {quote(column.name)}"


def _same(bare: str, aliased: str) -> str:
    """Return the bare text if it is the aliased one, which was read, without its alias."""
    if tokens(bare) != _without_alias(tokens(aliased)):
        raise ValueError("a native expression differs from the one that was checked")
    return bare


def _without_alias(found: list[Token]) -> list[Token]:
    kept: list[Token] = []
    at = 0
    while at < len(found):
        at += 2 if found[at : at + 2] == [Token("name", ALIAS), Token("sign", ".")] else 0
        kept.append(found[at])
        at += 1
    return kept
