"""Words that begin an operand: calls, windows, casts, literals and special syntax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp

from gateway.sql.cursor import RESERVED
from gateway.sql.jsonforms import JsonGrammar
from gateway.sql.lex import NUMBER, STRING, Token
from gateway.sql.sessionfns import MAX_DIGITS, PRECISE_TYPES
from gateway.sql.typenames import data_type

_KEYWORD_VALUES = frozenset(
    ["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"]
)
_KEYWORD_NAMES = frozenset(["CURRENT_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA"])
_UNITS = frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
_FIELDS = _UNITS | frozenset(
    """
    QUARTER WEEK DAY_OF_MONTH DAY_OF_WEEK DOW DAY_OF_YEAR DOY YEAR_OF_WEEK YOW TIMEZONE_HOUR
    TIMEZONE_MINUTE
    """.split()  # noqa: SIM905 - a word list reads better as words
)
_FORMS = frozenset({"NFD", "NFC", "NFKD", "NFKC"})
_LITERAL_TYPES = {
    **{
        word: word
        for word in """
        bigint boolean char date decimal double integer json real smallint time timestamp tinyint
        uuid varchar varbinary
        """.split()  # noqa: SIM905 - a word list reads better as words
    },
    "int": "integer",
}


class CallGrammar(JsonGrammar):
    """Reads operands that begin with a word or a quoted name."""

    def word_operand(self, token: Token) -> exp.Expression:
        """Read the operand a word begins."""
        special = self._SPECIAL.get(token.key)
        if special is not None:
            node = special(self)
            if node is not None:
                return self.place(node, token)
        if token.key == "CURRENT_PATH":
            raise self.unsupported("CURRENT_PATH", "functions are built in")
        if token.key == "JSON_TABLE":
            raise self.unsupported("JSON_TABLE", "use JSON_QUERY and UNNEST")
        if token.key in RESERVED or not self.at_identifier():
            self.fail("<expression>")
        following = self.peek()
        if following is STRING:
            return self._typed_literal()
        if following == "->":
            return self.place(self.lambda_(), token)
        if following == "(":
            return self.call(token)
        if following == "OVER" and (self.peek(2) == "(" or self.at_identifier(2)):
            raise self.unsupported("a measure over a window", "call a window function", token)
        self._refuse_qualified_call(token)
        return self.place(exp.Column(this=self.identifier()), token)

    def _refuse_qualified_call(self, token: Token) -> None:
        ahead = 1
        while self.peek(ahead) == "." and self.at_identifier(ahead + 1):
            ahead += 2
        if ahead > 1 and self.peek(ahead) == "(":
            raise self.unsupported("a qualified function call", "write the name alone", token)

    def _typed_literal(self) -> exp.Expression:
        token = self.token
        word = self.identifier().this.lower()
        if word not in _LITERAL_TYPES:
            raise self.error("TYPE_NOT_FOUND", f"Unknown type: {word}", token)
        return self._literal_of(_LITERAL_TYPES[word], token)

    def _literal_of(self, kind: str, token: Token) -> exp.Expression:
        text = self.take()
        value = self.place(exp.Literal(this=text.value, is_string=True), text)
        node = exp.Cast(this=value, to=data_type(kind))
        node.meta["typed_literal"] = True
        return self.place(node, token)

    def lambda_(self) -> exp.Expression:
        """Read ``x -> body`` or ``(x, y) -> body``."""
        if self.accept("("):
            names = [] if self.key == ")" else self.comma_separated(self.identifier)
            self.expect(")")
        else:
            names = [self.identifier()]
        self.expect("->")
        return exp.Lambda(this=self.expression(), expressions=names)

    def _double(self) -> exp.Expression | None:
        if self.peek() != "PRECISION" or self.peek(2) is not STRING:
            return None
        token = self.take()
        self.take()
        return self._literal_of("double", token)

    def _boolean(self) -> exp.Expression:
        return exp.Boolean(this=self.take().key == "TRUE")

    def _null(self) -> exp.Expression:
        self.take()
        return exp.Null()

    def _case(self) -> exp.Expression:
        self.take()
        operand = None if self.key == "WHEN" else self.expression()
        branches = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append(exp.If(this=condition, true=self.expression()))
        if not branches:
            self.fail("WHEN")
        default = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return exp.Case(this=operand, ifs=branches, default=default)

    def _if(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        arguments = self._arguments(2, 3)
        default = arguments[2] if arguments[2:] else None
        return exp.Case(ifs=[exp.If(this=arguments[0], true=arguments[1])], default=default)

    def _coalesce(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        arguments = self._arguments(2, None)
        return exp.Coalesce(this=arguments[0], expressions=arguments[1:])

    def _nullif(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        arguments = self._arguments(2, 2)
        return exp.Nullif(this=arguments[0], expression=arguments[1])

    def _arguments(self, least: int, most: int | None) -> list[exp.Expression]:
        token = self.take()
        self.expect("(")
        found = self.comma_separated(self.expression)
        self.expect(")")
        if len(found) < least or (most is not None and len(found) > most):
            message = f"Invalid number of arguments for '{token.text.lower()}' function"
            raise self.error("SYNTAX_ERROR", message, token)
        return found

    def _cast(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        kind = exp.Cast if self.take().key == "CAST" else exp.TryCast
        self.expect("(")
        value = self.expression()
        self.expect("AS")
        to = self.type_name()
        self.expect(")")
        return kind(this=value, to=to)

    def _extract(self) -> exp.Expression:
        self.take()
        self.expect("(")
        field = self.take()
        if field.key not in _FIELDS:
            raise self.error("SYNTAX_ERROR", f"Invalid EXTRACT field: {field.text}", field)
        self.expect("FROM")
        value = self.value()
        self.expect(")")
        return exp.Extract(this=exp.Var(this=field.key), expression=value)

    def _interval(self) -> exp.Expression | None:
        signed = self.peek() in {"+", "-"} and self.peek(2) is STRING
        if not signed and (self.peek() is not STRING or self.peek(2) not in _UNITS):
            return None
        self.take()
        negative = signed and self.take().key == "-"
        text = exp.Literal(this=self.take().value, is_string=True)
        unit: exp.Expression = self._unit()
        if self.key == "TO" and self.peek() in _UNITS:
            self.take()
            unit = exp.IntervalSpan(this=unit, expression=self._unit())
        node = exp.Interval(this=text, unit=unit)
        return exp.Neg(this=node) if negative else node

    def _unit(self) -> exp.Var:
        if self.key not in _UNITS:
            self.fail(*sorted(_UNITS))
        return exp.Var(this=self.take().key)

    def _array(self) -> exp.Expression | None:
        if self.peek() != "[":
            return None
        self.take()
        return self.array()

    def array(self) -> exp.Array:
        """Read ``[ … ]`` where an operand begins."""
        self.expect("[")
        items = [] if self.key == "]" else self.comma_separated(self.expression)
        self.expect("]")
        return exp.Array(expressions=items)

    def _row(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        token = self.take()
        self.take()
        if self.key == ")":
            raise self.unsupported("an empty row", "write at least one value", token)
        items = self.comma_separated(self.expression)
        if self.key == "AS" or self.at_identifier():
            raise self.unsupported("a row with field names", "cast it: CAST(ROW(…) AS ROW(a …))")
        self.expect(")")
        node = exp.Tuple(expressions=items)
        node.meta["row"] = True
        return node

    def _exists(self) -> exp.Expression:
        self.take()
        self.expect("(")
        query = self.query()
        self.expect(")")
        return exp.Exists(this=query)

    def _substring(self) -> exp.Expression | None:
        """``SUBSTRING(x FROM a FOR b)``; with commas it is an ordinary call."""
        if self.peek() != "(":
            return None
        token = self.take()
        self.expect("(")
        arguments = [self.expression()]
        if self.accept("FROM"):
            arguments.append(self.value())
            if self.accept("FOR"):
                arguments.append(self.value())
            self.expect(")")
            return exp.Anonymous(this="substr", expressions=arguments)
        while self.accept(","):
            arguments.append(self.expression())
        self.expect(")")
        return exp.Anonymous(this=token.text, expressions=arguments)

    def _position(self) -> exp.Expression | None:
        if self.peek() != "(":
            return None
        self.take()
        self.take()
        needle = self.value()
        self.expect("IN")
        hay = self.value()
        self.expect(")")
        return exp.Anonymous(this="strpos", expressions=[hay, needle])

    def _trim(self) -> exp.Expression:
        """``TRIM([LEADING | TRAILING | BOTH] [chars] FROM x)``, ``TRIM(x [, chars])``."""
        self.take()
        self.expect("(")
        names = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}
        side = self.key if self.key in names and self.peek() not in {",", ")", "."} else None
        if side:
            self.take()
        name = names[side] if side else "trim"
        first = None if side and self.key == "FROM" else self.value()
        if self.accept("FROM"):
            source = self.value()
            arguments = [source] if first is None else [source, first]
        elif side or first is None:
            self.fail("FROM")
        else:
            arguments = [first, self.value()] if self.accept(",") else [first]
        self.expect(")")
        return exp.Anonymous(this=name, expressions=arguments)

    def _normalize(self) -> exp.Expression:
        self.take()
        self.expect("(")
        arguments = [self.value()]
        form = "NFC"
        if self.accept(","):
            if self.key not in _FORMS:
                self.fail(*sorted(_FORMS))
            form = self.take().key
        self.expect(")")
        arguments.append(exp.Literal(this=form, is_string=True))
        return exp.Anonymous(this="normalize", expressions=arguments)

    def _keyword_value(self) -> exp.Expression:
        token = self.take()
        arguments: list[exp.Expression] = []
        if token.key in _KEYWORD_VALUES - {"CURRENT_DATE"} and self.accept("("):
            digits = self.take()
            if digits.key is not NUMBER or not digits.value.isdigit():
                raise self.error("SYNTAX_ERROR", "precision must be a whole number", digits)
            self._check_digits(token, digits.value)
            arguments = [exp.Literal(this=str(int(digits.value)), is_string=False)]
            self.expect(")")
        node = exp.Anonymous(this=token.text.lower(), expressions=arguments)
        node.meta["keyword"] = True
        return node

    def _check_digits(self, token: Token, digits: str) -> None:
        shown = digits.lstrip("0") or "0"
        if len(shown) > len(str(MAX_DIGITS)) or int(shown) > MAX_DIGITS:
            kind = PRECISE_TYPES[token.text.lower()]
            message = f"{kind} precision must be in range [0, {MAX_DIGITS}]: {shown}"
            raise self.error("NUMERIC_VALUE_OUT_OF_RANGE", message, token)

    def _grouping(self) -> exp.Expression:
        token = self.take()
        self.expect("(")
        items = self.comma_separated(self.expression)
        if not all(isinstance(item, exp.Column) for item in items):
            raise self.mismatch("'.'")
        self.expect(")")
        return exp.Anonymous(this=token.text, expressions=items)

    def _listagg(self) -> exp.Expression:
        return self.call(self.token)

    _SPECIAL: ClassVar[dict[str, Callable[[Any], exp.Expression | None]]] = {
        "TRUE": _boolean,
        "FALSE": _boolean,
        "NULL": _null,
        "CASE": _case,
        "IF": _if,
        "COALESCE": _coalesce,
        "NULLIF": _nullif,
        "CAST": _cast,
        "TRY_CAST": _cast,
        "EXTRACT": _extract,
        "INTERVAL": _interval,
        "ARRAY": _array,
        "ROW": _row,
        "EXISTS": _exists,
        "SUBSTRING": _substring,
        "POSITION": _position,
        "TRIM": _trim,
        "NORMALIZE": _normalize,
        "GROUPING": _grouping,
        "LISTAGG": _listagg,
        "DOUBLE": _double,
        "JSON_ARRAY": JsonGrammar.json_array,
        "JSON_EXISTS": JsonGrammar.json_exists,
        "JSON_OBJECT": JsonGrammar.json_object,
        "JSON_QUERY": JsonGrammar.json_query,
        "JSON_VALUE": JsonGrammar.json_value,
        **dict.fromkeys(_KEYWORD_VALUES | _KEYWORD_NAMES, _keyword_value),
    }
