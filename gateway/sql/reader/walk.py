"""Walks a whole governed text and finds every relation in it.

A relation is a secured sub-query, a sub-query, a WITH name in scope, UNNEST or VALUES;
there is no other way to a table. Expressions are read as runs of known words, in which
only a bracket before a query opens a new one.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.names import fold
from gateway.sql.reader.blocks import Block
from gateway.sql.reader.runs import QUERY, Runs, Scope
from gateway.sql.reader.secured import PRIVATE, Context, Read, read_secured
from gateway.sql.reader.tokens import UnreadableError
from gateway.sql.reader.words import CLAUSES, JOINS, SET_OPERATIONS

_DEEPEST = 200


class Walk(Runs):
    """One walk; afterwards ``found`` holds all secured sub-queries, ``names`` all other names.

    ``blocks`` holds the SELECT that reads each of them, in the same order.
    """

    def __init__(self, text: str, context: Context, known: Callable[[str], bool]) -> None:
        super().__init__(text, context.engine, known)
        self._context = context
        self._depth = 0
        self.found: list[Read] = []
        self.blocks: list[Block] = []
        self._block = Block()

    def run(self) -> None:
        """Read the whole text; raises UnreadableError."""
        self._query(frozenset())
        self._c.expect("end")

    def _query(self, scope: Scope) -> None:
        self._depth += 1
        brackets, self._brackets = self._brackets, 0
        if self._depth > _DEEPEST:
            raise UnreadableError("queries nested too deep")
        if self._c.take("word", "WITH"):
            scope = self._with(scope)
        self._term(scope)
        self._rest(scope)
        self._depth -= 1
        self._brackets = brackets

    def _rest(self, scope: Scope) -> None:
        """Read what may follow a query's first term."""
        while self._c.peek().kind == "word":
            word = self._c.next().value
            if word in SET_OPERATIONS:
                if self._c.word("ALL", "DISTINCT"):
                    self._c.next()
                if self._engine == "trino":
                    self._c.take("word", "CORRESPONDING")
                self._term(scope)
            elif word == "ORDER":
                self._c.words("BY")
                self._run(scope, ends=CLAUSES)
            elif word in {"LIMIT", "OFFSET"}:
                self._amount()
            elif word == "FETCH" and self._engine == "trino":
                self._c.words("FIRST")
                self._c.expect("number")
                self._c.words("ROWS WITH TIES")
            else:
                raise UnreadableError(f"{word} after a query")

    def _amount(self) -> None:
        if not self._c.take("word", "ALL"):
            self._c.expect("number")
        if self._c.word("ROW", "ROWS"):
            self._c.next()

    def _with(self, scope: Scope) -> Scope:
        recursive = self._c.take("word", "RECURSIVE")
        while True:
            name = self._name()
            if self._c.sign("("):
                self._names()
            self._c.words("AS")
            if self._c.take("word", "NOT"):
                self._c.expect("word", "MATERIALIZED")
            else:
                self._c.take("word", "MATERIALIZED")
            inner = scope | {fold(name)} if recursive else scope
            self._bracketed(inner)
            scope = scope | {fold(name)}
            if not self._c.take("sign", ","):
                return scope

    def _bracketed(self, scope: Scope) -> None:
        self._c.expect("sign", "(")
        self._query(scope)
        self._c.expect("sign", ")")

    def _term(self, scope: Scope) -> None:
        if self._c.sign("("):
            self._bracketed(scope)
        elif self._c.take("word", "VALUES"):
            self._run(scope, ends=CLAUSES)
        else:
            self._select(scope)

    def _select(self, scope: Scope) -> None:
        around, self._block = self._block, Block()
        self._c.expect("word", "SELECT")
        self._run(scope, ends=CLAUSES)
        if self._c.take("word", "FROM"):
            self._relations(scope)
        self._clauses(scope)
        self._block = around

    def _clauses(self, scope: Scope) -> None:
        """Read what follows FROM."""
        if self._c.take("word", "WHERE"):
            self._run(scope, ends=CLAUSES)
        if self._c.take("word", "GROUP"):
            self._c.words("BY")
            if not (self._engine == "trino" and self._c.take("word", "AUTO")):
                self._run(scope, ends=CLAUSES)
        if self._c.take("word", "HAVING"):
            at = self._c.at
            self._run(scope, ends=CLAUSES)
            self._block.having = self._c.since(at)
        if self._c.take("word", "WINDOW"):
            self._run(scope, ends=CLAUSES)

    def _relations(self, scope: Scope) -> None:
        self._relation(scope)
        while True:
            if self._c.take("sign", ","):
                self._relation(scope)
            elif self._c.word(*JOINS):
                self._join(scope)
            else:
                return

    def _join(self, scope: Scope) -> None:
        if self._c.word("INNER", "LEFT", "RIGHT", "FULL", "CROSS"):
            self._c.next()
        self._c.take("word", "OUTER")
        self._c.expect("word", "JOIN")
        self._relation(scope)
        if self._c.take("word", "ON"):
            self._run(scope, ends=CLAUSES | JOINS, comma=True)
        elif self._c.take("word", "USING"):
            self._names()

    def _relation(self, scope: Scope) -> None:
        self._block.relations += 1
        if self._c.sign("("):
            self._opened(scope)
        elif self._c.take("word", "UNNEST"):
            self._c.expect("sign", "(")
            self._run(scope, ends=frozenset())
            self._c.expect("sign", ")")
            if self._c.take("word", "WITH"):
                self._c.expect("word", "ORDINALITY")
        elif self._c.take("word", "LATERAL"):
            self._bracketed(scope)
        elif fold(self._name()) not in scope or self._c.sign(".") or self._c.sign("("):
            raise UnreadableError("a relation that is neither secured nor named by WITH")
        self._alias()
        self._sample()

    def _sample(self) -> None:
        if self._engine == "trino" and self._c.take("word", "TABLESAMPLE"):
            self._c.expect("word", "SYSTEM" if self._c.word("SYSTEM") else "BERNOULLI")
            self._c.expect("sign", "(")
            self._c.expect("number")
            self._c.expect("sign", ")")

    def _opened(self, scope: Scope) -> None:
        """Read a relation in brackets: secured, a query, or joined relations."""
        if self._secured():
            self.found.append(read_secured(self._c, self._context, self._body))
            self.blocks.append(self._block)
            self._scan_alias()
            self._block.alias = self._c.peek(1).value
        elif self._c.word(*QUERY, ahead=1) or self._begins_query():
            self._bracketed(scope)
        else:
            self._c.expect("sign", "(")
            self._relations(scope)
            self._c.expect("sign", ")")

    def _body(self) -> None:
        """Read a view's query: no WITH name of the statement is known in there."""
        self._query(frozenset())

    def _scan_alias(self) -> None:
        """A secured sub-query has one plain alias: a column list could swap its columns."""
        if not self._c.word("AS") or self._c.peek(1).kind != "name" or self._c.sign("(", 2):
            raise UnreadableError("a secured sub-query without a plain alias")

    def _secured(self) -> bool:
        """Whether the bracket's own FROM names something under a private alias."""
        depth, ahead = 0, 0
        while True:
            token = self._c.peek(ahead)
            if token.kind == "end":
                return False
            if token.kind == "sign" and token.value in "()":
                depth += 1 if token.value == "(" else -1
                if depth == 0:
                    return False
            if depth == 1 and token == ("word", "FROM"):
                return self._private_after(ahead + 1)
            ahead += 1

    def _private_after(self, ahead: int) -> bool:
        if self._sign_at(ahead) == "(":
            ahead = self._past_bracket(ahead)
            if not self._view_before(ahead):
                return False
        while self._c.peek(ahead).kind == "name":
            ahead += 1
            if not self._c.sign(".", ahead):
                break
            ahead += 1
        if self._c.word("FOR", ahead=ahead):
            ahead += 6 if self._c.word("TIMESTAMP", ahead=ahead + 1) else 5
        alias = self._c.peek(ahead + 1)
        named = self._c.word("AS", ahead=ahead) and alias.kind == "name"
        return named and PRIVATE.fullmatch(alias.value) is not None

    def _past_bracket(self, ahead: int) -> int:
        """Where the bracket that opens here has closed."""
        depth = 0
        while self._c.peek(ahead).kind != "end":
            depth += {"(": 1, ")": -1}.get(self._sign_at(ahead), 0)
            ahead += 1
            if depth == 0:
                break
        return ahead

    def _view_before(self, ahead: int) -> bool:
        """Whether what closed before here ends like a view: ``… AS "$g:name" (…))``."""
        ahead -= 2
        while self._c.peek(ahead).kind == "name" or self._sign_at(ahead) in {")", ","}:
            ahead -= 1
        named = self._c.peek(ahead - 1)
        opened = self._sign_at(ahead) == "(" and named.kind == "name"
        private, colon, _ = named.value.partition(":")
        return opened and bool(colon) and PRIVATE.fullmatch(private) is not None

    def _begins_query(self) -> bool:
        """Whether ``((…`` opens a query rather than joined relations."""
        ahead, depth = 0, 0
        while self._c.sign("(", ahead):
            ahead += 1
        if not self._c.word(*QUERY, ahead=ahead):
            return False
        opened, depth = ahead, ahead
        while depth >= opened and self._c.peek(ahead).kind != "end":
            depth += {"(": 1, ")": -1}.get(self._sign_at(ahead), 0)
            ahead += 1
        return self._c.word(*SET_OPERATIONS, "ORDER", "LIMIT", "OFFSET", "FETCH", ahead=ahead) or (
            self._c.sign(")", ahead)
        )

    def _sign_at(self, ahead: int) -> str:
        token = self._c.peek(ahead)
        return token.value if token.kind == "sign" else ""

    def _alias(self) -> None:
        if self._c.take("word", "AS") or self._c.peek().kind == "name":
            self._name()
            if self._c.sign("("):
                self._names()
