"""Statement kinds: which head a text has, and its operands.

``Statement.words`` by kind (values None where the clause is absent; names folded unless
said otherwise):

==================  =================================================================
QUERY               none
EXPLAIN             ``type`` (LOGICAL, DISTRIBUTED, VALIDATE, IO), ``format`` (TEXT, JSON,
                    GRAPHVIZ); None means Trino's default
EXPLAIN_ACCESS      ``format`` (TEXT, JSON or None)
SHOW_CATALOGS       ``like``, ``escape``
SHOW_SCHEMAS        ``catalog`` (completed), ``like``, ``escape``
SHOW_TABLES         ``catalog``, ``schema`` (completed), ``like``, ``escape``
SHOW_COLUMNS        ``like``, ``escape``; the table is ``tables[0]``
SHOW_CREATE         ``what`` (TABLE, VIEW, SCHEMA); the table is ``tables[0]``, the schema
                    ``catalog``, ``schema``
SHOW_FUNCTIONS      ``like``, ``escape``
SHOW_SESSION        ``like``, ``escape``
SHOW_STATS          none; the table is ``tables[0]``, or the query is the tree
USE                 ``catalog`` (None: keep the current one), ``schema``
SET_SESSION         ``name`` (``prop`` or ``catalog.prop``, as written), ``value`` (text)
RESET_SESSION       ``name``
SET_TIME_ZONE       ``zone`` (None: LOCAL)
SET_ROLE            ``mode`` (ROLE, ALL, NONE), ``role`` (as written), ``catalog``
PREPARE             ``name`` (as written); ``text`` is the statement, already checked
EXECUTE             ``name``; ``arguments``
EXECUTE_IMMEDIATE   none; ``text`` is the statement, not yet read; ``arguments``
DEALLOCATE          ``name``
DESCRIBE_INPUT      ``name``
DESCRIBE_OUTPUT     ``name``
START_TRANSACTION   ``isolation`` (e.g. SERIALIZABLE), ``access`` (READ ONLY, READ WRITE)
COMMIT, ROLLBACK    none
KILL_QUERY          ``query_id``, ``message`` (as written)
==================  =================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.names import fold
from gateway.sql.allow import check_tree
from gateway.sql.dialect import parse_expression_tokens, parse_query_tokens
from gateway.sql.heads import Head, HeadGrammar
from gateway.sql.lex import Token
from gateway.sql.model import Defaults, Kind, Position, Statement, TableRef
from gateway.sql.sessionfns import may_call_session, session_names
from gateway.sql.tables import collect_tables, complete

_QUERY_HEADS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
_NOT_PREPARED = frozenset(
    {Kind.PREPARE, Kind.EXECUTE, Kind.EXECUTE_IMMEDIATE, Kind.DEALLOCATE}
    | {Kind.DESCRIBE_INPUT, Kind.DESCRIBE_OUTPUT}
)


def read_statement(text: str, found: Sequence[Token], digest: str, defaults: Defaults) -> Statement:
    """Read one statement from its tokens."""
    if found and found[0].key in _QUERY_HEADS:
        return _query(Kind.QUERY, found, digest, defaults)
    head = HeadGrammar(found).head()
    if head.kind in {Kind.EXPLAIN, Kind.EXPLAIN_ACCESS}:
        return _explain(head, found, digest, defaults)
    if head.kind is Kind.SHOW_STATS and head.rest is not None:
        return _statistics(head, found, digest, defaults)
    if head.kind is Kind.PREPARE:
        return _prepare(head, text, found, digest, defaults)
    tables: tuple[TableRef, ...] = ()
    if head.table is not None:
        place = head.table_at or found[0]
        at = Position(place.line, place.column)
        tables = (TableRef(complete(head.table, defaults, at), head.table, at),)
    arguments = parse_expression_tokens(found[head.rest :]) if head.rest is not None else []
    for argument in arguments:
        check_tree(argument)
    words = _completed(head, defaults)
    return Statement(
        head.kind,
        digest,
        defaults,
        tables=tables,
        words=MappingProxyType(dict(words)),
        text=head.text,
        arguments=tuple(arguments),
    )


def refuse_unpreparable(statement: Statement) -> None:
    """Refuse what cannot stand inside PREPARE or EXECUTE IMMEDIATE."""
    if statement.kind in _NOT_PREPARED:
        name = statement.kind.value.replace("_", " ")
        raise MeshgateError(
            "NOT_SUPPORTED", f"Invalid statement type for prepared statement: {name}"
        )


def _query(
    kind: Kind,
    found: Sequence[Token],
    digest: str,
    defaults: Defaults,
    words: Mapping[str, str | None] | None = None,
) -> Statement:
    tree, parameters = parse_query_tokens(found)
    check_tree(tree)
    return Statement(
        kind,
        digest,
        defaults,
        tree=tree,
        tables=collect_tables(tree, defaults),
        parameters=parameters,
        words=MappingProxyType(dict(words or {})),
        session_names=session_names(tree) if may_call_session(found) else frozenset(),
    )


def _explain(head: Head, found: Sequence[Token], digest: str, defaults: Defaults) -> Statement:
    rest = found[head.rest or 0 :]
    if not rest or rest[0].key not in _QUERY_HEADS:
        raise MeshgateError("NOT_SUPPORTED", "EXPLAIN is answered for queries alone")
    return _query(head.kind, rest, digest, defaults, head.words)


def _statistics(head: Head, found: Sequence[Token], digest: str, defaults: Defaults) -> Statement:
    """Read ``SHOW STATS FOR (query)``: nothing follows the bracket."""
    rest = found[head.rest or 0 :]
    statement = _query(head.kind, rest, digest, defaults)
    if not isinstance(statement.tree, exp.Subquery) or any(
        statement.tree.args.get(key) for key in ("order", "limit", "offset")
    ):
        raise MeshgateError("SYNTAX_ERROR", "SHOW STATS FOR takes a table or one query in brackets")
    return statement


def _prepare(
    head: Head, text: str, found: Sequence[Token], digest: str, defaults: Defaults
) -> Statement:
    rest = found[head.rest or 0 :]
    if not rest:
        HeadGrammar(found[-1:]).fail_at_end("<statement>")
    inner = read_statement(text, rest, digest, defaults)
    refuse_unpreparable(inner)
    return Statement(
        head.kind,
        digest,
        defaults,
        parameters=inner.parameters,
        words=MappingProxyType(dict(head.words)),
        text=text[rest[0].start : rest[-1].end],
    )


def _completed(head: Head, defaults: Defaults) -> Mapping[str, str | None]:
    """Fill SHOW SCHEMAS, SHOW TABLES and SHOW CREATE SCHEMA up with the defaults."""
    words = {
        key: fold(v) if v and key in {"catalog", "schema"} else v for key, v in head.words.items()
    }
    if head.kind is Kind.SHOW_TABLES and words["schema"] is None:
        name = complete(("",), defaults, None)
        return {**words, "catalog": name.catalog, "schema": name.schema}
    completable = {Kind.SHOW_TABLES, Kind.SHOW_SCHEMAS}
    schema = head.kind is Kind.SHOW_CREATE and head.table is None
    if (head.kind in completable or schema) and words.get("catalog") is None:
        return {**words, "catalog": complete(("", ""), defaults, None).catalog}
    return words
