"""Trino's query language, closed: text to tree, and the tree's conventions.

``parse_query`` reads one query with our own recursive-descent grammar over our own
tokens (``lex``) and builds sqlglot nodes. sqlglot's parser is *not* used: it accepts
dozens of dialects at once, re-reads quoted text as keywords and changes function calls
into other ones. What this grammar does not name cannot be read. ``printer.Printer`` is
the counterpart: it prints exactly these nodes as Trino text and raises on any other.

Conventions of every tree (before and after ``resolve``)
---------------------------------------------------------

Queries
    ``Select(with_, expressions, distinct, from_, joins, where, group, having, windows,
    order, limit, offset)``; ``distinct`` is ``Distinct()`` without expressions.
    ``Union | Intersect | Except(this, expression, distinct: bool, with_, order, limit,
    offset)``. ``Values(expressions=[Tuple, …], order, limit, offset)``: each row a Tuple.
    ``TABLE t`` is ``Select(Star, from_=t)``. A query in parentheses is ``Subquery(this,
    order, limit, offset)``, also as operand of a set operation.
    ``With(expressions=[CTE(this, alias=TableAlias(this, columns))], recursive=True)``.
    ``FETCH FIRST n ROWS ONLY`` is ``Limit``; WITH TIES adds ``limit_options``.
    ``Limit.expression`` and ``Offset.expression`` are an integer Literal or a Placeholder.
    CORRESPONDING is ``by_name=True`` on the set operation.
Relations
    ``From(this=relation)``; ``Join(this, side, kind, on, using=[Identifier])``: ``side``
    LEFT, RIGHT, FULL or None; ``kind`` INNER, CROSS or None; a comma is a Join with none
    of them. ``Table(this, db, catalog, alias=TableAlias)``, ``Subquery(this=query,
    alias=TableAlias(this, columns))``, ``Unnest(expressions, alias, offset=True for WITH
    ORDINALITY)``, ``Lateral(this=Subquery, alias)``.
    A join in parentheses on the right of another: ``Subquery(this=R)`` without alias,
    where the relation R carries the inner ``joins`` in ``R.args["joins"]``.
    ``Table.version = Version(this="VERSION" | "TIMESTAMP", kind="AS OF", expression)`` with a
    Literal or a typed literal; ``Table | Subquery.sample = TableSample(method, percent)``.
Expressions
    ``Column(this, table, db, catalog)`` for dotted names as written (resolve reduces
    them), ``Dot(this, expression=Identifier)`` for fields, ``Star()``, ``Column(this=
    Star(), table, …)`` for ``t.*``, ``Alias(this, alias=Identifier)``, ``Paren(this)``.
    ``Literal`` (string; number as written: ``1``, ``1.50``, ``1e3``, ``.5``), ``HexString``
    (``X'01ff'``: ``this`` is the digits, no blanks), ``Boolean``, ``Null``,
    ``Placeholder`` (``?``; ``meta["index"]`` from 0).
    ``And Or Not EQ NEQ LT LTE GT GTE Add Sub Mul Div Mod Neg DPipe``; IS [NOT] DISTINCT
    FROM is ``NullSafeNEQ | NullSafeEQ``; ``Is(this, Null())``; ``Between(this, low,
    high)``; ``In(this, expressions)`` or ``In(this, query=Subquery)``; ``Like(this,
    expression)``, with ESCAPE ``Escape(this=Like, expression)``; ``Exists(this=query)``;
    quantified: ``EQ(this, expression=Any | All(this=Subquery))``. Every NOT form is
    ``Not(this=…)`` around the positive node; ``negate`` arguments are never used.
    ``Case(this, ifs=[If(this, true)], default)``; ``IF(c, a, b)`` is read as Case.
    ``Coalesce(this, expressions)``, ``Nullif(this, expression)``, ``Extract(this=Var
    YEAR, expression)``, ``AtTimeZone(this, zone=Literal | Interval)``, ``Interval(this=
    string Literal, unit=Var | IntervalSpan(this=Var, expression=Var))`` (a sign is Neg
    around it), ``Array(expressions)``, ``Bracket(this, expressions=[index])``,
    ``Tuple(expressions)`` for ``(a, b)`` and ``ROW(a, b)``, ``Lambda(this=body,
    expressions=[Identifier])``, ``Subquery(this=query)`` for a scalar sub-query.
    ``Cast | TryCast(this, to)``; typed literals (``DATE '2020-01-01'``) are ``Cast`` of a
    string Literal with ``meta["typed_literal"] = True``.
Types
    ``DataType(this=DType.USERDEFINED, kind=text)`` where ``gateway.datatypes.DataType.
    parse(text)`` succeeds, e.g. ``decimal(12,2)``, ``timestamp(3) with time zone``.
    Typed literals keep the bare word (``decimal``, ``timestamp``, ``varchar``): their
    precision follows from the text.
Calls
    Every call, aggregates and window functions included: ``Anonymous(this=name as
    written, expressions)``. DISTINCT: ``[Distinct(expressions=[all arguments])]``.
    ``count(*)``: ``[Star()]``. ORDER BY inside: the last argument is ``Order(this=last
    argument or Distinct, expressions=[Ordered])``. Around it, in this order:
    ``WithinGroup(this, expression=Order)``, ``Filter(this, expression=Where)``,
    ``IgnoreNulls | RespectNulls(this)``, ``Window(this, partition_by, order,
    spec=WindowSpec(kind, start, start_side, end, end_side), alias=Identifier for OVER w,
    over="OVER")``. Named windows: ``Select.windows = [Window(this=Identifier, …)]``.
    ``WindowSpec.start | end``: ``"UNBOUNDED"``, ``"CURRENT ROW"`` or an expression;
    sides ``PRECEDING | FOLLOWING``. ``Window.first`` names the window it is built on. LISTAGG's
    ``ON OVERFLOW TRUNCATE`` is its last argument, an ``OverflowTruncateBehavior``.
    SUBSTRING(x FROM a FOR b), POSITION(a IN b), TRIM(…) and NORMALIZE(…) become the calls
    ``substr``, ``strpos``, ``trim | ltrim | rtrim``, ``normalize`` that Trino makes of them.
SQL/JSON
    ``JSONExists | JSONValue(this, path=Literal, passing=[Alias], on_condition, returning)``;
    JSON_QUERY is ``JSONExtract(json_query=True, this, expression=path, expressions=passing,
    emits=type, variant_extract=format, option=wrapper, quote, on_condition)``;
    ``JSONObject(expressions=[JSONKeyValue], null_handling, unique_keys, return_type,
    encoding=format)``, ``JSONArray(expressions, null_handling, return_type, strict=format)``;
    ``FormatJson(this, encoding)``; ``OnCondition(empty, error)``: words, or the expression
    behind DEFAULT. Names in PASSING are spelled as the path spells them.
Session values
    ``CURRENT_DATE`` … are ``Anonymous(this="current_date")`` with ``meta["keyword"] =
    True``; ``sessionfns`` replaces them, and ``now()``, ``version()``,
    ``current_timezone()``, by literals before anything is typed or printed.
Order
    ``Order(expressions=[Ordered(this, desc: bool, nulls_first: bool)])``, both always set
    (Trino's default is NULLS LAST in both directions).
Grouping
    ``Group(expressions)``; ``Group.grouping_sets = [GroupingSets(expressions=[Tuple])]``,
    ``Group.rollup = [Rollup(expressions)]``, ``Group.cube = [Cube(expressions)]``;
    ``Group.all`` is ``"DISTINCT"``, or ``"AUTO"`` without elements.
Identifiers
    ``Identifier(this=text as written, quoted: bool)``; compare with ``names.fold`` or
    ``names.equals_ignore_case``, never by ``quoted``.
Positions
    ``meta["at"] = (line, column)`` in the user's text on Column, Table, Anonymous, Cast,
    Subquery, Star and most other expressions; missing means unknown.

Added by ``resolve`` on its private copy
----------------------------------------

A governed scan: ``Table.meta["scan"] = index`` into ``ResolvedQuery.scans`` (its written
alias, else none: then the scan's ``alias`` is the table's name). A WITH name:
``Table.meta["cte"] = True``. A bound column is ``Column(this, table)`` with
``meta["source"] = ("scan", index)`` or ``("derived", id)``, where ``id`` is
``meta["derived"]`` of the relation node (Subquery, Unnest, Lateral, Table naming a WITH
element). ``meta["bare"] = "order" | "using" | "lambda"`` marks the references that stay
unqualified. ``Column.meta["column"]`` is the column's name in its source: as the catalog
spells it for scans, as the relation spells it (case may differ) for derived ones; the
identifier keeps the case the user wrote. Stars are expanded. Every derived relation has an
alias, and a column list (``alias.columns``, also on a ``Table`` naming a WITH element and
on its ``CTE``) wherever its own output names are missing or double. An output whose text
would not name it is wrapped in ``Alias``. A join in parentheses has no alias.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.sql.lex import Token, tokens
from gateway.sql.limits import allow_recursion
from gateway.sql.queries import QueryGrammar


def parse_query(text: str) -> exp.Expression:
    """Read one query; raises MeshgateError (SYNTAX_ERROR, NOT_SUPPORTED, limits)."""
    return parse_query_tokens(tokens(text))[0]


def parse_query_tokens(found: Sequence[Token]) -> tuple[exp.Expression, int]:
    """Read one query from tokens; returns the tree and the number of its ``?``."""
    allow_recursion()
    grammar = QueryGrammar(found)
    tree = grammar.query()
    grammar.finish()
    return tree, grammar.parameters


def parse_expression_tokens(found: Sequence[Token]) -> list[exp.Expression]:
    """Read ``expression, …`` from tokens (the operands of USING)."""
    allow_recursion()
    grammar = QueryGrammar(found)
    items = grammar.comma_separated(grammar.expression)
    grammar.finish()
    return items
