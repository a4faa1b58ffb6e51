"""Runs of expressions: known words, names and signs, in which only a bracket opens a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from gateway.sql.reader.tokens import Cursor, UnreadableError, tokens
from gateway.sql.reader.types import read_type
from gateway.sql.reader.words import (
    EXPRESSION,
    JSON_CALLS,
    JSON_WORDS,
    SET_OPERATIONS,
    SYNTAX_CALLS,
    TYPES,
)

Scope = frozenset[str]
QUERY = ("SELECT", "WITH", "VALUES")
_FROM_CALLS = frozenset({"EXTRACT", "TRIM", "SUBSTRING"})
_NEVER = frozenset({"?", "@", "=>", "{", "}"})
_NOT_TRINO = _NEVER | {":", "::", "//", "&", "|", "^", "~"}


class Runs(ABC):
    """Reads expressions at a cursor; ``names`` holds every name outside secured sub-queries."""

    def __init__(self, text: str, engine: str, known: Callable[[str], bool]) -> None:
        self._c = Cursor(tokens(text))
        self._engine = engine
        self._known = known
        self._strange = _NOT_TRINO if engine == "trino" else _NEVER
        self._brackets = 0
        self.names: set[str] = set()

    @abstractmethod
    def _query(self, scope: Scope) -> None:
        """Read one query."""

    @abstractmethod
    def _rest(self, scope: Scope) -> None:
        """Read what may follow a query's first term."""

    def _names(self) -> None:
        self._c.expect("sign", "(")
        self._name()
        while self._c.take("sign", ","):
            self._name()
        self._c.expect("sign", ")")

    def _name(self) -> str:
        if self._own(self._c.peek().value) and self._c.peek().kind == "word":
            return self._c.next().value
        name = self._c.expect("name")
        self.names.add(name)
        return name

    def _own(self, word: str) -> bool:
        """Whether a bare word is a name the DuckDB translation made up itself."""
        return self._engine == "duckdb" and word.startswith("MG_")

    def _run(self, scope: Scope, *, ends: frozenset[str], comma: bool = False) -> None:
        """Read expressions up to a clause, a set operation, a closing bracket or the end.

        ``comma`` ends at one that stands in no bracket, as between relations.
        """
        while True:
            token = self._c.peek()
            closed = token.kind == "sign" and token.value in {")", "]"}
            if token.kind == "end" or closed or (comma and token == ("sign", ",")):
                return
            if token.kind == "word" and self._ends(token.value, ends):
                return
            self._step(scope)

    def _ends(self, word: str, ends: frozenset[str]) -> bool:
        """Whether a word ends a run; some clause words also stand inside expressions."""
        if word == "FROM" and self._distinct_from():
            return False
        if word == "GROUP" and self._c.word("WITHIN", ahead=-1):
            return False
        if word in {"LEFT", "RIGHT"} and self._c.sign("(", 1):
            return False
        return word in ends or (bool(ends) and word in SET_OPERATIONS)

    def _distinct_from(self, at: int = 0) -> bool:
        return self._c.word("DISTINCT", ahead=at - 1) and self._c.word("IS", "NOT", ahead=at - 2)

    def _step(self, scope: Scope) -> None:
        token = self._c.next()
        if token.kind == "name":
            self.names.add(token.value)
            called = self._c.sign(".") and self._c.peek(1).kind == "word" and self._c.sign("(", 2)
            if self._c.sign("(") or called:
                raise UnreadableError("a call by a quoted name outside secured sub-queries")
        elif token.kind == "word":
            self._word(token.value)
        elif token == ("sign", "("):
            self._bracket(scope)
        elif token == ("sign", "["):
            self._brackets += 1
            self._run(scope, ends=frozenset())
            self._brackets -= 1
            self._c.expect("sign", "]")
        elif token.kind == "escaped" and self._engine == "trino":
            raise UnreadableError("a text with escapes")
        elif token.kind == "sign" and token.value in self._strange:
            raise UnreadableError(f"{token.value} in an expression")

    def _bracket(self, scope: Scope) -> None:
        before = self._c.peek(-2)
        self._brackets += 1
        if self._c.word(*QUERY):
            self._query(scope)
        elif before.kind == "word" and before.value in {"CAST", "TRY_CAST"}:
            self._run(scope, ends=frozenset({"AS"}))
            self._c.words("AS")
            read_type(self._c, self._engine)
        elif before.kind == "word" and before.value in _FROM_CALLS:
            self._run(scope, ends=frozenset({"FROM"}))
            self._c.take("word", "FROM")
            self._run(scope, ends=frozenset())
        elif self._json_call(before.value) and before.kind == "word":
            self._json(scope)
        elif before == ("word", "LISTAGG"):
            self._run(scope, ends=frozenset({"ON"}))
            self._overflow()
        else:
            self._inside(scope)
        self._brackets -= 1
        self._c.expect("sign", ")")

    def _json_call(self, word: str) -> bool:
        return self._engine == "trino" and word in JSON_CALLS

    def _json(self, scope: Scope) -> None:
        """Read expressions between the words of SQL/JSON; AS has a name, RETURNING a type."""
        while not self._c.sign(")"):
            self._run(scope, ends=JSON_WORDS)
            if self._c.sign(")"):
                return
            word = self._c.expect("word")
            if word not in JSON_WORDS:
                raise UnreadableError(f"{word} in a JSON function")
            if word == "AS":
                self._name()
            elif word == "RETURNING":
                read_type(self._c, self._engine, JSON_WORDS | {"NULL"})

    def _overflow(self) -> None:
        """Read what may end the arguments of LISTAGG."""
        if self._c.word("ON"):
            self._c.words("ON OVERFLOW TRUNCATE")
            if self._c.peek().kind == "text":
                self._c.next()
            self._c.expect("word", "WITH" if self._c.word("WITH") else "WITHOUT")
            self._c.expect("word", "COUNT")

    def _inside(self, scope: Scope) -> None:
        """Read a bracket's expressions, or a set operation of bracketed queries."""
        self._run(scope, ends=frozenset({"LIMIT", "OFFSET", "FETCH"}))
        if self._c.word("UNION", "INTERSECT", "EXCEPT", "LIMIT", "OFFSET", "FETCH"):
            self._rest(scope)

    def _word(self, word: str) -> None:
        called = self._c.sign("(")
        if word == "FROM" and self._distinct_from(-1):
            return
        if self._own(word) and (not called or word.startswith("MG_M_")):
            return
        if word == "AS":
            self._as(called=called)
            return
        if self._engine == "duckdb" and not called and self._field():
            return
        if called and self._json_call(word):
            return
        if called and (word in SYNTAX_CALLS or word in TYPES or self._known(word.lower())):
            return
        if called or word not in EXPRESSION:
            raise UnreadableError(f"{word} is not known here")

    def _field(self) -> bool:
        """Whether the word names a struct's field: ``word :=`` or ``.word``."""
        return self._c.sign(".", -2) or (self._c.sign(":") and self._c.sign("=", 1))

    def _as(self, *, called: bool) -> None:
        """An alias in a select list, or the definition of a named window."""
        named = self._c.peek().kind == "name" or self._own(self._c.peek().value)
        if self._brackets or not (named or called):
            raise UnreadableError("AS where no name follows or none can stand")
