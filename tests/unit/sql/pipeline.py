"""Text of world shop to a resolved query, for tests that then govern it their own way."""

from __future__ import annotations

import asyncio
from functools import cache

from gateway.policy.model import DecisionRequest
from gateway.policy.service import PolicyService
from gateway.sql.model import Defaults, ResolvedQuery
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve
from tests.golden.outcomes import mesh

SHOP = mesh("shop")
DOMAINS = SHOP.snapshot.token_domains
SALT = "00ff" * 8
DEFAULTS = Defaults("lake", "sales")


@cache
def _policy() -> PolicyService:
    return SHOP.policy()


@cache
def resolved(sql: str, principal: str = "eu_analyst") -> ResolvedQuery:
    """Parse, decide and resolve."""
    statement = parse(sql, DEFAULTS)
    tables = {ref.name: SHOP.snapshot.tables[ref.name] for ref in statement.tables}
    person = SHOP.directory.principal(principal)
    assert person is not None
    request = DecisionRequest(
        person, "unspecified", tuple(tables.values()), SHOP.snapshot, (), SHOP.now()
    )
    decision = asyncio.run(_policy().decide(request))
    return resolve(statement, decision, tables)
