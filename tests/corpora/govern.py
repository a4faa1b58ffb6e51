"""A statement of a corpus, planned for Trino as the person who has a filter and masks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from gateway.errors import MeshgateError
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.session import Session
from tests.golden.outcomes import WORLDS

PERSON = "part"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The name and the text of an error."""

    name: str
    message: str


@cache
def _mesh() -> Mesh:
    return Mesh.of_world(load_world(WORLDS / "corpora.yaml"))


@cache
def _service() -> QueryService:
    return _mesh().service("trino", _mesh().policy())


def governed(
    sql: str, schema: str, prepared: dict[str, str] | None = None, person: str = PERSON
) -> Plan | Refusal:
    """Plan one statement; a refusal is an answer, anything else that is raised a defect."""
    principal = _mesh().directory.principal(person)
    assert principal is not None
    session = Session("lake", schema, prepared=MappingProxyType(prepared or {}))
    try:
        return asyncio.run(_service().plan(sql, session, principal, "corpus"))
    except MeshgateError as error:
        return Refusal(error.name, error.message)
