"""``meshgate query`` and ``meshgate explain``, against a gateway and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

SQL = "SELECT claim_id, ssn, amount, code FROM lake.x_cli.base WHERE claim_id = 3"


@pytest.fixture
def run(gateway):
    def call(*words, here=False):
        """Ask the running gateway, or (``here``, in a process of its own) be one."""
        if not here:
            place = [] if "--server" in words else ["--server", gateway.url]
            done = CliRunner().invoke(app, [*words, *place])
            trace = "" if isinstance(done.exception, SystemExit | None) else "Traceback"
            return subprocess.CompletedProcess(
                words, done.exit_code, done.stdout, done.stderr + trace
            )
        names = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
        names |= {
            "MESHGATE_CATALOG__DIRECTORY": str(gateway.root / "catalogs"),
            "MESHGATE_POLICY__DIRECTORY": str(gateway.root / "policies"),
            "MESHGATE_STATE__DIRECTORY": str(gateway.root / "state-here"),
        }
        start = [sys.executable, "-c", "from gateway.cli.main import main; main()"]
        return subprocess.run(
            [*start, *words], env=names, capture_output=True, text=True, timeout=120, check=False
        )

    return call


@pytest.mark.parametrize("here", [False, True])
def test_a_table_with_its_notes_under_it(run, here):
    done = run("query", SQL, "--as", "bob", here=here)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "claim_id" in lines[1]
    assert "nnn-nn-0003" in done.stdout
    row = next(at for at, line in enumerate(lines) if line.startswith("1 row"))
    assert any(line.startswith("MESHGATE_ROWS_FILTERED") for line in lines[row:])
    assert any(line.startswith("MESHGATE_MASKED") for line in lines[row:])


def test_json_lines_for_programs(run):
    done = run("query", SQL, "--as", "bob", "--json")
    (line,) = done.stdout.splitlines()
    assert json.loads(line) == {
        "claim_id": 3, "ssn": "nnn-nn-0003", "amount": 4.5, "code": "103",
    }  # fmt: skip
    assert "MESHGATE_MASKED" in done.stderr


def test_names_of_the_session(run):
    done = run("query", "SELECT count(*) AS n FROM base;", "--as", "alice", "--catalog", "lake",
               "--schema", "x_cli", "--json")  # fmt: skip
    assert json.loads(done.stdout) == {"n": 20}


def test_explain_says_why(run):
    done = run("explain", SQL, "--as", "bob", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    effects = {(row["item"], row["name"].rpartition(".")[2]): row["effect"] for row in found}
    assert effects[("column", "ssn")] == "mask:show-last-4"
    assert effects[("filter", "base")] == "rows limited"


@pytest.mark.parametrize(
    ("here", "words", "said"),
    [
        (False, ["SELECT nope FROM lake.x_cli.base", "--as", "bob"], "COLUMN_NOT_FOUND"),
        (True, ["SELECT nope FROM lake.x_cli.base", "--as", "bob"], "COLUMN_NOT_FOUND"),
        (False, [SQL, "--as", "mallory"], "mallory"),
        (True, [SQL, "--as", "mallory"], "mallory"),
        (False, [SQL, "--as", "bob", "--session", "spill=1"], "spill"),
        (False, [SQL, "--as", "bob", "--purpose", "gossip"], "gossip"),
        (False, [SQL, "--as", "bob", "--server", "http://127.0.0.1:1"], "NO CONNECTION"),
    ],
)
def test_refusals_are_told_in_a_line(run, here, words, said):
    done = run("query", *words, here=here)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
