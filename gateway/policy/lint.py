"""The portable profile: rules R01 to R15 every module keeps, whichever engine runs it.

Inside the profile the embedded engine and OPA answer alike; outside it they are
known to differ, or nobody has shown that they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.catalog.model import Problem
from gateway.policy.regolex import RegoSyntaxError, Token
from gateway.policy.regoparse import KEYWORDS, parse
from gateway.policy.regotree import Node, RegoModule, Rule

CALLS = frozenset(
    [
        "count",
        "abs",
        "startswith",
        "endswith",
        "contains",
        "split",
        "trim_prefix",
        "trim_suffix",
        "object.get",
        "object.keys",
        "union",
        "intersection",
        "array.concat",
        "is_string",
        "is_number",
        "is_boolean",
        "is_array",
        "is_object",
        "is_set",
        "strings.any_prefix_match",
        "strings.any_suffix_match",
    ]
)
_MAX_INTEGER = 2**53 - 1
_ORDERING = frozenset({"<", "<=", ">", ">="})
_COMPREHENSIONS = frozenset({"array-of", "set-of", "object-of"})
_GUARDED = (("subject", "attributes"), ("table", "product"))


_CLOSING = frozenset({")", "]", "}"})
_JOINING = frozenset("( [ - + * % | & < <= > >= == != = :=".split())  # noqa: SIM905
_VALUES = frozenset({"true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What a module may be: its package, and the ``data`` paths it may read."""

    package: str
    data: frozenset[tuple[str, ...]] = frozenset()


def profile_of(package: str) -> Profile:
    """The profile of ``domains.<d>`` or ``global.<name>``."""
    own = package.partition(".")[2] if package.startswith("domains.") else "global"
    return Profile(package, frozenset({("config", own), ("config", "global")}))


@dataclass(slots=True)
class Reading:
    """What linting found: problems, and which guarded input fields the module reads."""

    problems: list[Problem] = field(default_factory=list)
    required: set[tuple[str, str]] = field(default_factory=set)
    optional: set[tuple[str, str]] = field(default_factory=set)


def lint(modules: Iterable[tuple[str, str]], profile: Profile, *, test: bool = False) -> Reading:
    """Check the (file, text) modules of one package together.

    ``test``: test modules may use ``with`` and call what they like.
    """
    reading = Reading()
    parsed: list[tuple[str, RegoModule]] = []
    for file, text in modules:
        try:
            parsed.append((file, parse(text)))
        except RegoSyntaxError as error:
            problem = Problem(file, error.line, error.column, "syntax", error.message)
            reading.problems.append(problem)
    rules = [rule for _, module in parsed for rule in module.rules]
    for file, module in parsed:
        _Linter(file, profile, rules, reading, test=test).module(module)
    reading.problems.sort(key=lambda p: (p.file, p.line, p.column, p.code))
    return reading


