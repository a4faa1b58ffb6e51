"""JSON lines in and out: one line each, whatever a line holds; the same text as the goldens."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from typer import Typer
from typer.testing import CliRunner

from gateway.cli.govern import govern
from gateway.server.lines import MAX_LINE, LinePlanner, read_lines
from tests.golden.cases import files, read
from tests.golden.outcomes import DEFAULTS, mesh, service

WORLDS = Path(__file__).parents[2] / "worlds"
APP = Typer()
APP.command()(govern)


@pytest.fixture(autouse=True)
def _own_logs():
    """The command sends logs to the runner's standard error, which ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def planner():
    person = mesh("shop").directory.principal("eu_analyst")
    assert person is not None
    return LinePlanner(service("shop", "trino"), person)


async def ask(planner: LinePlanner, line: bytes | None) -> dict:
    answer = await planner.answer(line)
    assert answer.endswith(b"\n")
    assert answer.count(b"\n") == 1
    found = json.loads(answer)
    assert list(found) == ["id", "outcome", "sql", "error", "tables"]
    return found


def line(sql: str, **more: object) -> bytes:
    return json.dumps({"id": 1, "sql": sql, "catalog": "lake", "schema": "sales", **more}).encode()


async def test_a_governed_line(planner):
    found = await ask(planner, line("SELECT id FROM orders", id="q-1"))
    assert (found["id"], found["outcome"], found["error"]) == ("q-1", "governed", None)
    assert found["tables"] == ["lake.sales.orders"]
    assert '"$g"."region" IN (\'EU\')' in found["sql"]


async def test_an_answered_line(planner):
    found = await ask(planner, line("SHOW TABLES"))
    assert (found["outcome"], found["sql"], found["tables"]) == ("answered", None, [])


async def test_a_refused_line(planner):
    found = await ask(planner, line("SELECT * FROM ledger"))
    assert found["outcome"] == "refused"
    assert found["error"] == {
        "name": "TABLE_NOT_FOUND",
        "code": 46,
        "type": "USER_ERROR",
        "message": "line 1:15: Table 'lake.sales.ledger' does not exist",
    }


async def test_defaults_are_folded_and_optional(planner):
    found = await ask(planner, line("SELECT id FROM orders", catalog="LAKE", schema="Sales"))
    assert found["outcome"] == "governed"
    found = await ask(planner, json.dumps({"sql": "SELECT id FROM lake.sales.orders"}).encode())
    assert (found["id"], found["outcome"]) == (None, "governed")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"",
        b"SELECT 1",
        b"[]",
        b"null",
        b'{"id": 1}',
        b'{"id": 1, "sql": 5}',
        b'{"id": 1, "sql": null}',
        b'{"id": true, "sql": "SELECT 1"}',
        b'{"id": 1.5, "sql": "SELECT 1"}',
        b'{"id": [1], "sql": "SELECT 1"}',
        b'{"id": NaN, "sql": "SELECT 1"}',
        b'{"id": 1, "sql": "SELECT 1", "extra": 2}',
        b'{"id": 1, "sql": "SELECT 1", "catalog": 5}',
        b'{"id": 1, "sql": "SELECT 1", "sql": "SELECT 2"}',
        b'{"id": 1, "sql": "SELECT 1"} {}',
        b'{"id": 1, "sql": "\xff"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id": ' + b"9" * 10_000 + b', "sql": "SELECT 1"}',
    ],
    ids=lambda bad: repr(bad)[:40],
)
async def test_a_bad_line_is_one_refused_line(planner, bad):
    found = await ask(planner, bad)
    assert (found["outcome"], found["error"]["name"]) == ("refused", "GENERIC_USER_ERROR")


async def test_a_text_with_half_a_character_is_refused(planner):
    found = await ask(planner, b'{"id": "\\ud800", "sql": "SELECT \'\\ud800\'"}')
    assert found["outcome"] == "refused"


async def test_the_id_comes_back_where_it_can_be_read(planner):
    found = await ask(planner, b'{"id": 7, "sql": 5}')
    assert found["id"] == 7


async def test_a_defect_refuses_one_line_alone(planner, monkeypatch):
    async def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(planner._service, "plan", broken)
    found = await ask(planner, line("SELECT id FROM orders"))
    assert found["error"]["name"] == "GENERIC_INTERNAL_ERROR"
    assert "secret" not in found["error"]["message"]


def test_lines_are_read_one_by_one():
    assert list(read_lines(io.BytesIO(b"a\n\nb"))) == [b"a", b"", b"b"]
    long = b"x" * (MAX_LINE + 5)
    assert list(read_lines(io.BytesIO(long + b"\nb\n"))) == [None, b"b"]
    assert list(read_lines(io.BytesIO(b""))) == []


def run(*arguments: str, source: bytes = b"") -> tuple[int, str]:
    result = CliRunner().invoke(APP, list(arguments), input=source)
    return result.exit_code, result.output


def test_the_command_answers_every_line():
    world = str(WORLDS / "shop.yaml")
    source = b"\n".join([line("SELECT id FROM orders"), b"no json", line("SHOW TABLES"), b""])
    code, output = run("--as", "eu_analyst", "--engine", "duckdb", "--world", world, source=source)
    answers = [json.loads(text) for text in output.splitlines() if text.startswith("{")]
    assert code == 0
    assert [a["outcome"] for a in answers] == ["governed", "refused", "answered"]
    assert '"lake.sales.orders:0"' in answers[0]["sql"]


def test_only_answers_are_written_to_standard_output():
    result = subprocess.run(
        [
            *(sys.executable, "-c", "from gateway.cli.govern import *; typer.run(govern)"),
            *("--as", "nurse", "--world", str(WORLDS / "mesh.yaml")),
        ],
        input=line("SELECT id FROM broken.broken.things") + b"\n",
        capture_output=True,
        check=True,
    )
    answers = [json.loads(text) for text in result.stdout.splitlines()]
    assert [answer["outcome"] for answer in answers] == ["refused"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as", "nobody", "--world", str(WORLDS / "shop.yaml")],
        ["--as", "eu_analyst", "--world", str(WORLDS / "none.yaml")],
        ["--as", "eu_analyst", "--engine", "spark", "--world", str(WORLDS / "shop.yaml")],
    ],
)
def test_the_command_says_what_cannot_be_used(arguments):
    assert run(*arguments)[0] == 2


async def test_lines_give_the_text_of_every_golden():
    cases = [c for path in files() for c in read(path) if c.command == "govern"]
    for case in cases[::7]:
        world = case.options["world"]
        person = mesh(world).directory.principal(case.options["as"])
        assert person is not None
        asked = LinePlanner(service(world, case.options.get("engine", "trino")), person)
        catalog, schema = DEFAULTS[world]
        catalog = case.options.get("catalog", catalog)
        schema = case.options.get("schema", schema)
        found = await ask(asked, line(case.text, catalog=catalog, schema=schema))
        assert found["sql"] == case.expected
