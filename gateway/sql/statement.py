"""Statement kinds: which head a text has, and what its operands are."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.sql.dialect import parse_query_tokens
from gateway.sql.lex import Token
from gateway.sql.model import Defaults, Kind, Statement
from gateway.sql.tables import collect_tables


def read_statement(
    text: str, found: Sequence[Token], digest: str, defaults: Defaults
) -> Statement:
    """Read one statement from its tokens."""
    tree, parameters = parse_query_tokens(found)
    tables = collect_tables(tree, defaults)
    return Statement(
        Kind.QUERY, digest, defaults, tree=tree, tables=tables, parameters=parameters
    )
