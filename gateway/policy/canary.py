"""The embedded engine's self-test: fixed questions whose answers OPA gave.

The interpreter is a native library. Should another build of it answer one of these
otherwise, the gateway does not start.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from regopy import Interpreter, LogLevel, RegoError

from gateway.policy.canonical import canonical_text

UNDEFINED, DEFINED, FAILED = "undefined", "defined", "eval_error"


class CanaryError(RuntimeError):
    """The interpreter differs from what is recorded; ``differences`` name the cases."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__("the embedded policy engine differs in: " + "; ".join(differences))
        self.differences = tuple(differences)


def load_cases() -> list[dict[str, Any]]:
    """The recorded cases: id, module, entrypoint, input, data, expected."""
    text = files("gateway.policy").joinpath("canary.json").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases


def evaluate(case: dict[str, Any]) -> dict[str, Any]:
    """The interpreter's answer: status, and the value if defined."""
    interpreter = Interpreter()
    interpreter.log_level = LogLevel.NONE
    interpreter.strict_built_in_errors = True
    try:
        interpreter.add_data_json(canonical_text(case["data"]))
        for number, module in enumerate([case["module"], *case.get("extra_modules", [])]):
            interpreter.add_module(f"case{number}.rego", module)
        bundle = interpreter.build(None, [case["entrypoint"]])
        interpreter.set_input(case["input"])
        output = interpreter.query_bundle_entrypoint(bundle, case["entrypoint"])
    except (RegoError, ValueError):
        return {"status": FAILED}
    if not output.ok():
        return {"status": FAILED}
    if str(output) == UNDEFINED:
        return {"status": UNDEFINED}
    expressions = json.loads(str(output)).get("expressions")
    if not expressions:
        return {"status": UNDEFINED}
    return {"status": DEFINED, "value": expressions[0]}


def differences() -> list[str]:
    """The ids of all cases whose answer is not the recorded one, with both answers."""
    found: list[str] = []
    for case in load_cases():
        answer = evaluate(case)
        if _comparable(answer) != _comparable(case["expected"]):
            found.append(f"{case['id']}: {canonical_text(answer)[:200]}")
    return found


def _comparable(answer: dict[str, Any]) -> str:
    return canonical_text([answer["status"], answer.get("value")])


@cache
def check_canary() -> None:
    """Run the self-test once per process; raises CanaryError."""
    found = differences()
    if found:
        raise CanaryError(found)
