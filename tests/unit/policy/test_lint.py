"""The portable profile: every rule refuses a case of its own, at the right place."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from policy_lab import DATA

from gateway.policy.canary import differences, load_cases
from gateway.policy.input import InputError, guard, require
from gateway.policy.lint import Profile, lint, profile_of
from gateway.policy.schema import conform

CASES = json.loads((DATA / "rego_idioms.json").read_text(encoding="utf-8"))["cases"]
HEAD = "package domains.d\n\nimport rego.v1\n\n"


def codes(body: str, package: str = "domains.d") -> list[str]:
    return [p.code for p in lint([("p.rego", HEAD + body)], profile_of(package)).problems]


@pytest.mark.parametrize(
    ("code", "line", "column", "body"),
    [
        ("R03", 5, 1, "f(x) := x"),
        ("R04", 5, 14, 'r if input.a with input as {"a": 1}'),
        ("R05", 5, 6, 'r := upper("a")'),
        ("R05", 5, 6, "r := http.send({})"),
        ("R06", 5, 6, "r := data.domains.other.decision"),
        ("R06", 5, 6, "r := data"),
        ("R07", 5, 6, "r := misspelt"),
        ("R07", 5, 6, "r if xs[_] == 1\nxs := [1]"),
        ("R08", 5, 11, "r if some [a, b] in input.x"),
        ("R09", 5, 11, "r if null < 1"),
        ("R10", 5, 11, "r := [k | some k, v in input.x; v == 1]"),
        ("R11", 5, 6, "r if every x in input.x { x == 1 }"),
        ("R11", 5, 10, "r if not every x in input.x { x == 1 }"),
        ("R12", 5, 6, "r := `a`"),
        ("R12", 5, 6, 'r := $"a{input.x}"'),
        ("R13", 5, 6, 'r := "a\\nb"'),
        ("R14", 5, 8, "r := 4 / 2"),
        ("R14", 5, 6, "r := 1.5"),
        ("R14", 5, 6, "r := 1e3"),
        ("R14", 5, 6, "r := 9007199254740992"),
        ("R15", 7, 2, "r if {\n\tx := input.n\n\t(x + 1) < 0\n}"),
        ("R15", 7, 2, "r if {\n\tx := input.n\n\t-1 == x\n}"),
        ("R15", 8, 2, "r if {\n\tx := input.n\n\t# a comment\n\t[x] == [1]\n}"),
        ("I05", 5, 6, "r := input.subject.attributes"),
        ("I05", 5, 6, "r := input.subject"),
        ("I05", 5, 6, "r := input"),
        ("I05", 5, 6, 'r := input.subject.attributes[x] if { some x in ["a"] }'),
        ("syntax", 5, 8, "r := 1 2"),
        ("syntax", 5, 6, "r := ?"),
        ("syntax", 5, 3, "r { input.x }"),
        ("syntax", 5, 9, "r := {a {}"),
    ],
)
def test_each_rule_refuses_its_case(code: str, line: int, column: int, body: str) -> None:
    problems = lint([("p.rego", HEAD + body)], profile_of("domains.d")).problems
    found = next((p for p in problems if p.code == code), None)
    assert found is not None, problems
    assert (found.file, found.line) == ("p.rego", line)
    if code != "syntax" and not (code == "R07" and "_" in body):
        assert found.column == column


def test_r01_package_is_the_folders() -> None:
    problems = lint([("p.rego", "package domains.x\n\nr := 1")], profile_of("domains.d")).problems
    assert [(p.code, p.line) for p in problems] == [("R01", 1)]


def test_r02_only_rego_v1_is_imported() -> None:
    text = "package domains.d\n\nimport data.other\n\nr := 1"
    problems = lint([("p.rego", text)], profile_of("domains.d")).problems
    assert [(p.code, p.line) for p in problems] == [("R02", 3)]


@pytest.mark.parametrize(
    "body",
    [
        "r := data.config.d.x\ns := data.config.global.y",
        "r contains x if {\n\tsome x in input.a\n\tnot x in input.b\n}",
        "r[c.name] contains 1 if some c in input.table.columns",
        'r if {"a": 1, "b": 2} == {"b": 2, "a": 1}',
        "r := {x | some x in input.a} & {1, 2}",
        "r := [y | some x in input.a; y := x + 1]",
        "r := {k: 1 | some k in input.a}",
        "default r := false\n\nr if count(input.a) > 1",
        "r if {\n\tevery x in input.a { x > 0 }\n}",
        "r := 1 if input.a else := 2 if input.b else := 3",
        'r if 1, "b" in input.a',
        "# a comment\nr := set() # another",
        'r := object.get(input.subject.attributes, "x", 0)',
        'r := object.get(input.table, "product", {})',
        "r if {\n\tsome i\n\tinput.a[i] == 1\n}",
        "r := -1 % 2",
        "r if {\n\t(input.n + 1) < 5\n\tinput.n > 1\n}",
        "r := [\n\t[1],\n\t-1,\n\t(2),\n]",
    ],
)
def test_what_the_profile_allows(body: str) -> None:
    assert codes(body) == []


def test_fields_read_are_known() -> None:
    body = (
        "a := input.subject.attributes.x\n"
        'b := input.subject.attributes["y"]\n'
        'c := object.get(input.subject.attributes, "z", 1)\n'
        "d := input.table.product.key\n"
    )
    reading = lint([("p.rego", HEAD + body)], profile_of("domains.d"))
    assert reading.problems == []
    parent = "subject.attributes"
    assert reading.required == {(parent, "x"), (parent, "y"), ("table.product", "key")}
    assert reading.optional == {(parent, "z")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_profile_refuses_as_recorded(case: dict) -> None:
    roots = frozenset((name,) for name in case["data"])
    found = {p.code for p in lint([("a.rego", case["module"])], Profile("a", roots)).problems}
    found |= _input_rules(case)
    assert found == set(case["profile"]["refused_by"])


def _input_rules(case: dict) -> set[str]:
    """The I rules, as the platform applies them to input and static data."""
    recorded = set(case["profile"]["refused_by"])
    found = set()
    for document in (case["input"], case["data"]):
        try:
            guard(document, "input")
        except InputError as error:
            found.add(error.code)
    attributes = {"subject": {"attributes": case["input"]}}
    integers = {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    if "I04" in recorded:
        with pytest.raises(InputError) as raised:
            conform(case["input"], integers, "input.subject.attributes")
        found.add(raised.value.code)
    if "I05" in recorded:
        module = case["module"].replace("input.", "input.subject.attributes.")
        reading = lint([("a.rego", module)], Profile("a"))
        with pytest.raises(InputError) as raised:
            require(reading.required, attributes)
        found.add(raised.value.code)
    return found


CHILD = """
import json, sys
from gateway.policy.canary import evaluate
for case in json.load(sys.stdin):
    print(json.dumps(evaluate(case)), flush=True)
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, dict]:
    """All answers of the interpreter, from a child: what the profile refuses may abort it."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(CASES),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(CASES), f"aborted at {CASES[len(lines)]['id']}: {done.stderr[-300:]}"
    return {case["id"]: json.loads(line) for case, line in zip(CASES, lines, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_interpreter_behaves_as_recorded(case: dict, answers: dict[str, dict]) -> None:
    """Equal to OPA's answer, or to the difference recorded for this build."""
    if "regopy_strict" in case:
        wanted = case["regopy_strict"]
    elif case["known_regopy_difference"] == "none":
        wanted = case.get("expected_strict", case["expected"])
    else:
        wanted = case["regopy"]
    assert _plain(answers[case["id"]]) == _plain(wanted)


