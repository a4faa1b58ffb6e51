"""Queries of Trino's grammar: WITH, set operations, SELECT, VALUES, TABLE."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.expressions import QUERY_START
from gateway.sql.lex import END, NUMBER, Token
from gateway.sql.relations import RelationGrammar

_AFTER_NAME = frozenset({"FROM", ",", ")", END})
_UNION = {"UNION": exp.Union, "EXCEPT": exp.Except}
_AFTER_COLUMN = frozenset(
    {")", END, "HAVING", "WINDOW", "ORDER", "LIMIT", "OFFSET", "FETCH", ",", ".", "["}
    | {"UNION", "EXCEPT", "INTERSECT"}
)
_SIGNS = frozenset({"+", "-", "*", "/", "%", "||", "=", "<>", "!=", "<", "<=", ">", ">="})


class QueryGrammar(RelationGrammar):
    """Reads ``query``."""

    def query(self) -> exp.Expression:
        """Read one query with its WITH, ORDER BY, OFFSET and LIMIT."""
        with_ = self._with() if self.key == "WITH" else None
        query = self._modifiers(self._union(self._intersect(self._query_operand())))
        if with_ is not None:
            query.set("with_", with_)
        return query

    def query_tail(self, left: exp.Expression) -> exp.Expression:
        """Read on after a sub-query that turned out to be a query's first operand."""
        return self._modifiers(self._union(self._intersect(left)))

    def _with(self) -> exp.With:
        self.take()
        recursive = self.accept("RECURSIVE") or None
        if self.key in {"FUNCTION", "SESSION"} and self.peek() != "AS" and self.peek() != "(":
            raise self.unsupported(f"WITH {self.key}", "use built-in functions and SET SESSION")
        return exp.With(expressions=self.comma_separated(self._cte), recursive=recursive)

    def _cte(self) -> exp.CTE:
        token = self.token
        name = self.identifier()
        columns = self.column_names() if self.key == "(" else []
        self.expect("AS", "(")
        query = self.query()
        self.expect(")")
        alias = exp.TableAlias(this=name, columns=columns)
        return self.place(exp.CTE(this=query, alias=alias), token)

    def _union(self, left: exp.Expression) -> exp.Expression:
        while self.key in _UNION:
            token = self.take()
            how = self._set_quantifier()
            right = self._intersect(self._query_operand())
            node = _UNION[token.key](this=left, expression=right, **how)
            left = self.place(node, token)
        return left

    def _intersect(self, left: exp.Expression) -> exp.Expression:
        while self.key == "INTERSECT":
            token = self.take()
            how = self._set_quantifier()
            right = self._query_operand()
            left = self.place(exp.Intersect(this=left, expression=right, **how), token)
        return left

    def _set_quantifier(self) -> dict[str, bool]:
        distinct = not self.accept("ALL")
        if distinct:
            self.accept("DISTINCT")
        if not self.accept("CORRESPONDING"):
            return {"distinct": distinct}
        if self.key == "(" and self.at_identifier(1):
            raise self.unsupported("CORRESPONDING (…)", "select the columns on both sides")
        return {"distinct": distinct, "by_name": True}

    def _query_operand(self) -> exp.Expression:
        key = self.key
        if key == "SELECT":
            return self._select()
        if key == "VALUES":
            return self._values()
        if key == "TABLE" and self.at_identifier(1):
            token = self.take()
            star = self.place(exp.Star(), token)
            table = self.table_name()
            return self.place(exp.Select(expressions=[star], from_=exp.From(this=table)), token)
        if key == "(":
            token = self.take()
            if self.key == "WITH":
                self.fail("SELECT", "VALUES", "TABLE", "'('")
            query = self.query()
            self.expect(")")
            return self.place(exp.Subquery(this=query), token)
        raise self.mismatch("'('", "SELECT", "TABLE", "VALUES", "WITH")

    def _modifiers(self, query: exp.Expression) -> exp.Expression:
        if self.key == "ORDER":
            query.set("order", self.order())
        if self.key == "OFFSET":
            self.take()
            query.set("offset", exp.Offset(expression=self._count()))
            if not self.accept("ROWS"):
                self.accept("ROW")
        if self.accept("LIMIT"):
            if not self.accept("ALL"):
                query.set("limit", exp.Limit(expression=self._count()))
        elif self.accept("FETCH"):
            query.set("limit", self._fetch())
        return query

    def _count(self) -> exp.Expression:
        token = self.token
        if token.key is NUMBER and token.value.isdigit():
            return self.place(exp.Literal(this=self.take().value, is_string=False), token)
        if token.key == "?":
            return self.primary()
        raise self.mismatch("<integer>", "'?'")

    def _fetch(self) -> exp.Limit:
        if not self.accept("FIRST"):
            self.expect("NEXT")
        count: exp.Expression = exp.Literal(this="1", is_string=False)
        if self.key not in {"ROW", "ROWS"}:
            count = self._count()
        if not self.accept("ROWS"):
            self.expect("ROW")
        if self.accept("WITH"):
            self.expect("TIES")
            return exp.Limit(expression=count, limit_options=exp.LimitOptions(with_ties=True))
        self.expect("ONLY")
        return exp.Limit(expression=count)

    def _values(self) -> exp.Expression:
        token = self.take()
        rows = [self._row_of(row) for row in self.comma_separated(self.expression)]
        return self.place(exp.Values(expressions=rows), token)

    @staticmethod
    def _row_of(row: exp.Expression) -> exp.Tuple:
        """Make one VALUES row: a row constructor is the row, anything else its one column."""
        if isinstance(row, exp.Tuple):
            return row
        only = row.this if isinstance(row, exp.Paren) else row
        return exp.Tuple(expressions=[only])

    def _select(self) -> exp.Expression:
        token = self.take()
        distinct = exp.Distinct() if self.accept("DISTINCT") else None
        if distinct is None and self.peek() not in _AFTER_NAME:
            self.accept("ALL")
        select = exp.Select(distinct=distinct, expressions=self.comma_separated(self._select_item))
        self.place(select, token)
        if self.accept("FROM"):
            first, joins = self.from_items()
            select.set("from_", exp.From(this=first))
            select.set("joins", joins)
        if self.accept("WHERE"):
            select.set("where", exp.Where(this=self.expression()))
        if self.accept("GROUP"):
            self.expect("BY")
            select.set("group", self._group())
        if self.accept("HAVING"):
            select.set("having", exp.Having(this=self.expression()))
        if self.key == "WINDOW" and self.at_identifier(1) and self.peek(2) == "AS":
            self.take()
            select.set("windows", self.comma_separated(self._named_window))
        return select

    def _select_item(self) -> exp.Expression:
        token = self.token
        if self.accept("*"):
            return self.place(exp.Star(), token)
        if self._at_qualified_star():
            return self._qualified_star()
        value = self.expression()
        if self.accept("AS") or self.at_implicit_alias():
            alias = self.identifier()
            return self.place(exp.Alias(this=value, alias=alias), token)
        return value

    def _at_qualified_star(self) -> bool:
        ahead = 0
        while self.at_identifier(ahead) and self.peek(ahead + 1) == ".":
            ahead += 2
        return ahead > 0 and self.peek(ahead) == "*"

    def _qualified_star(self) -> exp.Expression:
        token = self.token
        parts = []
        while not self.accept("*"):
            parts.append(self.identifier())
            self.expect(".")
        if len(parts) > len(_QUALIFIER):
            raise self.unsupported("a star over a field", "name its fields", token)
        if self.key == "AS":
            raise self.unsupported("AS after a star", "name the columns")
        qualifier = dict(zip(_QUALIFIER, reversed(parts), strict=False))
        return self.place(exp.Column(this=exp.Star(), **qualifier), token)

    def _group(self) -> exp.Group:
        how = "DISTINCT" if self.accept("DISTINCT") else None
        if how is None and self.key == "ALL" and self.peek() not in _AFTER_COLUMN:
            if self.peek() in _SIGNS:
                raise self.unsupported("a sign after GROUP BY ALL", "leave ALL out")
            self.take()
        if self.key == "AUTO":
            return self._auto(self.take(), how)
        group: dict[str, list[exp.Expression]] = {"expressions": []}
        for kind, element in self.comma_separated(self._grouping_element):
            group.setdefault(kind, []).extend(element)
        return exp.Group(all=how, **group)

    def _auto(self, token: Token, how: str | None) -> exp.Group:
        """Read on after ``GROUP BY AUTO``: by every output that aggregates nothing."""
        if how or self.key == ",":
            raise self.unsupported("AUTO beside other groups", "list the columns", token)
        return exp.Group(all="AUTO")

    def _grouping_element(self) -> tuple[str, list[exp.Expression]]:
        if self.key in {"ROLLUP", "CUBE"}:
            kind = self.take().key
            items = self._grouping_set()
            node = exp.Rollup if kind == "ROLLUP" else exp.Cube
            return kind.lower(), [node(expressions=items)]
        if self.accept("GROUPING", "SETS"):
            self.expect("(")
            sets = self.comma_separated(self._grouping_set_or_one)
            self.expect(")")
            tuples = [exp.Tuple(expressions=items) for items in sets]
            return "grouping_sets", [exp.GroupingSets(expressions=tuples)]
        if self.key == "(" and self.peek() == ")":
            return "grouping_sets", [
                exp.GroupingSets(expressions=[exp.Tuple(expressions=self._grouping_set())])
            ]
        return "expressions", self._flat(self.expression())

    def _grouping_set_or_one(self) -> list[exp.Expression]:
        return self._grouping_set() if self.key == "(" else [self.expression()]

    def _grouping_set(self) -> list[exp.Expression]:
        self.expect("(")
        if self.accept(")"):
            return []
        items = self.comma_separated(self.expression)
        self.expect(")")
        return items

    @staticmethod
    def _flat(item: exp.Expression) -> list[exp.Expression]:
        """``GROUP BY (a, b)`` groups by a and b; a ROW(…) is one value."""
        if isinstance(item, exp.Tuple) and not item.meta.get("row"):
            return list(item.expressions)
        return [item]

    def _named_window(self) -> exp.Window:
        name = self.identifier()
        self.expect("AS")
        return exp.Window(this=name, **self.window_specification())


_QUALIFIER = ("table", "db", "catalog")
__all__ = ["QUERY_START", "QueryGrammar"]
