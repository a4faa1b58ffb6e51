"""Type names in casts: read to Trino's own spelling."""

from __future__ import annotations

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.cursor import Cursor
from gateway.sql.lex import NUMBER, Token

_ZONED = frozenset({"TIMESTAMP", "TIME"})


class TypeGrammar(Cursor):
    """Reads ``type`` of Trino's grammar."""

    def type_name(self) -> exp.DataType:
        """Read one type; unknown ones raise TYPE_NOT_FOUND."""
        start = self.token
        text = self._type_text()
        try:
            spelled = DataType.parse(text).compact()
        except ValueError:
            raise self.error("TYPE_NOT_FOUND", f"Unknown type: {text}", start) from None
        return data_type(spelled)

    def _type_text(self) -> str:
        if self.key == "INTERVAL":
            return self._interval_type()
        if not self.at_identifier():
            self.fail("<type>")
        word = self.take()
        name = word.text
        if word.key == "DOUBLE" and self.accept("PRECISION"):
            return "double"
        if self.accept("("):
            read = self._field if word.key == "ROW" else self._parameter
            name += "(" + ",".join(self.comma_separated(read)) + ")"
            self.expect(")")
        return name + self._zone(word)

    def _interval_type(self) -> str:
        self.take()
        start = self.take()
        self.expect("TO")
        return f"interval {start.text} to {self.take().text}"

    def _zone(self, word: Token) -> str:
        if word.key in _ZONED:
            if self.accept("WITH", "TIME", "ZONE"):
                return " with time zone"
            self.accept("WITHOUT", "TIME", "ZONE")
        return ""

    def _parameter(self) -> str:
        return self.take().text if self.key is NUMBER else self._type_text()

    def _field(self) -> str:
        """Read ``name type`` or ``type``: a name is an identifier before another one."""
        zoned = self.key in _ZONED and self.peek() in {"WITH", "WITHOUT"}
        double = self.key == "DOUBLE" and self.peek() == "PRECISION"
        named = self.at_identifier() and (self.at_identifier(1) or self.peek() == "INTERVAL")
        if named and not zoned and not double:
            return f"{self.take().text} {self._type_text()}"
        return self._type_text()


def data_type(text: str) -> exp.DataType:
    """Build the node of a type from Trino's spelling."""
    return exp.DataType(this=exp.DType.USERDEFINED, kind=text)
