"""SQL/JSON of Trino's grammar: JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT, JSON_ARRAY."""

from __future__ import annotations

from sqlglot import exp

from gateway.sql.lex import STRING
from gateway.sql.windows import WindowGrammar

_ENCODINGS = ("UTF8", "UTF16", "UTF32")
_TRUTHS = frozenset({"TRUE", "FALSE", "UNKNOWN", "ERROR"})


class JsonGrammar(WindowGrammar):
    """Reads the JSON operands with their clauses; words that change nothing are dropped."""

    def json_exists(self) -> exp.Expression:
        """Read ``JSON_EXISTS(value, path … [behaviour ON ERROR])``."""
        found = self._invocation()
        node = exp.JSONExists(**found)
        if self.key in _TRUTHS:
            word = self.take().key
            self.expect("ON", "ERROR")
            node.set("on_condition", exp.OnCondition(error=word))
        self.expect(")")
        return node

    def json_value(self) -> exp.Expression:
        """Read ``JSON_VALUE(value, path … [RETURNING type] [ON EMPTY] [ON ERROR])``."""
        found = self._invocation()
        returning = self.type_name() if self.accept("RETURNING") else None
        conditions = self._conditions("DEFAULT")
        self.expect(")")
        return exp.JSONValue(**found, returning=returning, on_condition=conditions)

    def json_query(self) -> exp.Expression:
        """Read ``JSON_QUERY(value, path … [wrapper] [quotes] [ON EMPTY] [ON ERROR])``."""
        found = self._invocation()
        returning, form = self._returning()
        wrapper = self._wrapper()
        quotes = self._quotes()
        node = exp.JSONExtract(
            this=found["this"],
            expression=found["path"],
            expressions=found["passing"],
            emits=returning,
            variant_extract=form,
            option=wrapper,
            quote=quotes,
            json_query=True,
            on_condition=self._conditions("EMPTY"),
        )
        self.expect(")")
        return node

    def json_object(self) -> exp.Expression:
        """Read ``JSON_OBJECT(members [nulls] [unique keys] [RETURNING …])``."""
        self.take()
        self.expect("(")
        members: list[exp.Expression] = []
        nulls = unique = None
        if self.key not in {")", "RETURNING"}:
            members = self.comma_separated(self._member)
            nulls = self._nulls()
            unique = self._unique()
        returning, form = self._returning()
        self.expect(")")
        return exp.JSONObject(
            expressions=members,
            null_handling=nulls,
            unique_keys=unique,
            return_type=returning,
            encoding=form,
        )

    def json_array(self) -> exp.Expression:
        """Read ``JSON_ARRAY(values [nulls] [RETURNING …])``."""
        self.take()
        self.expect("(")
        items: list[exp.Expression] = []
        nulls = None
        if self.key not in {")", "RETURNING"}:
            items = self.comma_separated(self._json_operand)
            nulls = self._nulls()
        returning, form = self._returning()
        self.expect(")")
        return exp.JSONArray(
            expressions=items, null_handling=nulls, return_type=returning, strict=form
        )

    def _invocation(self) -> dict[str, exp.Expression | list[exp.Expression]]:
        """Read ``JSON_…(value, path [AS name] [PASSING …]``, all up to the clauses."""
        self.take()
        self.expect("(")
        value = self._json_operand()
        self.expect(",")
        if self.key is not STRING:
            self.fail("<string>")
        token = self.take()
        path = self.place(exp.Literal(this=token.value, is_string=True), token)
        if self.accept("AS"):
            self.identifier()  # a path's name shows nowhere
        passing = self.comma_separated(self._passed) if self.accept("PASSING") else []
        return {"this": value, "path": path, "passing": passing}

    def _passed(self) -> exp.Expression:
        """Read ``value AS name``; a path writes unquoted names in capitals."""
        value = self._json_operand()
        self.expect("AS")
        name = self.identifier()
        spelled = name.this if name.args["quoted"] else name.this.upper()
        return exp.Alias(this=value, alias=exp.Identifier(this=spelled, quoted=True))

    def _json_operand(self) -> exp.Expression:
        value = self.expression()
        if self.key == "FORMAT" and self.peek() == "JSON":
            return exp.FormatJson(this=value, encoding=self._format())
        return value

    def _format(self) -> str:
        """Read ``FORMAT JSON [ENCODING x]``; the encoding, or JSON."""
        self.expect("FORMAT", "JSON")
        if not self.accept("ENCODING"):
            return "JSON"
        if self.key not in _ENCODINGS:
            self.fail(*_ENCODINGS)
        return self.take().key

    def _returning(self) -> tuple[exp.Expression | None, str | None]:
        if not self.accept("RETURNING"):
            return None, None
        kind = self.type_name()
        return kind, self._format() if self.key == "FORMAT" else None

    def _conditions(self, third: str) -> exp.Expression | None:
        """Read ``behaviour ON EMPTY`` and ``behaviour ON ERROR``, in this order."""
        found: dict[str, str | exp.Expression] = {}
        while self.key in {"ERROR", "NULL", third} and "error" not in found:
            behaviour = self._behaviour()
            self.expect("ON")
            if not found and self.accept("EMPTY"):
                found["empty"] = behaviour
            else:
                self.expect("ERROR")
                found["error"] = behaviour
        return exp.OnCondition(**found) if found else None

    def _behaviour(self) -> str | exp.Expression:
        word = self.take().key
        if word == "DEFAULT":
            return self.expression()
        if word != "EMPTY":
            return word
        if self.key not in {"ARRAY", "OBJECT"}:
            self.fail("ARRAY", "OBJECT")
        return f"EMPTY {self.take().key}"

    def _wrapper(self) -> str | None:
        word = None
        if self.accept("WITHOUT"):
            word = "WITHOUT WRAPPER"
        elif self.accept("WITH"):
            conditional = "CONDITIONAL" if self.accept("CONDITIONAL") else "UNCONDITIONAL"
            if conditional == "UNCONDITIONAL":
                self.accept("UNCONDITIONAL")
            word = f"WITH {conditional} WRAPPER"
        if word is not None:
            self.accept("ARRAY")
            self.expect("WRAPPER")
        return word

    def _quotes(self) -> str | None:
        if self.key not in {"KEEP", "OMIT"}:
            return None
        word = self.take().key
        self.expect("QUOTES")
        if self.accept("ON"):
            self.expect("SCALAR", "STRING")
        return f"{word} QUOTES"

    def _member(self) -> exp.Expression:
        """Read ``[KEY] k VALUE v`` or ``k : v``."""
        if self.key == "KEY" and self.peek() not in {":", "VALUE", ".", "(", "[", "->"}:
            self.take()
        key = self.expression()
        if not self.accept(":"):
            self.expect("VALUE")
        return exp.JSONKeyValue(this=key, expression=self._json_operand())

    def _nulls(self) -> str | None:
        if self.accept("NULL", "ON", "NULL"):
            return "NULL ON NULL"
        return "ABSENT ON NULL" if self.accept("ABSENT", "ON", "NULL") else None

    def _unique(self) -> str | None:
        if self.key not in {"WITH", "WITHOUT"}:
            return None
        word = self.take().key
        self.expect("UNIQUE")
        self.accept("KEYS")
        return f"{word} UNIQUE KEYS"
