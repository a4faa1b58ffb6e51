"""One text through the real stages, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.metadata.tables import is_metadata
from gateway.names import TableName
from gateway.session import Session
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, Engine, Kind, Statement
from gateway.sql.parse import parse
from gateway.sql.prepared import bind, parse_prepared
from gateway.sql.resolve import resolve
from gateway.sql.sessionfns import session_values
from tests.fuzz.mesh import NOW, SALT, decision, tables, token_domains

_GOVERNED = {Kind.QUERY, Kind.EXPLAIN}
_DEFECTS = {"GENERIC_INTERNAL_ERROR"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """``governed`` with its text, ``answered`` by the gateway, ``refused`` or ``defect``.

    ``given`` is the text that was governed: what EXECUTE IMMEDIATE holds, else the whole.
    ``tables`` are those that the statement claims to read, once for each reference.
    """

    what: str
    given: str
    why: str = ""
    sql: str = ""
    tables: tuple[TableName, ...] = ()
    called: frozenset[str] = frozenset()
    """Functions among the arguments of EXECUTE IMMEDIATE."""
    seconds: float = 0.0


def governed(text: str, defaults: Defaults, engine: Engine = "trino") -> Outcome:
    """Parse, decide, resolve, govern and verify; never raises for what a text holds."""
    began = time.process_time()
    try:
        found = _governed(text, defaults, engine)
    except MeshgateError as error:
        defect = error.name in _DEFECTS or "defect" in error.audit
        why = f"{error.name}: {dict(error.audit) or error.message}" if defect else error.name
        found = Outcome("defect" if defect else "refused", text, why)
    except Exception as error:  # noqa: BLE001 - the very thing that is looked for
        found = Outcome("defect", text, f"{type(error).__name__}: {error}"[:200])
    return replace(found, seconds=time.process_time() - began)


def _governed(text: str, defaults: Defaults, engine: Engine) -> Outcome:
    outer = statement = parse(text, defaults)
    if outer.kind is Kind.EXECUTE_IMMEDIATE and outer.text is not None:
        text = outer.text
        statement = parse_prepared(text, defaults)
    if statement.kind not in _GOVERNED:
        return Outcome("answered", text)
    statement = bind(statement, outer.arguments)
    metadata = [is_metadata(ref.name) for ref in statement.tables]
    if any(metadata):
        return Outcome("answered" if all(metadata) else "refused", text, "NOT_SUPPORTED")
    decided = decision(statement)
    if decided is None:
        return Outcome("refused", text, "TABLE_NOT_FOUND")
    resolved = resolve(statement, decided, tables(), _values(statement, defaults))
    made = govern(resolved, engine, token_domains(), SALT)
    names = tuple(ref.name for ref in statement.tables)
    calls = (call for one in outer.arguments for call in one.find_all(exp.Anonymous))
    called = frozenset(call.this.lower() for call in calls)
    return Outcome("governed", text, sql=made.sql, tables=names, called=called)


def _values(statement: Statement, defaults: Defaults) -> Mapping[str, exp.Expression]:
    if not statement.session_names:
        return {}
    session = Session(catalog=defaults.catalog, schema=defaults.schema)
    return session_values(session, "alice", NOW, names=statement.session_names)
