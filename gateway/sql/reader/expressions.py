"""The small language inside secured sub-queries, as plain tuples.

``("col", alias, name)``, ``("text", v)``, ``("number", v)``, ``("word", "NULL"|"TRUE"|
"FALSE")``, ``("typed", TYPE, text)``, ``("call", name, *args)``, ``("udf", name, *args)``,
``("cast", e, type)``, ``("try", e)``, ``("coalesce", *args)``, ``("key", id)``,
``("op", sign, a, b)``, ``("and" | "or", *parts)``, ``("not", e)``, ``("in" | "not in", e,
*values)``, ``("null" | "not null", e)``, ``("like", e, pattern)``, ``("case", *whens)``
with ``("when", c, v)`` and ``("else", v)``; ``("hole", name)`` in patterns only.
Brackets are not kept: a tree has one reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.sql.reader.tokens import Cursor, UnreadableError, tokens

Tree = tuple[Any, ...]
_TYPED = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "REAL",
        "DOUBLE",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "UUID",
    ]
)
_COMPARE = frozenset({"=", "<>", "<", "<=", ">", ">="})
_KEY_TABLE = ["gov", "gw", "keys"]


class Expressions:
    """Reads one expression at a cursor, for one engine."""

    def __init__(self, cursor: Cursor, engine: str) -> None:
        self._c = cursor
        self._engine = engine

    def read(self) -> Tree:
        """Read one whole expression."""
        return self._chain("OR", lambda: self._chain("AND", self._negated))

    def _chain(self, word: str, part: Callable[[], Tree]) -> Tree:
        parts = [part()]
        while self._c.take("word", word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else (word.lower(), *parts)

    def _negated(self) -> Tree:
        if self._c.take("word", "NOT"):
            return ("not", self._negated())
        return self._compared()

    def _compared(self) -> Tree:
        left = self._sum()
        token = self._c.peek()
        if token.kind == "sign" and token.value in _COMPARE:
            self._c.next()
            return ("op", token.value, left, self._sum())
        if self._c.take("word", "IS"):
            negated = self._c.take("word", "NOT")
            self._c.expect("word", "NULL")
            return ("not null" if negated else "null", left)
        if self._c.word("NOT") and self._c.word("IN", ahead=1):
            self._c.next()
        elif not self._c.word("IN", "LIKE"):
            return left
        return self._listed(left)

    def _listed(self, left: Tree) -> Tree:
        negated = self._c.peek(-1) == ("word", "NOT")
        if self._c.take("word", "LIKE"):
            pattern = self._c.expect("text")
            self._c.expect("word", "ESCAPE")
            self._c.expect("text", "!")
            return ("like", left, pattern)
        self._c.expect("word", "IN")
        return ("not in" if negated else "in", left, *self._arguments())

    def _sum(self) -> Tree:
        left = self._product()
        while self._c.peek().kind == "sign" and self._c.peek().value in {"+", "-", "||"}:
            sign = self._c.next().value
            left = ("op", sign, left, self._product())
        return left

    def _product(self) -> Tree:
        left = self._single()
        while self._c.peek().kind == "sign" and self._c.peek().value in {"*", "/", "%"}:
            sign = self._c.next().value
            left = ("op", sign, left, self._single())
        return left

    def _single(self) -> Tree:
        token = self._c.next()
        if token.kind in {"text", "number"}:
            return (token.kind, token.value)
        if token.kind == "hole":
            return ("hole", token.value[1:])
        if token == ("sign", "("):
            inner = self._key() if self._c.word("SELECT") else self.read()
            self._c.expect("sign", ")")
            return inner
        if token.kind == "name":
            return self._named(token.value)
        if token.kind == "word":
            return self._worded(token.value)
        raise UnreadableError(f"unexpected {token.value or token.kind}")

    def _named(self, first: str) -> Tree:
        if self._c.sign("("):
            return ("udf", first, *self._arguments())
        self._c.expect("sign", ".")
        second = self._c.expect("name")
        if not self._c.sign("."):
            return ("col", first, second)
        if (first, second) != ("system", "builtin") or self._engine != "trino":
            raise UnreadableError("a name of three parts")
        self._c.expect("sign", ".")
        return ("call", self._c.expect("word").lower(), *self._arguments())

    def _worded(self, word: str) -> Tree:
        if word in {"NULL", "TRUE", "FALSE"}:
            return ("word", word)
        if word in _TYPED and self._c.peek().kind == "text":
            return ("typed", word, self._c.next().value)
        if word == "CASE":
            return self._case()
        if word == "CAST":
            return self._cast()
        if word in {"TRY", "COALESCE"}:
            return (word.lower(), *self._arguments())
        if self._engine == "trino":
            raise UnreadableError(f"{word} is not called by its full name")
        return ("call", word.lower(), *self._arguments())

    def _arguments(self) -> list[Tree]:
        self._c.expect("sign", "(")
        found: list[Tree] = []
        if self._c.take("sign", ")"):
            return found
        while True:
            found.append(self.read())
            if self._c.take("sign", ")"):
                return found
            self._c.expect("sign", ",")

    def _case(self) -> Tree:
        parts: list[Tree] = []
        while self._c.take("word", "WHEN"):
            condition = self.read()
            self._c.expect("word", "THEN")
            parts.append(("when", condition, self.read()))
        if self._c.take("word", "ELSE"):
            parts.append(("else", self.read()))
        self._c.expect("word", "END")
        return ("case", *parts)

    def _cast(self) -> Tree:
        self._c.expect("sign", "(")
        inner = self.read()
        self._c.expect("word", "AS")
        written = self._type()
        self._c.expect("sign", ")")
        return ("cast", inner, written)

    def _type(self) -> str:
        """Read a type up to the bracket that closes the cast, in one spelling."""
        if self._c.peek().kind == "hole":
            return self._c.next().value
        parts: list[str] = []
        depth = 0
        while depth or not self._c.sign(")"):
            token = self._c.next()
            depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "sign" else 0
            if token.kind not in {"word", "name", "number", "sign"} or len(parts) > _MAX_TYPE:
                raise UnreadableError("a type that cannot be read")
            parts.append(f'"{token.value}"' if token.kind == "name" else token.value)
        return " ".join(parts)

    def _key(self) -> Tree:
        """Read the one sub-query allowed here: a key by its id."""
        self._c.words("SELECT")
        if self._engine != "trino" or self._column("$k") != "k":
            raise UnreadableError("a sub-query that does not read a key")
        self._c.words("FROM")
        table = [self._c.expect("name")]
        while self._c.take("sign", "."):
            table.append(self._c.expect("name"))
        self._c.words("AS")
        self._c.expect("name", "$k")
        self._c.words("WHERE")
        if table != _KEY_TABLE or self._column("$k") != "id":
            raise UnreadableError("a sub-query that does not read a key")
        self._c.expect("sign", "=")
        return ("key", self._c.expect("text"))

    def _column(self, alias: str) -> str:
        self._c.expect("name", alias)
        self._c.expect("sign", ".")
        return self._c.expect("name")


_MAX_TYPE = 2000


def parse(text: str, engine: str) -> Tree:
    """Read a pattern: an expression with ``:x`` holes and Trino's calls unqualified."""
    cursor = Cursor(tokens(text, holes=True))
    tree = Expressions(cursor, "pattern" if engine == "trino" else engine).read()
    cursor.expect("end")
    return tree


def type_text(text: str) -> str:
    """Bring a type's spelling into the form ``CAST`` is read in."""
    parts = (f'"{t.value}"' if t.kind == "name" else t.value for t in tokens(text))
    return " ".join(parts)
