"""Relations of Trino's grammar: tables, joins, sub-queries, UNNEST, LATERAL, VALUES."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.expressions import QUERY_START, QUERY_TAIL
from gateway.sql.lex import NUMBER, Token
from gateway.sql.tablefns import TableFunctionGrammar

_SIDES = frozenset({"LEFT", "RIGHT", "FULL"})
_JOIN_START = _SIDES | {"JOIN", "INNER", "CROSS", "NATURAL"}
_NAME_PARTS = 3
_SAMPLES = frozenset({"BERNOULLI", "SYSTEM"})
_WHOLE = 100


class RelationGrammar(TableFunctionGrammar):
    """Reads what stands behind FROM."""

    def from_items(self) -> tuple[exp.Expression, list[exp.Join]]:
        """Read the comma list behind FROM: the first relation and all joins, flat."""
        first, joins = self._relation()
        while self.key == ",":
            token = self.take()
            other, more = self._relation()
            joins.append(self.place(exp.Join(this=other), token))
            joins.extend(more)
        return first, joins

    def _relation(self) -> tuple[exp.Expression, list[exp.Join]]:
        """Read ``relation``: left-deep joins over operands."""
        first, joins = self._operand_relation()
        while self.key in _JOIN_START:
            joins.append(self._join())
        return first, joins

    def _join(self) -> exp.Join:
        token = self.token
        if self.key == "NATURAL":
            raise self.unsupported("NATURAL JOIN", "name the columns with USING")
        if self.accept("CROSS"):
            self.expect("JOIN")
            return self.place(exp.Join(this=self._single(), kind="CROSS"), token)
        side = self.take().key if self.key in _SIDES else None
        if side:
            self.accept("OUTER")
        else:
            self.accept("INNER")
        self.expect("JOIN")
        join = exp.Join(this=self._single(), side=side, kind=None if side else "INNER")
        if self.accept("ON"):
            join.set("on", self.expression())
        elif self.accept("USING"):
            join.set("using", self.column_names())
        elif self.key in _JOIN_START:
            raise self.unsupported("a join inside a join", "put the inner one in parentheses")
        else:
            self.fail("ON", "USING")
        return self.place(join, token)

    def _single(self) -> exp.Expression:
        """Read the right operand of a join; joins in parentheses stay together."""
        first, joins = self._operand_relation()
        if joins:
            first.set("joins", joins)
            return exp.Subquery(this=first)
        return first

    def _operand_relation(self) -> tuple[exp.Expression, list[exp.Join]]:
        token = self.token
        if self.key == "(":
            return self._parenthesized()
        if self.accept("UNNEST"):
            return self._unnest(token), []
        if self.key == "LATERAL" and self.peek() == "(":
            self.take()
            lateral = exp.Lateral(this=self.subquery())
            return self._aliased(self.place(lateral, token)), []
        if self.key == "TABLE":
            return self._aliased(self.table_function()), []
        if self.key == "JSON_TABLE":
            raise self.unsupported("JSON_TABLE", "use JSON_QUERY and UNNEST")
        if self.at_identifier() and self.peek() == "(":
            raise self.unsupported("a table function", "query tables and views alone")
        return self._aliased(self.table_name()), []

    def _parenthesized(self) -> tuple[exp.Expression, list[exp.Join]]:
        token = self.token
        if self.peek() in QUERY_START:
            return self._aliased(self.place(self.subquery(), token)), []
        self.take()
        first, joins = self._relation()
        if not joins and self._is_bare_query(first) and self._query_follows():
            query = self.query_tail(first)
            self.expect(")")
            return self._aliased(self.place(exp.Subquery(this=query), token)), []
        self.expect(")")
        if not self.at_implicit_alias() and self.key != "AS":
            if not self._at_sample():
                self._refuse_patterns()
                return first, joins
            if joins:
                raise self.unsupported("TABLESAMPLE of a join", "sample the tables inside")
            return self._sampled(first), []
        if joins or first.args.get("alias") or first.args.get("sample"):
            raise self.unsupported("an alias on a join", "alias the relations inside")
        return self._aliased(first), []

    @staticmethod
    def _is_bare_query(node: exp.Expression) -> bool:
        return type(node) is exp.Subquery and not (
            node.args.get("alias") or node.args.get("sample")
        )

    def _query_follows(self) -> bool:
        return self.key in QUERY_TAIL or self.key in {"LIMIT", "OFFSET", "FETCH"}

    def _unnest(self, token: Token) -> exp.Expression:
        self.expect("(")
        items = self.comma_separated(self.expression)
        self.expect(")")
        ordinality = self.accept("WITH", "ORDINALITY") or None
        node = exp.Unnest(expressions=items, offset=ordinality)
        return self._aliased(self.place(node, token))

    def table_name(self) -> exp.Expression:
        """Read a table's name of one to three parts."""
        token = self.token
        parts = [self.identifier()]
        while self.key == ".":
            self.take()
            parts.append(self.identifier())
        if self.key == "(":
            raise self.unsupported("a table function", "query tables and views alone", token)
        if len(parts) > _NAME_PARTS:
            name = ".".join(part.this for part in parts)
            raise self.error("SYNTAX_ERROR", f"Too many dots in table name: {name}", token)
        keys = ("this", "db", "catalog")
        table = exp.Table(**dict(zip(keys, reversed(parts), strict=False)))
        if self.key == "FOR" and self.peek() in {"VERSION", "TIMESTAMP"}:
            table.set("version", self._version())
        return self.place(table, token)

    def _version(self) -> exp.Version:
        """Read ``FOR VERSION | TIMESTAMP AS OF literal``."""
        token = self.take()
        kind = self.take().key
        self.expect("AS", "OF")
        value = self.value()
        if not _is_point(kind, value):
            advice = "write a snapshot's number or name, or TIMESTAMP '…'"
            raise self.unsupported("such a point in time", advice, token)
        return exp.Version(this=kind, kind="AS OF", expression=value)

    def _aliased(self, node: exp.Expression) -> exp.Expression:
        self._refuse_patterns()
        if self.accept("AS") or self.at_implicit_alias():
            name = self.identifier()
            columns = self.column_names() if self.key == "(" else []
            node.set("alias", exp.TableAlias(this=name, columns=columns))
        self._refuse_patterns()
        return self._sampled(node) if self._at_sample() else node

    def _at_sample(self) -> bool:
        return self.key == "TABLESAMPLE" and self.peek() in _SAMPLES

    def _sampled(self, node: exp.Expression) -> exp.Expression:
        """Read ``TABLESAMPLE BERNOULLI | SYSTEM (percentage)``."""
        token = self.take()
        method = self.take().key
        self.expect("(")
        share = self.value()
        self.expect(")")
        if not isinstance(node, (exp.Table, exp.Subquery)) or node.args.get("sample"):
            raise self.unsupported("TABLESAMPLE here", "sample a table or a sub-query", token)
        if not isinstance(share, exp.Literal) or share.is_string or float(share.this) > _WHOLE:
            advice = "write a number from 0 to 100"
            raise self.unsupported("such a sample", advice, token)
        node.set("sample", exp.TableSample(method=method, percent=share))
        return node

    def _refuse_patterns(self) -> None:
        if self.key == "MATCH_RECOGNIZE" and self.peek() == "(":
            raise self.unsupported("MATCH_RECOGNIZE", "use window functions")

    def column_names(self) -> list[exp.Identifier]:
        """Read ``( name, … )``."""
        self.expect("(")
        names = self.comma_separated(self.identifier)
        self.expect(")")
        return names

    def at_implicit_alias(self) -> bool:
        """Whether an alias without AS stands here, and not the next clause."""
        if not self.at_identifier():
            return False
        key, after = self.key, self.peek()
        if key in {"LIMIT", "OFFSET"}:
            return not (after is NUMBER or after in {"?", "ALL"})
        if key == "FETCH":
            return after not in {"FIRST", "NEXT"}
        if key == "WINDOW":
            return not (self.at_identifier(1) and self.peek(2) == "AS")
        return key not in {"TABLESAMPLE", "MATCH_RECOGNIZE", "PIVOT", "UNPIVOT", "QUALIFY"}


def _is_point(kind: str, value: exp.Expression) -> bool:
    """Whether a version is a literal: a snapshot's number or name, or a moment."""
    if kind == "VERSION":
        return isinstance(value, exp.Literal) and (value.is_string or value.this.isdigit())
    typed = isinstance(value, exp.Cast) and value.meta.get("typed_literal")
    return bool(typed) and value.args["to"].args["kind"] in {"date", "timestamp"}
