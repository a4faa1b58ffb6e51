"""Calls with what may follow them: FILTER, WITHIN GROUP, null treatment, OVER."""

from __future__ import annotations

from abc import abstractmethod

from sqlglot import exp

from gateway.sql.lex import QUOTED, STRING, Token
from gateway.sql.typenames import TypeGrammar

_FRAMES = frozenset({"ROWS", "RANGE", "GROUPS"})


_SYNTAX = frozenset({"if", "coalesce", "nullif"})
"""Read as syntax by Trino in spite of quotes; here only without."""
_COUNTS = {
    "try": (1, 1, "exactly one argument"),
    "format": (2, 1 << 20, "at least two arguments"),
    "listagg": (1, 2, "one or two arguments"),
}


class WindowGrammar(TypeGrammar):
    """Reads function calls, ORDER BY lists and window specifications."""

    @abstractmethod
    def expression(self) -> exp.Expression:
        """Read one expression."""

    @abstractmethod
    def value(self, least: int = 1) -> exp.Expression:
        """Read one operand chain."""

    @abstractmethod
    def query(self) -> exp.Expression:
        """Read one query."""

    @abstractmethod
    def query_tail(self, left: exp.Expression) -> exp.Expression:
        """Read on after a query's first operand."""

    def call(self, token: Token) -> exp.Expression:
        """Read ``name(…)`` and its FILTER, null treatment and window."""
        name = self.take()
        if name.key is QUOTED and (not _plain(name.value) or name.value.lower() in _SYNTAX):
            raise self.unsupported("such a function name", "use a built-in function", name)
        self.expect("(")
        node: exp.Expression = exp.Anonymous(this=name.value, expressions=self._call_arguments())
        self._check_count(name, len(node.expressions))
        if name.key == "LISTAGG" and self.key == "ON":
            node.expressions.extend(self._overflow())
        self.expect(")")
        node = self.place(node, token)
        if name.key == "LISTAGG" or (self.key == "WITHIN" and self.peek() == "GROUP"):
            self.expect("WITHIN", "GROUP", "(")
            node = exp.WithinGroup(this=node, expression=self.order())
            self.expect(")")
        if self.key == "FILTER" and self.peek() == "(":
            node = self._filter(node)
        return self.place(self._window(self._null_treatment(node)), token)

    def _check_count(self, name: Token, count: int) -> None:
        """Refuse the counts of arguments that Trino's parser itself refuses."""
        least, most, words = _COUNTS.get(name.value.lower(), (0, count, ""))
        if not least <= count <= most:
            message = f"The '{name.value.lower()}' function must have {words}"
            raise self.error("SYNTAX_ERROR", message, name)

    def _call_arguments(self) -> list[exp.Expression]:
        if self.key == ")":
            return []
        if self.accept("*"):
            return [exp.Star()]
        distinct = self.accept("DISTINCT")
        if not distinct:
            self.accept("ALL")
        items = [] if self.key == "ORDER" else self.comma_separated(self._argument)
        if distinct:
            items = [exp.Distinct(expressions=items)]
        if self.key == "ORDER":
            if not items:
                self.fail("<expression>")
            order = self.order()
            items[-1] = exp.Order(this=items[-1], expressions=order.expressions)
        return items

    def _overflow(self) -> list[exp.Expression]:
        """Read ``ON OVERFLOW …`` of LISTAGG; ERROR is what holds without it."""
        self.expect("ON", "OVERFLOW")
        if self.accept("ERROR"):
            return []
        self.expect("TRUNCATE")
        filler = None
        if self.key is STRING:
            filler = exp.Literal(this=self.take().value, is_string=True)
        counted = bool(self.accept("WITH"))
        if not counted:
            self.expect("WITHOUT")
        self.expect("COUNT")
        return [exp.OverflowTruncateBehavior(this=filler, with_count=counted)]

    def _argument(self) -> exp.Expression:
        if self.at_identifier() and self.peek() == "=>":
            raise self.unsupported("a named argument", "pass arguments by position")
        if self.key == "TABLE" or (self.key == "DESCRIPTOR" and self.peek() == "("):
            raise self.unsupported("a table argument", "use a sub-query")
        return self.expression()

    def _filter(self, node: exp.Expression) -> exp.Expression:
        self.expect("FILTER", "(", "WHERE")
        condition = self.expression()
        self.expect(")")
        return exp.Filter(this=node, expression=exp.Where(this=condition))

    def _null_treatment(self, node: exp.Expression) -> exp.Expression:
        if self.accept("IGNORE", "NULLS"):
            return exp.IgnoreNulls(this=node)
        if self.accept("RESPECT", "NULLS"):
            return exp.RespectNulls(this=node)
        return node

    def _window(self, node: exp.Expression) -> exp.Expression:
        if self.key != "OVER":
            return node
        if self.peek() == "(":
            self.take()
            return exp.Window(this=node, over="OVER", **self.window_specification())
        if self.at_identifier(1):
            self.take()
            return exp.Window(this=node, over="OVER", alias=self.identifier())
        return node

    def window_specification(self) -> dict[str, object]:
        """Read ``( [name] PARTITION BY … ORDER BY … frame )`` as arguments of Window."""
        self.expect("(")
        found: dict[str, object] = {}
        if self.at_identifier() and not self._at_window_clause():
            found["first"] = self.identifier()
        if self.accept("PARTITION", "BY"):
            found["partition_by"] = self.comma_separated(self.expression)
        if self.key == "ORDER":
            found["order"] = self.order()
        if self.key in _FRAMES:
            found["spec"] = self._frame()
        self.expect(")")
        return found

    def _at_window_clause(self) -> bool:
        """Whether PARTITION BY or a frame begins here, and no window of such a name."""
        if self.key in _FRAMES:
            return self.peek() not in {")", "ORDER"}
        return self.key == "PARTITION" and self.peek() == "BY"

    def _frame(self) -> exp.WindowSpec:
        kind = self.take().key
        if self.accept("BETWEEN"):
            start, start_side = self._bound()
            self.expect("AND")
            end, end_side = self._bound()
            sides = {"start_side": start_side, "end": end, "end_side": end_side}
            return exp.WindowSpec(kind=kind, start=start, **sides)
        start, start_side = self._bound()
        return exp.WindowSpec(kind=kind, start=start, start_side=start_side)

    def _bound(self) -> tuple[str | exp.Expression, str | None]:
        if self.accept("CURRENT", "ROW"):
            return "CURRENT ROW", None
        unbounded = self.accept("UNBOUNDED")
        start: str | exp.Expression = "UNBOUNDED" if unbounded else self.expression()
        if self.key not in {"PRECEDING", "FOLLOWING"}:
            self.fail("PRECEDING", "FOLLOWING")
        return start, self.take().key

    def order(self) -> exp.Order:
        """Read ``ORDER BY …``."""
        self.expect("ORDER", "BY")
        return exp.Order(expressions=self.comma_separated(self._ordered))

    def _ordered(self) -> exp.Ordered:
        start = self.token
        value = self.expression()
        desc = self.accept("DESC")
        if not desc:
            self.accept("ASC")
        nulls_first = False
        if self.accept("NULLS"):
            nulls_first = self.accept("FIRST")
            if not nulls_first:
                self.expect("LAST")
        return self.place(exp.Ordered(this=value, desc=desc, nulls_first=nulls_first), start)


def _plain(name: str) -> bool:
    return name.isascii() and name.isidentifier()
