"""A reader of Rego modules, for linting only: it never evaluates.

It knows the grammar that Rego v1 modules are written in; what it does not know is
a syntax error, so nothing unread passes the lint.
"""

from __future__ import annotations

from gateway.policy.regolex import RegoSyntaxError, Token, tokens
from gateway.policy.regotree import Body, Node, RegoModule, Rule

KEYWORDS = frozenset({"as", "default", "else", "every", "false", "if", "import", "in"}) | {
    "contains",
    "not",
    "null",
    "package",
    "some",
    "true",
    "with",
}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({":=", "="}),
    frozenset({"in"}),
    _COMPARISONS,
    frozenset({"|"}),
    frozenset({"&"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
MAX_DEPTH = 100


def parse(text: str) -> RegoModule:
    """Read one module; raises RegoSyntaxError with line and column."""
    found = tokens(text)
    return _Parser(found).module()


class _Parser:
    """Recursive descent over the tokens of one module."""

    def __init__(self, found: tuple[Token, ...]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    # -- tokens

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._now
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, *texts: str) -> bool:
        return self._now.kind in {"mark", "name"} and self._now.text in texts

    def _take(self, text: str) -> Token:
        if not self._is(text):
            raise self._error(f"expected {text}")
        return self._next()

    def _error(self, message: str) -> RegoSyntaxError:
        got = self._now.text or "the end"
        return RegoSyntaxError(f"{message}, got {got}", self._now.line, self._now.column)

    def _name(self) -> Token:
        if self._now.kind != "name" or self._now.text in KEYWORDS:
            raise self._error("expected a name")
        return self._next()

    # -- module

    def module(self) -> RegoModule:
        """package, imports, rules."""
        start = self._take("package")
        package = self._path()
        imports: list[tuple[str, Token]] = []
        while self._is("import"):
            token = self._next()
            imports.append((".".join(self._path()), token))
            if self._is("as"):
                self._next()
                self._name()
        rules: list[Rule] = []
        while self._now.kind != "end":
            rules.append(self._rule())
        return RegoModule(package, start, tuple(imports), tuple(rules), self._tokens)

    def _path(self) -> tuple[str, ...]:
        path = [self._name().text]
        while self._is(".", "[") and not self._now.gap:
            if self._next().text == ".":
                path.append(self._next().text)
                continue
            if self._now.kind != "string":
                raise self._error("expected a text")
            path.append(self._next().text[1:-1])
            self._take("]")
        return tuple(path)

    # -- rules

    def _rule(self) -> Rule:
        default = self._is("default")
        if default:
            self._next()
        token = self._now
        head = self._ref_or_call(self._name())
        function, heads = (
            head.kind == "call",
            list(head.parts[1:] if head.kind == "ref" else head.parts),
        )
        partial = self._is("contains")
        if partial:
            self._next()
            heads.append(self._expression())
        value = self._value()
        bodies = [self._body(value)]
        while self._is("else"):
            self._next()
            other = self._value()
            bodies.append(self._body(other))
        if not (bodies[0].literals or value or partial or default):
            raise self._error("expected a rule's value or body (write if before a body)")
        name = head.text if head.kind == "call" else token.text
        return Rule(name, token, function, default, tuple(heads), tuple(bodies))

    def _value(self) -> tuple[Node, ...]:
        if not self._is(":=", "="):
            return ()
        self._next()
        value = self._expression(level=1)
        while self._is("with"):
            value = self._with(self._next(), value)
        return (value,)

    def _body(self, value: tuple[Node, ...]) -> Body:
        if not self._is("if"):
            return Body((), value)
        self._next()
        mark = self._at
        if self._is("{"):
            try:
                literals = self._block()
                if self._now.fresh or self._now.kind == "end" or self._is("else"):
                    return Body(literals, value)
            except RegoSyntaxError:
                pass
            self._at = mark
        return Body((self._literal(),), value, braced=False)

    def _block(self) -> tuple[Node, ...]:
        self._take("{")
        literals: list[Node] = []
        while not self._is("}"):
            literals.append(self._literal())
            self._separator("}")
        self._take("}")
        return tuple(literals)

    def _separator(self, end: str) -> None:
        if self._is(";"):
            self._next()
        elif not self._is(end) and not self._now.fresh:
            raise self._error("expected ; or a new line")

    # -- literals

    def _literal(self) -> Node:
        token = self._now
        if self._is("some"):
            made = self._some(self._next())
        elif self._is("every"):
            made = self._every(self._next())
        elif self._is("not"):
            self._next()
            inner = self._every(self._next()) if self._is("every") else self._expression()
            made = Node("not", token, parts=(inner,))
        else:
            made = self._expression(pairs=True)
        while self._is("with"):
            made = self._with(self._next(), made)
        return made

    def _with(self, token: Token, inner: Node) -> Node:
        target = self._term()
        self._take("as")
        return Node("with", token, parts=(inner, target, self._expression(level=1)))

    def _some(self, token: Token) -> Node:
        declared = [self._term()]
        while self._is(","):
            self._next()
            declared.append(self._term())
        if not self._is("in"):
            return Node("some", token, parts=tuple(declared), heads=len(declared))
        self._next()
        domain = self._expression(level=2)
        return Node("some-in", token, parts=(*declared, domain), heads=len(declared))

    def _every(self, token: Token) -> Node:
        declared = [self._term()]
        if self._is(","):
            self._next()
            declared.append(self._term())
        self._take("in")
        domain = self._expression(level=2)
        return Node("every", token, parts=(*declared, domain, *self._block()), heads=len(declared))

    # -- expressions

    def _expression(self, level: int = 0, *, pairs: bool = False, bare: bool = False) -> Node:
        """Operators by level; ``bare`` stops at ``|``; ``pairs`` reads ``k, v in xs``."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error("nested too deeply")
        try:
            left = self._operators(level, bare=bare)
            if pairs and self._is(","):
                self._next()
                return Node("member", left.token, parts=(left, self._operators(1, bare=bare)))
            return left
        finally:
            self._depth -= 1

    def _operators(self, level: int, *, bare: bool) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._operators(level + 1, bare=bare)
        while self._is(*_LEVELS[level]) and not (bare and self._is("|")):
            token = self._next()
            right = self._operators(level + 1, bare=bare)
            left = Node("op", token, token.text, (left, right))
        return left

    def _unary(self) -> Node:
        if self._is("-"):
            token = self._next()
            return Node("op", token, "-", (self._unary(),))
        return self._term()

    def _term(self) -> Node:  # noqa: PLR0911 - one line per kind of term
        token = self._now
        if token.kind in {"number", "string", "raw", "template"}:
            made = Node(token.kind, self._next(), token.text)
            return self._steps(made) if token.kind in {"string", "raw"} else made
        if token.kind == "name" and token.text in {"true", "false", "null"}:
            kind = "null" if token.text == "null" else "boolean"
            return Node(kind, self._next(), token.text)
        if self._is("("):
            self._next()
            inner = self._expression()
            self._take(")")
            return inner
        if self._is("["):
            return self._steps(self._array(self._next()))
        if self._is("{"):
            return self._steps(self._braces(self._next()))
        if token.kind == "name" and token.text == "contains":
            return self._ref_or_call(self._next())
        return self._ref_or_call(self._name())

    def _ref_or_call(self, token: Token) -> Node:
        return self._steps(Node("var", token, token.text))

    def _steps(self, head: Node) -> Node:
        """What follows without a gap: ``.name``, ``[expression]``, ``(arguments)``."""
        steps: list[Node] = []
        dotted = head.text if head.kind == "var" else ""
        while not self._now.gap and self._is(".", "[", "("):
            token = self._next()
            if token.text == ".":
                name = self._next()
                if name.kind != "name":
                    raise self._error("expected a name after the dot")
                steps.append(Node("string", name, f'"{name.text}"'))
                dotted = f"{dotted}.{name.text}" if dotted else ""
            elif token.text == "[":
                steps.append(self._expression())
                self._take("]")
                dotted = ""
            elif not dotted:
                raise self._error("only a name can be called")
            else:
                called = Node("call", head.token, dotted, tuple(self._arguments()))
                return called if self._now.gap else self._steps(called)
        if not steps:
            return head
        return Node("ref", head.token, parts=(head, *steps))

    def _arguments(self) -> list[Node]:
        found: list[Node] = []
        while not self._is(")"):
            found.append(self._expression())
            if not self._is(")"):
                self._take(",")
        self._take(")")
        return found

    def _array(self, token: Token) -> Node:
        if self._is("]"):
            self._next()
            return Node("array", token)
        items = [self._expression(level=1, bare=True)]
        if self._is("|"):
            self._next()
            return self._comprehension("array-of", token, items, "]")
        while self._is(","):
            self._next()
            if self._is("]"):
                break
            items.append(self._expression(level=1))
        self._take("]")
        return Node("array", token, parts=tuple(items))

    def _braces(self, token: Token) -> Node:
        if self._is("}"):
            self._next()
            return Node("object", token)
        items = [self._expression(level=1, bare=True)]
        pairs = self._is(":")
        if pairs:
            self._next()
            items.append(self._expression(level=1, bare=True))
        if self._is("|"):
            self._next()
            return self._comprehension("object-of" if pairs else "set-of", token, items, "}")
        while self._is(","):
            self._next()
            if self._is("}"):
                break
            items.append(self._expression(level=1))
            if pairs:
                self._take(":")
                items.append(self._expression(level=1))
        self._take("}")
        return Node("object" if pairs else "set", token, parts=tuple(items))

    def _comprehension(self, kind: str, token: Token, heads: list[Node], end: str) -> Node:
        literals: list[Node] = []
        while not self._is(end):
            literals.append(self._literal())
            self._separator(end)
        self._take(end)
        if not literals:
            raise self._error("a comprehension has a body")
        return Node(kind, token, parts=(*heads, *literals), heads=len(heads))
