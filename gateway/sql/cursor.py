"""A cursor over tokens: what every grammar here moves with, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql.lex import END, QUOTED, Token

RESERVED = frozenset(
    """
    ALTER AND AS AUTO BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE
    CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER
    DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE END ESCAPE EXCEPT EXISTS EXTRACT FALSE
    FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN JSON_ARRAY
    JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LEFT LIKE LISTAGG LOCALTIME
    LOCALTIMESTAMP NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP
    SELECT SKIP TABLE THEN TRIM TRUE UESCAPE UNION UNNEST USING VALUES WHEN WHERE WITH
    """.split()  # noqa: SIM905 - a word list reads better as words
)

T = TypeVar("T")
Node = TypeVar("Node", bound=exp.Expression)


class Cursor:
    """Reads tokens left to right; never goes back."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        last = tokens[-1] if tokens else Token(END, END, 0, 0, 1, 1)
        width = len(last.text) if tokens else 0
        end = Token(END, END, last.end, last.end, last.line, last.column + width)
        self._tokens = (*tokens, end, end, end)
        self._at = 0
        self._keys = [token.key for token in self._tokens]

    @property
    def token(self) -> Token:
        """The next token; ``END`` behind the last."""
        return self._tokens[self._at]

    @property
    def key(self) -> str:
        """The next token's key."""
        return self._keys[self._at]

    def peek(self, ahead: int = 1) -> str:
        """Return the key so many tokens further on."""
        at = self._at + ahead
        return self._keys[at] if at < len(self._keys) else END

    def take(self) -> Token:
        """Return the next token and move on."""
        token = self._tokens[self._at]
        if token.key is not END:
            self._at += 1
        return token

    def accept(self, *keys: str) -> bool:
        """Move over exactly these keys, or not at all."""
        at = self._at
        for offset, key in enumerate(keys):
            if self._keys[at + offset] != key:
                return False
        self._at = at + len(keys)
        return True

    def expect(self, *keys: str) -> None:
        """Move over exactly these keys, or fail."""
        for key in keys:
            if self._keys[self._at] != key:
                self.fail(key if key.isalpha() else f"'{key}'")
            self._at += 1

    def at_identifier(self, ahead: int = 0) -> bool:
        """Whether an identifier stands here: quoted, or a word that is not reserved."""
        token = self._tokens[min(self._at + ahead, len(self._tokens) - 1)]
        return token.key is QUOTED or (token.is_word and token.key not in RESERVED)

    def identifier(self) -> exp.Identifier:
        """Read one identifier."""
        if not self.at_identifier():
            self.fail("<identifier>")
        token = self.take()
        if token.key is QUOTED:
            if not token.value:
                message = "Zero-length delimited identifier not allowed"
                raise self.error("SYNTAX_ERROR", message, token)
            return exp.Identifier(this=token.value, quoted=True)
        return exp.Identifier(this=token.text, quoted=False)

    def comma_separated(self, read: Callable[[], T]) -> list[T]:
        """Read one or more, separated by commas."""
        found = [read()]
        while self.accept(","):
            found.append(read())
        return found

    def place(self, node: Node, token: Token) -> Node:
        """Note where a node begins in the user's text."""
        node.meta["at"] = (token.line, token.column)
        return node

    def finish(self) -> None:
        """Fail unless every token was read."""
        if self.key is not END:
            self.fail("<EOF>")

    def fail(self, *expected: str) -> NoReturn:
        """Raise SYNTAX_ERROR about the next token in Trino's words."""
        raise self.mismatch(*expected)

    def mismatch(self, *expected: str) -> MeshgateError:
        """Build SYNTAX_ERROR about the next token in Trino's words."""
        wanted = ", ".join(expected)
        text = self.token.text
        return self.error("SYNTAX_ERROR", f"mismatched input '{text}'. Expecting: {wanted}")

    def unsupported(self, what: str, advice: str, token: Token | None = None) -> MeshgateError:
        """Build NOT_SUPPORTED for Trino syntax that is not governed here."""
        return self.error("NOT_SUPPORTED", f"{what} is not supported: {advice}", token)

    def error(self, name: str, message: str, token: Token | None = None) -> MeshgateError:
        """Build an error placed at a token (default: the next one)."""
        token = token or self.token
        return MeshgateError(
            name,
            f"line {token.line}:{token.column}: {message}",
            line=token.line,
            column=token.column,
        )
