"""Statements as JSON lines in, what they become as JSON lines out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.names import fold
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from gateway.session import Session

MAX_LINE = 4_000_000
_FIELDS = {"id", "sql", "catalog", "schema"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One line as meant."""

    id: str | int | None
    sql: str
    session: Session


def read_lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines without their end; None for one longer than ``MAX_LINE`` bytes."""
    while line := source.readline(MAX_LINE):
        if line.endswith(b"\n") or len(line) < MAX_LINE:
            yield line.removesuffix(b"\n")
            continue
        while (rest := source.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


class LinePlanner:
    """Answers lines for one principal through the query service, as POST would."""

    def __init__(self, service: QueryService, principal: Principal) -> None:
        self._service = service
        self._principal = principal

    async def answer(self, line: bytes | None) -> bytes:
        """Answer one line with one line; never raises for what a line holds."""
        asked_id: str | int | None = None
        try:
            document = _document(line)
            asked_id = _id(document)
            asked = _asked(document, asked_id)
            plan = await self._service.plan(asked.sql, asked.session, self._principal, "govern")
            answer = _planned(plan)
        except MeshgateError as error:
            answer = _refused(error)
        except Exception as error:  # noqa: BLE001 - one line's defect must not end the others
            answer = _refused(_defect(error))
        return json.dumps({"id": asked_id, **answer}).encode() + b"\n"


def _planned(plan: Plan) -> dict[str, Any]:
    if plan.outcome != "governed" or plan.governed is None:
        return {"outcome": "answered", "sql": None, "error": None, "tables": []}
    tables = [str(name) for name in plan.governed.tables]
    return {"outcome": "governed", "sql": plan.governed.sql, "error": None, "tables": tables}


def _refused(error: MeshgateError) -> dict[str, Any]:
    code = error.code
    body = {"name": code.name, "code": code.code, "type": code.type, "message": error.message}
    return {"outcome": "refused", "sql": None, "error": body, "tables": []}


def _defect(error: Exception) -> MeshgateError:
    return MeshgateError(
        "GENERIC_INTERNAL_ERROR",
        "the statement could not be planned: report its text to the platform team",
        audit={"defect": type(error).__name__},
    )


def _document(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise _bad(f"a line has at most {MAX_LINE} bytes")
    try:
        found = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _bad("the line is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _bad("the line is not one JSON object with each key once") from None
    if not isinstance(found, dict):
        raise _bad('expected {"id": …, "sql": …, "catalog": …, "schema": …}')
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _id(document: dict[str, Any]) -> str | int | None:
    found = document.get("id")
    if found is not None and (isinstance(found, bool) or not isinstance(found, str | int)):
        raise _bad("id is a text, a whole number or null")
    return found


def _asked(document: dict[str, Any], asked_id: str | int | None) -> Asked:
    unknown = sorted(document.keys() - _FIELDS)
    if unknown:
        raise _bad(f"unknown field {unknown[0]}; known are id, sql, catalog, schema")
    sql = document.get("sql")
    if not isinstance(sql, str):
        raise _bad("sql is missing or not a text")
    names = [document.get(key) for key in ("catalog", "schema")]
    if not all(name is None or isinstance(name, str) for name in names):
        raise _bad("catalog and schema are texts or null")
    catalog, schema = (fold(name) if name else None for name in names)
    return Asked(asked_id, sql, Session(catalog=catalog, schema=schema))


def _bad(message: str) -> MeshgateError:
    return MeshgateError("GENERIC_USER_ERROR", f"bad line: {message}")
