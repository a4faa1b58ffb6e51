"""Table functions, one by one: ``TABLE(sequence(…))`` is governed, all others say what to write.

A table function could read tables, files or another system behind the policy's back, so none
ever stands in governed text: ``sequence`` of whole numbers becomes ``UNNEST(sequence(…))``.
"""

from __future__ import annotations

from typing import NoReturn

from sqlglot import exp

from gateway.names import fold
from gateway.sql.expressions import ExpressionGrammar
from gateway.sql.functions import TABLE_FUNCTIONS
from gateway.sql.lex import NUMBER, Token

_ARGUMENTS = ("start", "stop", "step")
_COLUMN = "sequential_number"
_LARGEST, _DIGITS = (1 << 63) - 1, 19
MAX_NUMBERS = 10_000
"""Most entries of Trino's scalar ``sequence``."""


class TableFunctionGrammar(ExpressionGrammar):
    """Reads ``TABLE(name(…))``."""

    def table_function(self) -> exp.Expression:
        """Read the one table function that is governed; refuse every other by its name."""
        start = self.token
        self.expect("TABLE", "(")
        token = self.token
        parts = [fold(self.identifier().this)]
        while self.accept("."):
            parts.append(fold(self.identifier().this))
        self.expect("(")
        if parts != ["sequence"]:
            self._refuse(parts, token)
        first, last, step = self._bounds(token)
        self.expect(")", ")")
        return self.place(exp.Subquery(this=_numbers(first, last, step, token)), start)

    def _refuse(self, parts: list[str], token: Token) -> NoReturn:
        name = parts[-1]
        if name == "sequence":
            raise self.unsupported("a qualified table function", "write the name alone", token)
        reason = TABLE_FUNCTIONS.get(name)
        if reason is None:
            message = f"Table function '{'.'.join(parts)}' not registered"
            raise self.error("FUNCTION_NOT_FOUND", message, token)
        raise self.unsupported(f"the table function {name}", reason, token)

    def _bounds(self, token: Token) -> tuple[int, int, int]:
        """Read ``start, stop, step`` by name or position; Trino's defaults and its errors."""
        given = {} if self.key == ")" else self._given()
        if "stop" not in given:
            raise self.error("INVALID_ARGUMENTS", "Missing argument: STOP", token)
        first, last, step = given.get("start", 0), given["stop"], given.get("step", 1)
        ascends = "positive" if first < last else "negative"
        if first != last and (last - first) * step <= 0:
            message = f"Step must be {ascends} for sequence [{first}, {last}]"
            raise self.error("INVALID_FUNCTION_ARGUMENT", message, token)
        if first == last:
            return first, last, 1
        if (last - first) // step >= MAX_NUMBERS:
            what = f"a sequence of more than {MAX_NUMBERS:,} numbers"
            raise self.unsupported(what, "join two shorter ones", token)
        return first, last, step

    def _given(self) -> dict[str, int]:
        named = self.peek() == "=>"
        found: dict[str, int] = {}
        while True:
            token = self.token
            if named != (self.peek() == "=>"):
                message = "All arguments must be passed by name or all must be passed positionally"
                raise self.error("INVALID_ARGUMENTS", message, token)
            name = self._argument_name() if named else "".join(_ARGUMENTS[len(found) :][:1])
            if name not in _ARGUMENTS or name in found:
                raise self.error("INVALID_ARGUMENTS", "sequence takes START, STOP, STEP", token)
            found[name] = self._whole_number()
            if not self.accept(","):
                return found

    def _argument_name(self) -> str:
        name = fold(self.identifier().this)
        self.expect("=>")
        return name

    def _whole_number(self) -> int:
        token = self.token
        sign = -1 if self.accept("-") else 1
        if self.key is not NUMBER or not self.token.text.isdigit():
            advice = "write numbers, or UNNEST(sequence(a, b)) AS t(x)"
            raise self.unsupported("a computed bound of a table function", advice, token)
        digits = self.take().text.lstrip("0") or "0"
        if len(digits) > _DIGITS or int(digits) > _LARGEST:
            raise self.error("SYNTAX_ERROR", f"Invalid numeric literal: {digits}", token)
        return sign * int(digits)


def _numbers(first: int, last: int, step: int, token: Token) -> exp.Expression:
    """Build the query over ``UNNEST(sequence(…))`` that stands for the table function."""
    at = (token.line, token.column)
    bounds = [_literal(number) for number in (first, last, step)]
    call = exp.Anonymous(this="sequence", expressions=bounds)
    name = exp.Identifier(this="sequence", quoted=True)
    alias = exp.TableAlias(this=name, columns=[exp.Identifier(this=_COLUMN, quoted=True)])
    unnest = exp.Unnest(expressions=[call], alias=alias)
    column = exp.Column(this=exp.Identifier(this=_COLUMN, quoted=True))
    for node in (call, unnest, column):
        node.meta["at"] = at
    return exp.Select(expressions=[column], from_=exp.From(this=unnest))


def _literal(number: int) -> exp.Expression:
    literal = exp.Literal(this=str(abs(number)), is_string=False)
    return exp.Neg(this=literal) if number < 0 else literal
