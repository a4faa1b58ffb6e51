"""Trees to Trino text: the counterpart of the grammar, as closed as it.

Prints exactly the nodes of the conventions in ``dialect``; any other raises. Every
identifier is quoted, no comment is written, nothing is transformed. Subclass and override
``table`` and ``function`` to write secured sub-queries and qualified function names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.sql.formprinter import FORM_WRITERS

OPERATORS: dict[type[exp.Expression], str] = {
    exp.And: "AND",
    exp.Or: "OR",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.Is: "IS",
    exp.Like: "LIKE",
    exp.Escape: "ESCAPE",
}
_SETS: dict[type[exp.Expression], str] = {
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
}
_QUERIES = (exp.Select, exp.SetOperation, exp.Values)


class ExpressionPrinter:
    """Prints expressions; ``QueryPrinter`` adds what contains them."""

    def print(self, node: exp.Expression | None) -> str:
        """Print one node; raises MeshgateError on a node outside the conventions."""
        if node is None:
            return ""
        if type(node) in OPERATORS:
            return self._chain(node)
        writer = _WRITERS.get(type(node))
        if writer is None:
            raise MeshgateError(
                "GENERIC_INTERNAL_ERROR", "a tree cannot be printed", audit={"node": node.key}
            )
        return writer(self, node)

    def function(self, name: str) -> str:
        """Write a function's name."""
        return name.lower()

    def join(self, nodes: Iterable[exp.Expression]) -> str:
        """Print a comma list."""
        return ", ".join(self.print(node) for node in nodes)

    def _chain(self, node: exp.Expression) -> str:
        """Print a left-deep chain of operators without recursion on its left side."""
        tail: list[str] = []
        while type(node) in OPERATORS:
            tail.append(f" {OPERATORS[type(node)]} {self.print(node.expression)}")
            node = node.this
        return self.print(node) + "".join(reversed(tail))

    def identifier(self, node: exp.Expression) -> str:
        """Quote an identifier."""
        return quote(node.this)

    def column(self, node: exp.Expression) -> str:
        """Print a dotted name; a star stays a star."""
        keys = ("catalog", "db", "table", "this")
        return ".".join(self.print(node.args[key]) for key in keys if node.args.get(key))

    def literal(self, node: exp.Expression) -> str:
        """Print a string or number literal."""
        text: str = node.this
        return "'" + text.replace("'", "''") + "'" if node.args["is_string"] else text

    def negated(self, node: exp.Expression) -> str:
        """Print unary minus; two of them never touch (that would be a comment)."""
        inner = self.print(node.this)
        return f"- {inner}" if inner.startswith("-") else f"-{inner}"

    def call(self, node: exp.Expression) -> str:
        """Print a call; keyword values keep their form."""
        if node.meta.get("keyword"):
            inner = f"({self.join(node.expressions)})" if node.expressions else ""
            return f"{node.this.upper()}{inner}"
        if node.this.lower() == "normalize" and len(node.expressions) > 1:
            return f"NORMALIZE({self.print(node.expressions[0])}, {node.expressions[1].this})"
        arguments = list(node.expressions)
        overflow = isinstance(arguments[-1], exp.OverflowTruncateBehavior) if arguments else False
        after = f" {self.print(arguments.pop())}" if overflow else ""
        return f"{self.function(node.this)}({self.join(arguments)}{after})"

    def cast(self, node: exp.Expression) -> str:
        """Print a cast or a typed literal."""
        kind = node.args["to"].args["kind"]
        if node.meta.get("typed_literal"):
            return f"{kind.upper()} {self.print(node.this)}"
        word = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
        return f"{word}({self.print(node.this)} AS {kind})"

    def case(self, node: exp.Expression) -> str:
        """Print CASE."""
        operand = f" {self.print(node.this)}" if node.this is not None else ""
        branches = "".join(
            f" WHEN {self.print(branch.this)} THEN {self.print(branch.args['true'])}"
            for branch in node.args["ifs"]
        )
        default = node.args.get("default")
        otherwise = f" ELSE {self.print(default)}" if default is not None else ""
        return f"CASE{operand}{branches}{otherwise} END"

    def in_(self, node: exp.Expression) -> str:
        """Print IN over a list or a sub-query."""
        query = node.args.get("query")
        items = self.print(query) if query is not None else f"({self.join(node.expressions)})"
        return f"{self.print(node.this)} IN {items}"

    def between(self, node: exp.Expression) -> str:
        """Print BETWEEN."""
        low, high = self.print(node.args["low"]), self.print(node.args["high"])
        return f"{self.print(node.this)} BETWEEN {low} AND {high}"

    def interval(self, node: exp.Expression) -> str:
        """Print an interval literal."""
        unit = node.args["unit"]
        if isinstance(unit, exp.IntervalSpan):
            return f"INTERVAL {self.print(node.this)} {unit.this.this} TO {unit.expression.this}"
        return f"INTERVAL {self.print(node.this)} {unit.this}"

    def lambda_(self, node: exp.Expression) -> str:
        """Print a lambda."""
        return f"({self.join(node.expressions)}) -> {self.print(node.this)}"

    def alias_name(self, node: exp.Expression) -> str:
        """Print ``AS`` and a relation's alias with its columns, led by a blank."""
        alias = node.args.get("alias")
        if alias is None:
            return ""
        columns = alias.args.get("columns")
        listed = f" ({self.join(columns)})" if columns else ""
        return f" AS {self.print(alias.this)}{listed}"

    def ordered(self, node: exp.Expression) -> str:
        """Print one element of ORDER BY."""
        direction = " DESC" if node.args["desc"] else ""
        nulls = " NULLS FIRST" if node.args["nulls_first"] else ""
        return f"{self.print(node.this)}{direction}{nulls}"

    def order(self, node: exp.Expression) -> str:
        """Print ORDER BY; inside a call the last argument comes before it."""
        before = f"{self.print(node.this)} " if node.args.get("this") is not None else ""
        return f"{before}ORDER BY {self.join(node.expressions)}"

    def window(self, node: exp.Expression) -> str:
        """Print a window function or a named window's definition."""
        alias = node.args.get("alias")
        if alias is not None:
            return f"{self.print(node.this)} OVER {self.print(alias)}"
        parts = [self.print(node.args["first"])] if node.args.get("first") else []
        if node.args.get("partition_by"):
            parts.append(f"PARTITION BY {self.join(node.args['partition_by'])}")
        parts += [self.print(node.args[k]) for k in ("order", "spec") if node.args.get(k)]
        word = "OVER" if node.args.get("over") else "AS"
        return f"{self.print(node.this)} {word} ({' '.join(parts)})"

    def frame(self, node: exp.Expression) -> str:
        """Print a window frame."""
        start = self._bound(node.args["start"], node.args.get("start_side"))
        if node.args.get("end") is None:
            return f"{node.args['kind']} {start}"
        end = self._bound(node.args["end"], node.args.get("end_side"))
        return f"{node.args['kind']} BETWEEN {start} AND {end}"

    def _bound(self, value: str | exp.Expression, side: str | None) -> str:
        text = value if isinstance(value, str) else self.print(value)
        return f"{text} {side}" if side else text


