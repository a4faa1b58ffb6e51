"""Text and defaults to ``Statement``: the front door of the SQL pipeline."""

from __future__ import annotations

import hashlib

from gateway.errors import MeshgateError
from gateway.sql.lex import tokens
from gateway.sql.limits import HEAVY_TOKENS
from gateway.sql.model import Defaults, Statement
from gateway.sql.statement import read_statement


def parse(text: str, defaults: Defaults) -> Statement:
    """Read one statement.

    Raises:
        MeshgateError: SYNTAX_ERROR, NOT_SUPPORTED, QUERY_TEXT_TOO_LARGE, QUERY_REJECTED,
            MISSING_CATALOG_NAME, MISSING_SCHEMA_NAME, DUPLICATE_NAMED_QUERY, TYPE_NOT_FOUND.

    """
    try:
        return read_statement(text, tokens(text), digest(text), defaults)
    except MeshgateError:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except Exception as error:  # a defect in a grammar must refuse, never pass
        raise MeshgateError(
            "NOT_SUPPORTED",
            "the statement could not be read: simplify it, or report its text to the operator",
            audit={"defect": type(error).__name__},
        ) from error


def is_heavy(text: str) -> bool:
    """Whether a statement should be parsed in a capped worker; raises a long text's refusals."""
    return len(text) > HEAVY_TOKENS and len(tokens(text)) > HEAVY_TOKENS


def digest(text: str) -> str:
    """SHA-256 of the exact text, hex: the key of parse caches."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _too_deep() -> MeshgateError:
    return MeshgateError(
        "QUERY_REJECTED", "the statement is nested too deeply: name parts of it with WITH"
    )
