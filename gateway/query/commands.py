"""Statements that change the client's session, and the statement inside EXECUTE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import MeshgateError
from gateway.sql.model import Defaults, Kind, Statement
from gateway.sql.prepared import bind

if TYPE_CHECKING:
    from gateway.query.asked import Asked
    from gateway.query.caches import PlanCaches

COMMANDS = frozenset(
    {
        Kind.USE,
        Kind.SET_SESSION,
        Kind.RESET_SESSION,
        Kind.SET_TIME_ZONE,
        Kind.SET_ROLE,
        Kind.PREPARE,
        Kind.DEALLOCATE,
        Kind.START_TRANSACTION,
        Kind.COMMIT,
        Kind.ROLLBACK,
        Kind.KILL_QUERY,
    }
)
_EXECUTABLE = frozenset(Kind) - {
    Kind.PREPARE,
    Kind.EXECUTE,
    Kind.EXECUTE_IMMEDIATE,
    Kind.DEALLOCATE,
    Kind.DESCRIBE_INPUT,
    Kind.DESCRIBE_OUTPUT,
}


async def inner_statement(statement: Statement, asked: Asked, caches: PlanCaches) -> Statement:
    """Replace EXECUTE and EXECUTE IMMEDIATE by the bound statement they run.

    The prepared text comes from the client's header and is as untrusted as any other.

    Raises:
        MeshgateError: NOT_FOUND for an unknown name, NOT_SUPPORTED for a nested command,
            INVALID_PARAMETER_USAGE for a wrong number of parameters.

    """
    if statement.kind is Kind.EXECUTE_IMMEDIATE:
        inner = await caches.parse(statement.text or "", asked.defaults)
    elif statement.kind is Kind.EXECUTE:
        inner = await prepared_statement(statement, asked, caches)
    else:
        if statement.parameters and statement.kind is not Kind.PREPARE:
            raise MeshgateError(
                "INVALID_PARAMETER_USAGE",
                f"Incorrect number of parameters: expected {statement.parameters} but found 0",
            )
        return statement
    if inner.kind not in _EXECUTABLE:
        raise MeshgateError(
            "NOT_SUPPORTED",
            f"{inner.kind.replace('_', ' ')} cannot be executed as a prepared statement",
        )
    return bind(inner, statement.arguments)


async def prepared_statement(statement: Statement, asked: Asked, caches: PlanCaches) -> Statement:
    """Parse the prepared statement a command names; NOT_FOUND if the client sent none."""
    name = statement.words["name"] or ""
    text = asked.session.prepared.get(name)
    if text is None:
        raise MeshgateError("NOT_FOUND", f"Prepared statement not found: {name}")
    return await caches.parse(text, asked.defaults)


async def check_command(statement: Statement, asked: Asked, caches: PlanCaches) -> None:
    """Validate what can be validated early: a PREPARE's own text."""
    if statement.kind is not Kind.PREPARE:
        return
    inner = await caches.parse(
        statement.text or "", Defaults(asked.session.catalog, asked.session.schema)
    )
    if inner.kind not in _EXECUTABLE:
        raise MeshgateError(
            "NOT_SUPPORTED", f"{inner.kind.replace('_', ' ')} cannot be prepared; send it directly"
        )


def statement_text(statement: Statement | None, asked: Asked) -> str:
    """The text that runs: the one inside EXECUTE, else what the client sent."""
    if statement is not None and statement.kind is Kind.EXECUTE_IMMEDIATE:
        return statement.text or ""
    if statement is not None and statement.kind is Kind.EXECUTE:
        return asked.session.prepared.get(statement.words["name"] or "", asked.text)
    return asked.text