_Writer = Callable[[ExpressionPrinter, exp.Expression], str]


def _around(before: str, after: str = "") -> _Writer:
    return lambda printer, node: f"{before}{printer.print(node.this)}{after}"


def _listed(before: str, after: str) -> _Writer:
    return lambda printer, node: f"{before}{printer.join(node.expressions)}{after}"


def _dot(node: exp.Expression) -> str:
    """Write a field's dot so that a number before it does not swallow it."""
    return " ." if isinstance(node, exp.Literal) and not node.is_string else "."


_WRITERS: dict[type[exp.Expression], _Writer] = {
    exp.Identifier: ExpressionPrinter.identifier,
    exp.Column: ExpressionPrinter.column,
    exp.Star: lambda _printer, _node: "*",
    exp.Literal: ExpressionPrinter.literal,
    exp.HexString: lambda _printer, node: f"X'{node.this}'",
    exp.Null: lambda _printer, _node: "NULL",
    exp.Boolean: lambda _printer, node: "TRUE" if node.this else "FALSE",
    exp.Placeholder: lambda _printer, _node: "?",
    exp.Paren: _around("(", ")"),
    exp.Not: _around("NOT "),
    exp.Neg: ExpressionPrinter.negated,
    exp.Any: _around("ANY "),
    exp.All: _around("ALL "),
    exp.Exists: _around("EXISTS (", ")"),
    exp.Between: ExpressionPrinter.between,
    exp.In: ExpressionPrinter.in_,
    exp.Case: ExpressionPrinter.case,
    exp.Coalesce: lambda p, n: f"COALESCE({p.join([n.this, *n.expressions])})",
    exp.Nullif: lambda p, n: f"NULLIF({p.join([n.this, n.expression])})",
    exp.Cast: ExpressionPrinter.cast,
    exp.TryCast: ExpressionPrinter.cast,
    exp.Extract: lambda p, n: f"EXTRACT({n.this.this} FROM {p.print(n.expression)})",
    exp.AtTimeZone: lambda p, n: f"{p.print(n.this)} AT TIME ZONE {p.print(n.args['zone'])}",
    exp.Interval: ExpressionPrinter.interval,
    exp.Array: _listed("ARRAY[", "]"),
    exp.Bracket: lambda p, n: f"{p.print(n.this)}[{p.join(n.expressions)}]",
    exp.Dot: lambda p, n: f"{p.print(n.this)}{_dot(n.this)}{p.print(n.expression)}",
    exp.Tuple: _listed("ROW(", ")"),
    exp.Lambda: ExpressionPrinter.lambda_,
    exp.Alias: lambda p, n: f"{p.print(n.this)} AS {p.print(n.args['alias'])}",
    exp.Anonymous: ExpressionPrinter.call,
    exp.Distinct: _listed("DISTINCT ", ""),
    exp.Order: ExpressionPrinter.order,
    exp.Ordered: ExpressionPrinter.ordered,
    exp.WithinGroup: lambda p, n: f"{p.print(n.this)} WITHIN GROUP ({p.print(n.expression)})",
    exp.Filter: lambda p, n: f"{p.print(n.this)} FILTER ({p.print(n.expression)})",
    exp.Where: _around("WHERE "),
    exp.IgnoreNulls: _around("", " IGNORE NULLS"),
    exp.RespectNulls: _around("", " RESPECT NULLS"),
    exp.Window: ExpressionPrinter.window,
    exp.WindowSpec: ExpressionPrinter.frame,
    **FORM_WRITERS,
}


