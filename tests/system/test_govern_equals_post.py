"""``meshgate govern`` writes what POST would run, and no line can end it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from functools import cache

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import MeshgateError
from gateway.session import Session
from tests.golden.cases import Case, files, read
from tests.golden.outcomes import DEFAULTS, WORLDS, mesh, service

_GOVERN = "from gateway.cli.main import main; main()"
_ENGINE = "duckdb"


def statements() -> dict[tuple[str, str], list[Case]]:
    """Every golden statement that the embedded engine is asked for, by world and person."""
    found: dict[tuple[str, str], list[Case]] = {}
    for path in files():
        for case in read(path):
            if case.command != "verify" and case.options.get("engine", _ENGINE) == _ENGINE:
                found.setdefault((case.options["world"], case.options["as"]), []).append(case)
    return found


def session(case: Case) -> Session:
    catalog, schema = DEFAULTS.get(case.options["world"], (None, None))
    return Session(
        catalog=case.options.get("catalog", catalog) or None,
        schema=case.options.get("schema", schema) or None,
    )


def govern(world: str, principal: str, lines: bytes) -> list[dict]:
    """What the command prints for these lines, run in this process."""
    options = ["--as", principal, "--engine", _ENGINE, "--world", str(WORLDS / f"{world}.yaml")]
    done = CliRunner().invoke(app, ["govern", *options], input=lines)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout_bytes.splitlines()]


def govern_apart(world: str, principal: str, lines: bytes) -> list[dict]:
    """The same in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
    command = [
        sys.executable, "-c", _GOVERN, "govern", "--as", principal, "--engine", _ENGINE,
        "--world", str(WORLDS / f"{world}.yaml"),
    ]  # fmt: skip
    done = subprocess.run(
        command, input=lines, capture_output=True, timeout=120, check=True, env=kept
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


async def posted(case: Case) -> tuple[str, str | None, tuple[object, ...]]:
    """What the service answers to the same text by the way POST takes."""
    principal = mesh(case.options["world"]).directory.principal(case.options["as"])
    assert principal is not None
    try:
        plan = await service(case.options["world"], _ENGINE).submit(
            case.text, session(case), principal, "govern"
        )
    except MeshgateError as error:
        code = error.code
        return "refused", None, (code.name, code.code, code.type, error.message)
    governed = plan.governed is not None and plan.outcome == "governed"
    return plan.outcome, plan.governed.sql if governed else None, ()


@cache
def groups() -> list[tuple[str, str]]:
    return sorted(statements())


def test_every_golden_statement_becomes_the_same_text():
    outcomes = set()
    compared = 0
    for world, principal in groups():
        cases = statements()[world, principal]
        asked = [(session(case), case) for case in cases]
        lines = b"".join(
            json.dumps(
                {"id": n, "sql": case.text, "catalog": found.catalog, "schema": found.schema}
            ).encode()
            + b"\n"
            for n, (found, case) in enumerate(asked)
        )
        answers = govern(world, principal, lines)
        assert [answer["id"] for answer in answers] == list(range(len(cases)))
        for answer, case in zip(answers, cases, strict=True):
            error = answer["error"]
            told = (error["name"], error["code"], error["type"], error["message"]) if error else ()
            by_post = asyncio.run(posted(case))
            assert (answer["outcome"], answer["sql"], told) == by_post, case.name
            outcomes.add(answer["outcome"])
            compared += 1
    assert {"governed", "refused"} <= outcomes
    assert compared >= 150


GOOD = b'{"id": "good", "sql": "SELECT 1 FROM lake.sales.orders"}'
BAD = [
    b"",
    b"   ",
    b"\x00\xff\xfe garbage \x80",
    b"not JSON",
    b"[]",
    b'"text"',
    b"null",
    b"{}",
    b'{"id": 1}',
    b'{"id": 1, "sql": null}',
    b'{"id": 1, "sql": 7}',
    b'{"id": 1, "sql": ["SELECT 1"]}',
    b'{"id": {}, "sql": "SELECT 1"}',
    b'{"id": NaN, "sql": "SELECT 1"}',
    b'{"id": 1, "sql": "SELECT 1", "sql": "SELECT 2"}',
    b'{"id": 1, "sql": "SELECT 1", "user": "admin"}',
    b'{"id": 1, "sql": "SELECT 1", "catalog": 5}',
    b'{"id": 1, "sql": ""}',
    b'{"id": 1, "sql": "SELECT \\u0000"}',
    b'{"id": 1, "sql": "SELECT \'\\ud800\'"}',
    b'{"id": 1, "sql": "EXECUTE nothing"}',
    b'{"id": 1, "sql": "SELECT 1 FROM t", "catalog": "\\ud800", "schema": "s"}',
    b'{"id": 1, "sql": "' + b"(" * 100_000 + b'"}',
    b'{"id": 1, "sql": "' + b"x" * 5_000_000 + b'"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"id": ' + b"9" * 10_000 + b', "sql": "SELECT 1"}',
]  # fmt: skip


@pytest.fixture(scope="module")
def person() -> str:
    return next(iter(mesh("shop").directory.entries))


def test_a_bad_line_gives_one_refused_line_and_the_next_is_read(person):
    (alone,) = govern("shop", person, GOOD)
    answers = govern_apart("shop", person, b"\n".join(x for bad in BAD for x in (bad, GOOD)))
    assert len(answers) == 2 * len(BAD)
    for bad, answer in zip(BAD, answers[::2], strict=True):
        assert answer["outcome"] == "refused", bad[:80]
        assert answer["error"]["message"], bad[:80]
        assert answer["sql"] is None
        assert answer["error"]["name"] != "GENERIC_INTERNAL_ERROR", (bad[:80], answer)
    assert all(answer == alone for answer in answers[1::2])


def test_input_without_a_last_line_end_and_without_any_line(person):
    assert govern("shop", person, b"") == []
    (shown,) = govern("shop", person, b'{"sql": "SHOW CATALOGS"}')
    assert (shown["id"], shown["outcome"], shown["sql"]) == (None, "answered", None)
    assert len(govern("shop", person, GOOD + b"\n")) == 1
    assert len(govern("shop", person, GOOD + b"\n\n")) == 2
