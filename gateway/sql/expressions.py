"""Expressions of Trino's grammar: operators, predicates, primaries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.sql.calls import CallGrammar
from gateway.sql.lex import HEX, NUMBER, STRING, UNICODE, Token
from gateway.sql.limits import MAX_DEPTH, rejected
from gateway.sql.unicodetext import decoded

_BINARY: dict[str, tuple[int, type[exp.Expression]]] = {
    "||": (1, exp.DPipe),
    "+": (2, exp.Add),
    "-": (2, exp.Sub),
    "*": (3, exp.Mul),
    "/": (3, exp.Div),
    "%": (3, exp.Mod),
}
_COMPARE: dict[str, type[exp.Expression]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_QUANTIFIED: dict[str, type[exp.Expression]] = {"ALL": exp.All, "ANY": exp.Any, "SOME": exp.Any}
QUERY_START = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
QUERY_TAIL = frozenset({"UNION", "INTERSECT", "EXCEPT", "ORDER"})
_MAX_PARTS = 4
_MAX_BIGINT = 2**63 - 1


class ExpressionGrammar(CallGrammar):
    """Reads ``expression`` with Trino's precedence."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self._depth = 0
        self.parameters = 0

    def expression(self) -> exp.Expression:
        """Read one expression of any kind."""
        self._depth += 1
        if self._depth > MAX_DEPTH * 2:
            raise rejected("the expression is nested too deeply", "simplify it", self.token)
        left = self._conjunction()
        while self.accept("OR"):
            left = exp.Or(this=left, expression=self._conjunction())
        self._depth -= 1
        return left

    def _conjunction(self) -> exp.Expression:
        left = self._negation()
        while self.accept("AND"):
            left = exp.And(this=left, expression=self._negation())
        return left

    def _negation(self) -> exp.Expression:
        if self.accept("NOT"):
            return exp.Not(this=self._negation())
        return self._predicate()

    def _predicate(self) -> exp.Expression:
        start = self.token
        left = self.value()
        key = self.key
        if key in _COMPARE:
            return self.place(self._comparison(left), start)
        if key == "IS":
            return self.place(self._is(left), start)
        if key == "NOT" and self.peek() in {"BETWEEN", "IN", "LIKE"}:
            self.take()
            return exp.Not(this=self.place(self._range(left), start))
        if key in {"BETWEEN", "IN", "LIKE"}:
            return self.place(self._range(left), start)
        return left

    def _comparison(self, left: exp.Expression) -> exp.Expression:
        operator = _COMPARE[self.take().key]
        if self.key in _QUANTIFIED and self.peek() == "(" and self.peek(2) in QUERY_START:
            quantifier = _QUANTIFIED[self.take().key]
            right: exp.Expression = quantifier(this=self.subquery())
        else:
            right = self.value()
        return operator(this=left, expression=right)

    def _is(self, left: exp.Expression) -> exp.Expression:
        self.take()
        negated = self.accept("NOT")
        if self.accept("NULL"):
            node: exp.Expression = exp.Is(this=left, expression=exp.Null())
            return exp.Not(this=node) if negated else node
        self.expect("DISTINCT", "FROM")
        kind = exp.NullSafeEQ if negated else exp.NullSafeNEQ
        return kind(this=left, expression=self.value())

    def _range(self, left: exp.Expression) -> exp.Expression:
        key = self.take().key
        if key == "BETWEEN":
            low = self.value()
            self.expect("AND")
            return exp.Between(this=left, low=low, high=self.value())
        if key == "IN":
            return self._in(left)
        like: exp.Expression = exp.Like(this=left, expression=self.value())
        if self.accept("ESCAPE"):
            like = exp.Escape(this=like, expression=self.value())
        return like

    def _in(self, left: exp.Expression) -> exp.Expression:
        if self.peek() in QUERY_START:
            return exp.In(this=left, query=self.subquery())
        self.expect("(")
        items = self.comma_separated(self.expression)
        if len(items) == 1 and self._query_goes_on(items[0]):
            query = self.query_tail(items[0])
            self.expect(")")
            return exp.In(this=left, query=exp.Subquery(this=query))
        self.expect(")")
        return exp.In(this=left, expressions=items)

    def value(self, least: int = 1) -> exp.Expression:
        """Read ``valueExpression``: operators of at least this precedence, left to right."""
        start = self.token
        left = self._unary()
        while True:
            rank, kind = _BINARY.get(self.key, (0, None))
            if kind is None or rank < least:
                return left
            self.take()
            left = self.place(kind(this=left, expression=self.value(rank + 1)), start)

    def _unary(self) -> exp.Expression:
        start = self.token
        if self.accept("-"):
            least = self.key is NUMBER and self.token.text.lstrip("0") == str(_MAX_BIGINT + 1)
            inner = self._number(self.take()) if least else self._unary()
            return self.place(exp.Neg(this=inner), start)
        if self.accept("+"):
            if self.key is not NUMBER:
                raise self.unsupported("unary plus", "leave it out", start)
            return self._unary()
        node = self.primary()
        while self.key == "AT" and self.peek() == "TIME" and self.peek(2) == "ZONE":
            self.expect("AT", "TIME", "ZONE")
            if self.key != "INTERVAL" and self.key is not STRING:
                self.fail("<string>", "INTERVAL")
            zone = self.primary()
            if not isinstance(zone, (exp.Literal, exp.Interval)):
                raise self.unsupported("this time zone", "write it as text", start)
            node = self.place(exp.AtTimeZone(this=node, zone=zone), start)
        return node

    def primary(self) -> exp.Expression:
        """Read one operand with its subscripts and fields."""
        token = self.token
        node = self._operand(token)
        while True:
            if self.accept("["):
                index = self.value()
                self.expect("]")
                node = self.place(exp.Bracket(this=node, expressions=[index]), token)
            elif self.key == "." and self.at_identifier(1):
                self.take()
                node = self.place(_dereference(node, self.identifier()), token)
            else:
                return node

    def _operand(self, token: Token) -> exp.Expression:
        key = token.key
        if key is NUMBER:
            return self._checked_number(token)
        if key is STRING:
            self.take()
            return self.place(exp.Literal(this=token.value, is_string=True), token)
        if key is HEX:
            return self._hex(self.take())
        if key is UNICODE:
            return self.place(self._unicode(), token)
        reader = {"(": self._parenthesis, "[": self.array, "?": self._placeholder}.get(key)
        return self.place(reader(), token) if reader else self.word_operand(token)

    def _placeholder(self) -> exp.Expression:
        self.take()
        self.parameters += 1
        node = exp.Placeholder()
        node.meta["index"] = self.parameters - 1
        return node

    def _checked_number(self, token: Token) -> exp.Expression:
        if token.value.isdigit() and _exceeds_bigint(token.value):
            raise self.error("SYNTAX_ERROR", f"Invalid numeric literal: {token.text}", token)
        return self._number(self.take())

    def _number(self, token: Token) -> exp.Expression:
        return self.place(exp.Literal(this=token.value, is_string=False), token)

    def _unicode(self) -> exp.Expression:
        """Read ``U&'…' [UESCAPE 'c']`` as the text it means."""
        token = self.take()
        escape = "\\"
        if self.accept("UESCAPE"):
            if self.key is not STRING:
                self.fail("<string>")
            escape = self.take().value
        try:
            text = decoded(token.value, escape)
        except ValueError as error:
            raise self.error("SYNTAX_ERROR", str(error), token) from None
        return exp.Literal(this=text, is_string=True)

    def _hex(self, token: Token) -> exp.Expression:
        digits = token.value
        try:
            bytes.fromhex(digits)
        except ValueError:
            message = "Binary literal must contain an even number of hexadecimal digits"
            raise self.error("SYNTAX_ERROR", message, token) from None
        return self.place(exp.HexString(this=digits), token)

    def _parenthesis(self) -> exp.Expression:
        if self.peek() in QUERY_START:
            return self.subquery()
        if self._at_lambda():
            return self.lambda_()
        self.expect("(")
        first = self.expression()
        if self._query_goes_on(first):
            query = self.query_tail(first)
            self.expect(")")
            return exp.Subquery(this=query)
        if self.accept(","):
            items = [first, *self.comma_separated(self.expression)]
            self.expect(")")
            return exp.Tuple(expressions=items)
        self.expect(")")
        return exp.Paren(this=first)

    def _at_lambda(self) -> bool:
        """Whether ``(a, b) ->`` or ``() ->`` begins here."""
        ahead = 1
        if self.peek(ahead) == ")":
            return self.peek(ahead + 1) == "->"
        while self.at_identifier(ahead):
            ahead += 1
            if self.peek(ahead) == ")":
                return self.peek(ahead + 1) == "->"
            if self.peek(ahead) != ",":
                return False
            ahead += 1
        return False

    def _query_goes_on(self, first: exp.Expression) -> bool:
        """Whether ``((query) UNION …`` was meant: the first operand is a bare sub-query."""
        if type(first) is not exp.Subquery:
            return False
        return self.key in QUERY_TAIL or self.key in {"OFFSET", "LIMIT", "FETCH"}

    def subquery(self) -> exp.Subquery:
        """Read ``( query )``."""
        start = self.token
        self.expect("(")
        query = self.query()
        self.expect(")")
        return self.place(exp.Subquery(this=query), start)


def _exceeds_bigint(digits: str) -> bool:
    """Compare without converting thousands of digits."""
    digits = digits.lstrip("0")
    limit = str(_MAX_BIGINT)
    return len(digits) > len(limit) or (len(digits) == len(limit) and digits > limit)


def _dereference(node: exp.Expression, name: exp.Identifier) -> exp.Expression:
    """Append one part: dotted names stay one Column up to four parts, the rest are fields."""
    if isinstance(node, exp.Column):
        parts = [*node.parts, name]
        if len(parts) <= _MAX_PARTS:
            keys = ("this", "table", "db", "catalog")
            return exp.Column(**dict(zip(keys, reversed(parts), strict=False)))
    return exp.Dot(this=node, expression=name)