def _plain(answer: dict) -> list:
    refused = {"compile_error", "eval_error", "error", "loud"}
    status = "refused" if answer["status"] in refused else answer["status"]
    return [status, json.dumps(answer.get("value"), sort_keys=True)]


def test_law_allowed_means_no_difference() -> None:
    allowed = [case for case in CASES if case["profile"]["allowed"]]
    assert len(allowed) >= 44
    assert {case["known_regopy_difference"] for case in allowed} == {"none"}


def test_canary_holds_and_has_its_cases() -> None:
    assert len(load_cases()) == 36
    assert differences() == []


@pytest.mark.opa
def test_opa_answers_as_recorded(opa_tool, tmp_path) -> None:
    wrong = [case["id"] for case in CASES if not _opa_agrees(opa_tool, tmp_path, case)]
    assert wrong == []


def _opa_agrees(opa_tool, folder, case: dict) -> bool:
    place = folder / case["id"]
    place.mkdir()
    (place / "m.rego").write_text(case["module"], encoding="utf-8")
    for number, extra in enumerate(case.get("extra_modules", [])):
        (place / f"x{number}.rego").write_text(extra, encoding="utf-8")
    (place / "data.json").write_text(json.dumps(case["data"]), encoding="utf-8")
    (place / "input.in").write_text(json.dumps(case["input"]), encoding="utf-8")
    done = opa_tool.evaluate(place, place / "input.in", case["query"])
    return _plain(done) == _plain(case["expected"])
