"""Random expressions inside the portable profile mean the same to both engines."""

from __future__ import annotations

import json
import os
import random

import pytest

from gateway.policy.canary import evaluate
from gateway.policy.lint import Profile, lint

EXPRESSIONS = int(os.environ.get("POLICY_EXPRESSIONS", "600"))
INPUT = {
    "n": 7,
    "s": "abc-é",
    "xs": [3, 1, 2, 2],
    "ws": ["b", "a", "é"],
    "o": {"a": 1, "b": 2},
    "none": [],
}


class Maker:
    """Typed random expressions: number, text, list, set, boolean, object."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def pick(self, *options: str) -> str:
        return self.chance.choice(options)

    def number(self, depth: int) -> str:
        if depth == 0:
            return self.pick("0", "1", "-3", "7", "9007199254740991", "input.n", "input.xs[0]")
        a, b = self.number(depth - 1), self.number(depth - 1)
        return self.pick(
            f"({self.pick('1', '2', 'input.n')} + {self.pick('3', '-4')})",
            f"({self.pick('5', 'input.n')} * {self.pick('2', '-1')})",
            f"(7 % {self.pick('2', '3')})",
            f"abs({self.pick('-5', '5', 'input.n')})",
            f"count({self.listed(depth - 1)})",
            f"count({self.text(depth - 1)})",
            f"count({self.set(depth - 1)})",
            f'object.get(input.o, "{self.pick("a", "z")}", {a})',
            b,
        )

    def text(self, depth: int) -> str:
        if depth == 0:
            return self.pick('""', '"a"', '"b"', '"é"', '"a.b.c"', "input.s", "input.ws[1]")
        a = self.text(depth - 1)
        return self.pick(
            f'trim_prefix({a}, "{self.pick("a", "é", "")}")',
            f'trim_suffix({a}, "{self.pick("c", "é", "")}")',
            f'split({self.pick("input.s", "input.ws[0]")}, "{self.pick("-", "b")}")[0]',
            a,
        )

    def kind(self) -> str:
        """What a collection holds: engines refuse mixed ones when compiling."""
        return self.chance.choice(["number", "text"])

    def element(self, kind: str, depth: int) -> str:
        return self.number(depth) if kind == "number" else self.text(depth)

    def listed(self, depth: int, kind: str = "") -> str:
        kind = kind or self.kind()
        if depth == 0:
            leaves = {
                "number": ["input.none", "[1, 2]", "input.xs"],
                "text": ['["a", "b"]', "input.ws"],
            }
            return self.chance.choice(leaves[kind])
        below = self.listed(depth - 1, kind)
        return self.pick(
            f"array.concat({below}, {self.listed(depth - 1, kind)})",
            f"[x | some x in {below}]",
            f"[x | some x in {below}; x {self.pick('>', '<', '==')} {self.element(kind, 0)}]",
            f"[{self.element(kind, depth - 1)}, {self.element(kind, depth - 1)}]",
        )

    def set(self, depth: int, kind: str = "") -> str:
        kind = kind or self.kind()
        if depth == 0:
            leaves = {"number": ["{1, 2}", "{2, 3, 7}"], "text": ['{"a", "é"}', '{"b", "c"}']}
            return self.chance.choice(leaves[kind])
        a, b = self.set(depth - 1, kind), self.set(depth - 1, kind)
        return self.pick(
            f"({a} | {b})",
            f"({a} & {b})",
            f"({a} - {b})",
            f"{{x | some x in {self.listed(depth - 1, kind)}}}",
            f"union({{{a}, {b}}})",
            f"intersection({{{a}, {b}}})",
        )

    def boolean(self, depth: int) -> str:
        kind = self.kind()
        a, b = self.element(kind, depth), self.element(kind, depth)
        s, t = self.text(depth), self.text(depth)
        return self.pick(
            f"{a} {self.pick('<', '<=', '>', '>=', '==', '!=')} {b}",
            f"{a} {self.pick('<', '<=', '>', '>=', '==', '!=')} {b}",
            f"{self.set(depth, kind)} == {self.set(depth, kind)}",
            f"{self.listed(depth, kind)} == {self.listed(depth, kind)}",
            f"{self.pick('startswith', 'endswith', 'contains')}({s}, {t})",
            f"{a} in {self.pick(self.listed(depth, kind), self.set(depth, kind))}",
            f"strings.any_prefix_match({s}, [{t}])",
            f"strings.any_suffix_match([{s}, {t}], [{t}])",
            f"not {a} in {self.listed(depth, kind)}",
            f"count(object.keys(input.o)) {self.pick('==', '<')} {self.number(0)}",
        )

    def body(self, name: str) -> str:
        """Several lines that build on each other."""
        kind, depth = self.kind(), self.chance.choice([0, 1])
        lines = [
            f"some x in {self.listed(depth, kind)}",
            f"some y in {self.set(depth, kind)}",
            f"x {self.pick('<', '<=', '==', '!=', '>')} {self.element(kind, depth)}",
            f"not y == {self.element(kind, depth)}",
            f"z := [x, y, {self.element(kind, depth)}]",
            f"{self.boolean(depth)}",
            f"count([w | some w in z; w != x]) {self.pick('<', '>')} {self.number(0)}",
        ]
        wanted = [line for line in lines[2:] if self.chance.random() < 0.6 or line[0] == "z"]
        kept = [line for line in wanted if line[0] not in "([-"]
        inside = "\n\t".join([*lines[:2], *kept])
        return f"{name} contains [x, y] if {{\n\t{inside}\n}}"

    def rule(self, name: str) -> str:
        if self.chance.random() < 0.4:
            return self.body(name)
        depth = self.chance.choice([0, 1, 1, 2])
        kind = self.chance.choice(["number", "text", "listed", "set", "boolean", "boolean"])
        made = getattr(self, kind)(depth)
        if kind == "boolean":
            return f"{name} if {made}"
        return f"{name} := {made}"


@pytest.mark.opa
def test_no_difference_inside_the_profile(opa_tool, tmp_path) -> None:
    maker, each = Maker(20261120), 100
    (tmp_path / "input.in").write_text(json.dumps(INPUT), encoding="utf-8")
    for number in range(EXPRESSIONS // each):
        rules = [maker.rule(f"r{n}") for n in range(each)]
        module = "package a\n\nimport rego.v1\n\n" + "\n\n".join(rules) + "\n"
        assert lint([("m.rego", module)], Profile("a")).problems == []
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "m.rego").write_text(module, encoding="utf-8")
        there = opa_tool.evaluate(folder, tmp_path / "input.in", "data.a")
        assert there["status"] == "defined", module
        for n, rule in enumerate(rules):
            case = {"data": {}, "module": module, "entrypoint": f"a/r{n}", "input": INPUT}
            here = evaluate(case)
            value = there["value"].get(f"r{n}")
            wanted = {"status": "undefined"} if value is None else {"status": "defined"}
            assert here["status"] == wanted["status"], rule
            assert here.get("value") == value, rule
