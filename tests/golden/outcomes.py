"""What a golden case becomes: planned through the same service as POST and the command line."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gateway.errors import MeshgateError
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.session import Session
from gateway.sql.verify import verify
from tests.golden.cases import BROKEN, Case

WORLDS = Path(__file__).parents[1] / "worlds"
SALT_QUERY = "govern"
DEFAULTS = {"shop": ("lake", "sales"), "views": ("lake", "marts"), "mesh": ("health", "claims"), "types": ("lake", "lab")}


@cache
def mesh(world: str) -> Mesh:
    """The world's mesh, loaded once."""
    return Mesh.of_world(load_world(WORLDS / f"{world}.yaml"))


@cache
def service(world: str, engine: str) -> QueryService:
    """The world's query service for one engine."""
    found = mesh(world)
    return found.service(engine, found.policy())  # type: ignore[arg-type]


async def plan(case: Case, text: str) -> Plan:
    """Plan a statement as the case's principal."""
    world = case.options["world"]
    catalog, schema = DEFAULTS.get(world, (None, None))
    session = Session(
        catalog=case.options.get("catalog", catalog) or None,
        schema=case.options.get("schema", schema) or None,
    )
    principal = mesh(world).directory.principal(case.options["as"])
    assert principal is not None, f"{case.options['as']} is not in world {world}"
    engine = case.options.get("engine", "trino")
    return await service(world, engine).plan(text, session, principal, SALT_QUERY)


async def outcome(case: Case) -> str:
    """What the case says now."""
    if case.command == "verify":
        return await _broken(case)
    try:
        found = await plan(case, case.text)
    except MeshgateError as error:
        return _refusal(error)
    if found.governed is not None and found.answer is None:
        return found.governed.sql
    return "answered"


async def _broken(case: Case) -> str:
    statement, _, text = case.text.partition(f"\n{BROKEN}\n")
    good = await plan(case, statement)
    assert good.governed is not None
    assert good.decision is not None
    snapshot = mesh(case.options["world"]).snapshot
    tables = {scan.table.name: scan.table for scan in good.governed.scans}
    salt = service(case.options["world"], "trino")._salt(SALT_QUERY)
    try:
        verify(
            text,
            good.governed.engine,
            good.decision,
            tables,
            snapshot.token_domains,
            salt,
        )
    except MeshgateError as error:
        return f"{error.name}: {error.audit['verify']}"
    return "passed"


def _refusal(error: MeshgateError) -> str:
    code = error.code
    lines = [f"{code.name} ({code.code}) {code.type}", error.message]
    facts = ", ".join(f"{key}={value}" for key, value in sorted(error.audit.items()))
    return "\n".join([*lines, *([f"receipt: {facts}"] if facts else [])])