class Printer(ExpressionPrinter):
    """Prints whole queries."""

    def print(self, node: exp.Expression | None) -> str:
        """Print one node; raises MeshgateError on a node outside the conventions."""
        writer = _QUERY_WRITERS.get(type(node))
        return writer(self, node) if writer and node is not None else super().print(node)

    def table(self, node: exp.Table) -> str:
        """Print a table reference that is no WITH element, with its alias."""
        version = node.args.get("version")
        travel = f" {self.print(version)}" if version is not None else ""
        return self._name(node) + travel + self.alias_name(node)

    def _name(self, node: exp.Table) -> str:
        return ".".join(quote(part.this) for part in node.parts)

    def relation(self, node: exp.Expression) -> str:
        """Print one relation and, inside parentheses, the joins that hang on it."""
        if isinstance(node, exp.Table):
            own = self._name(node) + self.alias_name(node) if node.meta.get("cte") else ""
            text = own or self.table(node)
        elif isinstance(node, exp.Unnest):
            ordinality = " WITH ORDINALITY" if node.args.get("offset") else ""
            text = f"UNNEST({self.join(node.expressions)}){ordinality}{self.alias_name(node)}"
        elif isinstance(node, exp.Lateral):
            text = f"LATERAL {self.subquery(node.this)}{self.alias_name(node)}"
        else:
            text = self.subquery(node)
        text += self.sample(node)
        return text + "".join(self.joined(join) for join in node.args.get("joins") or [])

    def sample(self, node: exp.Expression) -> str:
        """Print TABLESAMPLE and a leading blank, or nothing."""
        sample = node.args.get("sample")
        if sample is None:
            return ""
        return f" TABLESAMPLE {sample.args['method']} ({self.print(sample.args['percent'])})"

    def version(self, node: exp.Expression) -> str:
        """Print which of its states a table is read in."""
        return f"FOR {node.this} AS OF {self.print(node.expression)}"

    def joined(self, node: exp.Join) -> str:
        """Print one join with what stands before its relation."""
        side, kind = node.args.get("side"), node.args.get("kind")
        if not side and not kind:
            return f", {self.relation(node.this)}"
        using = node.args.get("using")
        condition = f" USING ({self.join(using)})" if using else ""
        if node.args.get("on") is not None:
            condition = f" ON {self.print(node.args['on'])}"
        return f" {side or kind} JOIN {self.relation(node.this)}{condition}"

    def subquery(self, node: exp.Expression) -> str:
        """Print what stands in parentheses, with its modifiers and alias."""
        inner = node.this
        query = isinstance(inner, (*_QUERIES, exp.Subquery)) and not (
            isinstance(inner, exp.Subquery) and inner.args.get("joins")
        )
        text = self.print(inner) if query else self.relation(inner)
        return f"{self.with_(node)}({text}){self.modifiers(node)}{self.alias_name(node)}"

    def modifiers(self, node: exp.Expression) -> str:
        """Print ORDER BY, OFFSET and LIMIT, led by a blank."""
        text = f" {self.print(node.args['order'])}" if node.args.get("order") else ""
        for key in ("offset", "limit"):
            found = node.args.get(key)
            if found and found.args.get("limit_options") is not None:
                text += f" FETCH FIRST {self.print(found.expression)} ROWS WITH TIES"
            elif found:
                text += f" {key.upper()} {self.print(found.expression)}"
        return text

    def with_(self, node: exp.Expression) -> str:
        """Print WITH and a blank, or nothing."""
        with_ = node.args.get("with_")
        if with_ is None:
            return ""
        items = []
        for cte in with_.expressions:
            alias = cte.args["alias"]
            columns = f" ({self.join(alias.args['columns'])})" if alias.args.get("columns") else ""
            items.append(f"{self.print(alias.this)}{columns} AS ({self.print(cte.this)})")
        word = "WITH RECURSIVE" if with_.args.get("recursive") else "WITH"
        return f"{word} {', '.join(items)} "

    def select(self, node: exp.Expression) -> str:
        """Print a SELECT."""
        distinct = "DISTINCT " if node.args.get("distinct") else ""
        text = f"{self.with_(node)}SELECT {distinct}{self.join(node.expressions)}"
        if node.args.get("from_"):
            text += f" FROM {self.relation(node.args['from_'].this)}"
            text += "".join(self.joined(join) for join in node.args.get("joins") or [])
        if node.args.get("where"):
            text += f" {self.print(node.args['where'])}"
        if node.args.get("group"):
            text += f" GROUP BY {self.group(node.args['group'])}"
        if node.args.get("having"):
            text += f" HAVING {self.print(node.args['having'].this)}"
        if node.args.get("windows"):
            text += f" WINDOW {self.join(node.args['windows'])}"
        return text + self.modifiers(node)

    def group(self, node: exp.Expression) -> str:
        """Print the elements of GROUP BY."""
        if node.args.get("all") == "AUTO":
            return "AUTO"
        items = [self.print(item) for item in node.expressions]
        for key, word in (("rollup", "ROLLUP"), ("cube", "CUBE")):
            items += [f"{word} ({self.join(e.expressions)})" for e in node.args.get(key) or []]
        for element in node.args.get("grouping_sets") or []:
            sets = ", ".join(f"({self.join(one.expressions)})" for one in element.expressions)
            items.append(f"GROUPING SETS ({sets})")
        return ("DISTINCT " if node.args.get("all") else "") + ", ".join(items)

    def set_operation(self, node: exp.Expression) -> str:
        """Print a chain of set operations without recursion on its left side."""
        tail: list[str] = []
        first = node
        while type(first) in _SETS and (first is node or not first.args.get("with_")):
            word = _SETS[type(first)] + ("" if first.args["distinct"] else " ALL")
            word += " CORRESPONDING" if first.args.get("by_name") else ""
            tail.append(f" {word} {self.print(first.expression)}")
            first = first.this
        text = self.print(first) + "".join(reversed(tail))
        return f"{self.with_(node)}{text}{self.modifiers(node)}"

    def values(self, node: exp.Expression) -> str:
        """Print VALUES."""
        rows = ", ".join(f"({self.join(row.expressions)})" for row in node.expressions)
        return f"{self.with_(node)}VALUES {rows}{self.modifiers(node)}"


_QUERY_WRITERS: dict[type, Callable[[Printer, exp.Expression], str]] = {
    exp.Select: Printer.select,
    exp.Union: Printer.set_operation,
    exp.Intersect: Printer.set_operation,
    exp.Except: Printer.set_operation,
    exp.Values: Printer.values,
    exp.Subquery: Printer.subquery,
    exp.Version: Printer.version,
}
