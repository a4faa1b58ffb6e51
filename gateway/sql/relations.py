"""Relations of Trino's grammar: tables, joins, sub-queries, UNNEST, LATERAL, VALUES."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.expressions import QUERY_START, QUERY_TAIL
from gateway.sql.lex import NUMBER, Token
from gateway.sql.tablefns import TableFunctionGrammar

_SIDES = frozenset({"LEFT", "RIGHT", "FULL"})
_JOIN_START = _SIDES | {"JOIN", "INNER", "CROSS", "NATURAL"}
_NAME_PARTS = 3


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
            raise self.unsupported("JSON_TABLE", "use json_extract and UNNEST")
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
            self._refuse_sample()
            return first, joins
        if joins or first.args.get("alias"):
            raise self.unsupported("an alias on a join", "alias the relations inside")
        return self._aliased(first), []

    @staticmethod
    def _is_bare_query(node: exp.Expression) -> bool:
        return type(node) is exp.Subquery and not node.args.get("alias")

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
        if self.key == "FOR" and self.peek() in {"VERSION", "TIMESTAMP"}:
            raise self.unsupported("time travel", "query the table's current state")
        keys = ("this", "db", "catalog")
        table = exp.Table(**dict(zip(keys, reversed(parts), strict=False)))
        return self.place(table, token)

    def _aliased(self, node: exp.Expression) -> exp.Expression:
        self._refuse_sample()
        if self.accept("AS") or self.at_implicit_alias():
            name = self.identifier()
            columns = self.column_names() if self.key == "(" else []
            node.set("alias", exp.TableAlias(this=name, columns=columns))
        self._refuse_sample()
        return node

    def _refuse_sample(self) -> None:
        if self.key == "TABLESAMPLE" and self.peek() in {"BERNOULLI", "SYSTEM"}:
            raise self.unsupported("TABLESAMPLE", "filter on a column or use LIMIT")
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