class _Linter:
    """Walks one module; scopes are sets of declared names."""

    def __init__(
        self, file: str, profile: Profile, rules: list[Rule], reading: Reading, *, test: bool
    ) -> None:
        self._file = file
        self._profile = profile
        self._names = {rule.name for rule in rules} | {"input", "data"}
        self._functions = {rule.name for rule in rules if rule.function}
        self._reading = reading
        self._test = test

    def _report(self, code: str, token: Token, message: str) -> None:
        problem = Problem(self._file, token.line, token.column, code, message)
        if problem not in self._reading.problems:
            self._reading.problems.append(problem)

    def module(self, module: RegoModule) -> None:
        """All rules on one module."""
        package = ".".join(module.package)
        if package != self._profile.package:
            wanted = self._profile.package
            self._report(
                "R01", module.package_token, f"package is {package}, the folder says {wanted}"
            )
        for name, token in module.imports:
            self._names.add(name.rpartition(".")[2])
            if name != "rego.v1" and not self._test:
                self._report("R02", token, f"import {name}: only rego.v1 is imported")
        if not self._test:
            for token in module.tokens:
                self._token(token)
            self._line_starts(module.tokens)
        for rule in module.rules:
            self._rule(rule)

    def _token(self, token: Token) -> None:
        if token.kind in {"string", "raw", "template"} and "\\" in token.text:
            self._report("R13", token, "a backslash in a literal reads differently per engine")
        elif token.kind in {"template", "raw"}:
            self._report("R12", token, "write a plain text in double quotes")
        if token.kind == "number":
            whole = token.text.isdigit()
            if not whole or int(token.text) > _MAX_INTEGER:
                self._report("R14", token, "only whole numbers up to 2^53-1")

    def _line_starts(self, found: tuple[Token, ...]) -> None:
        """The embedded engine joins a line that begins so with a value before it."""
        for before, token in pairwise(found):
            ended = before.kind != "mark" or before.text in _CLOSING
            ended = ended and before.text not in KEYWORDS - _VALUES
            if token.fresh and ended and token.kind == "mark" and token.text in _JOINING:
                self._report("R15", token, f"begin no line with {token.text}: turn the line round")

    def _rule(self, rule: Rule) -> None:
        if rule.function and not self._test:
            self._report("R03", rule.token, f"function {rule.name}: write a rule instead")
        arguments = {n.text for head in rule.head for n in _walk(head) if n.kind == "var"}
        outer = frozenset(arguments if rule.function else ())
        for body in rule.bodies:
            if not body.braced and body.literals[0].kind == "every":
                self._report("R11", body.literals[0].token, "put every into a rule's braces")
            scope = self._literals(body.literals, set(outer), nested=False)
            for value in (*body.value, *rule.head):
                self._literal(value, scope, nested=False)

    # -- literals: each adds to the scope of the following ones

    def _literals(self, literals: Iterable[Node], scope: set[str], *, nested: bool) -> set[str]:
        for literal in literals:
            self._literal(literal, scope, nested=nested)
        return scope

    def _literal(self, node: Node, scope: set[str], *, nested: bool) -> None:
        if node.kind == "with":
            if not self._test:
                self._report("R04", node.token, "with is for tests only")
            self._literal(node.parts[0], scope, nested=nested)
            self._expression(node.parts[2], scope, nested=nested)
        elif node.kind in {"some", "some-in"}:
            self._some(node, scope, nested=nested)
        elif node.kind == "every":
            self._every(node, scope, nested=nested)
        elif node.kind == "not":
            inner = node.parts[0]
            if inner.kind == "every":
                self._report("R11", inner.token, "name the every in a rule of its own")
            self._literal(inner, scope, nested=nested)
        elif node.kind == "op" and node.text == ":=":
            self._expression(node.parts[1], scope, nested=nested)
            self._declare([node.parts[0]], scope)
        else:
            self._expression(node, scope, nested=nested)

    def _some(self, node: Node, scope: set[str], *, nested: bool) -> None:
        declared = list(node.parts[: node.heads])
        for domain in node.parts[node.heads :]:
            self._expression(domain, scope, nested=nested)
        pattern = any(name.kind != "var" for name in declared)
        if node.kind == "some-in" and nested and (len(declared) > 1 or pattern):
            self._report("R10", node.token, "some k, v inside a comprehension: use a rule")
        self._declare(declared, scope)

    def _every(self, node: Node, scope: set[str], *, nested: bool) -> None:
        self._expression(node.parts[node.heads], scope, nested=nested)
        inner = set(scope)
        self._declare(list(node.parts[: node.heads]), inner)
        self._literals(node.parts[node.heads + 1 :], inner, nested=nested)

    def _declare(self, names: list[Node], scope: set[str]) -> None:
        for name in names:
            if name.kind != "var":
                self._report("R08", name.token, "declare plain names, not patterns")
            scope.update(n.text for n in _walk(name) if n.kind == "var")

    # -- expressions

    def _expression(self, node: Node, scope: set[str], *, nested: bool) -> None:
        if node.kind in _COMPREHENSIONS:
            inner = self._literals(node.parts[node.heads :], set(scope), nested=True)
            for head in node.parts[: node.heads]:
                self._expression(head, inner, nested=True)
            return
        if node.kind == "var":
            self._variable(node, scope)
        elif node.kind == "call":
            self._call(node)
        elif node.kind == "op":
            self._operator(node)
        elif node.kind == "ref":
            self._reference(node, scope)
        skip = self._optional(node) if node.kind == "call" else 0
        if node.kind == "ref" and self._document(node.parts[0], scope):
            skip = 1
        for part in node.parts[skip:]:
            self._expression(part, scope, nested=nested)

    def _variable(self, node: Node, scope: set[str]) -> None:
        name = node.text
        if name not in scope and name not in self._names:
            self._report("R07", node.token, f"{name} is declared nowhere (a typing mistake?)")
        elif self._document(node, scope) and not self._test:
            if name == "data":
                self._report("R06", node.token, "data is read by a full path below data.config")
            else:
                self._report("I05", node.token, "name the field read below input")

    @staticmethod
    def _document(node: Node, scope: set[str]) -> bool:
        return node.kind == "var" and node.text in {"input", "data"} and node.text not in scope

    def _call(self, node: Node) -> None:
        empty_set = node.text == "set" and not node.parts
        known = node.text in CALLS or node.text in self._functions or empty_set
        if not known and not self._test:
            self._report("R05", node.token, f"{node.text} is not among the portable functions")

    def _operator(self, node: Node) -> None:
        if node.text == "/":
            self._report("R14", node.token, "division is not portable")
        if node.text in _ORDERING and any(part.kind == "null" for part in node.parts):
            self._report("R09", node.token, "null has no portable order")
        if node.text == ":=":
            self._report("R08", node.token, ":= stands at the start of a line of a body")

    def _reference(self, node: Node, scope: set[str]) -> None:
        head = node.parts[0]
        if not self._document(head, scope) or self._test:
            return
        path = _literal_path(node)
        if head.text == "data" and not any(path[: len(d)] == d for d in self._profile.data):
            allowed = " and ".join(sorted("data." + ".".join(d) for d in self._profile.data))
            self._report("R06", node.token, f"reads outside {allowed or 'its own data'}")
        if head.text == "input":
            self._guarded(node, path)

    def _guarded(self, node: Node, path: tuple[str, ...]) -> None:
        """Rule I05 needs every attribute read by name."""
        for parent in _GUARDED:
            if path[: len(parent)] == parent and len(path) > len(parent):
                self._reading.required.add((".".join(parent), path[len(parent)]))
            elif path == parent[: len(path)]:
                where = ".".join(parent)
                self._report("I05", node.token, f"name the field read below input.{where}")

    def _optional(self, node: Node) -> int:
        """``object.get(input.subject.attributes, "x", default)``: 1 if so, else 0."""
        if node.text != "object.get" or len(node.parts) != 3:  # noqa: PLR2004 - object, key, default
            return 0
        source, key = node.parts[0], node.parts[1]
        path = _literal_path(source) if source.kind == "ref" else ()
        if len(path) + 1 != len(source.parts):
            return 0
        if source.kind != "ref" or source.parts[0].text != "input":
            return 0
        if path == ("table",) and key.kind == "string":
            return 1
        if path not in _GUARDED:
            return 0
        if key.kind != "string":
            self._report("I05", key.token, "the field's name is a plain text")
        self._reading.optional.add((".".join(path), key.text[1:-1]))
        return 1


def _literal_path(node: Node) -> tuple[str, ...]:
    """The leading constant steps of a reference."""
    path: list[str] = []
    for step in node.parts[1:]:
        if step.kind != "string":
            break
        path.append(step.text[1:-1])
    return tuple(path)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from _walk(part)
