"""The script through Trino's own Java clients, and the JDBC driver's metadata calls."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from gateway.errors import ERRORS
from gateway.metadata.warnings import BASE, NAMES
from tests.conformance.conftest import Gateway
from tests.conformance.script import Heard, Row, Step, load, text
from tests.parts import JDBC_VERSIONS, cli_jar, jdbc_jar, require

pytestmark = pytest.mark.java

_SOURCE = Path(__file__).parent / "java" / "Script.java"
_BY_CODE = {row.code: row.name for row in ERRORS.values()}
_TIMEOUT_SECONDS = 240
_JAVA = ("java", "-Duser.timezone=UTC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_MARK = "## step"
_MARK_ROW = json.dumps({"mark": _MARK}, separators=(",", ":"))
STEPS = load()
PEOPLE = tuple(dict.fromkeys(step.who for step in STEPS))


@dataclass(slots=True)
class Answer:
    """What the JDBC program printed for one line."""

    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    error: tuple[int, str] | None = None

    def heard(self) -> Heard:
        """The answer as the script compares it."""
        if self.error is not None:
            return Heard(error=_BY_CODE.get(self.error[0], "UNKNOWN"), message=self.error[1])
        names = tuple(NAMES[code - BASE - 1] for code, _ in self.warnings)
        return Heard(tuple(self.columns), tuple(self.rows), warnings=names)


class Jdbc:
    """Talks to the one Java program of the session, a line and its answer at a time."""

    def __init__(self, program: subprocess.Popen[str], gateway: Gateway) -> None:
        self._program = program
        self._url = f"jdbc:trino://127.0.0.1:{gateway.port}/lake/x_cli"

    def run(self, user: str, *lines: str) -> list[Answer]:
        """One connection of its own: its answers, line by line."""
        opened = self._ask(f"L {b64(self._url)} {b64(user)}")
        assert opened.error is None, opened.error
        return [self._ask(line) for line in lines]

    def _ask(self, line: str) -> Answer:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(line + "\n")
        self._program.stdin.flush()
        (answer,) = _answers(_one(self._program.stdout))
        return answer


def _with_way_home(step: Step) -> tuple[str, ...]:
    """The step's statements; one that moves the connection moves it back."""
    moves = any(sql.startswith("USE ") for sql in step.sql)
    return (*step.sql, "USE lake.x_cli") if moves else step.sql


def _one(output: Iterable[str]) -> Iterator[str]:
    """The lines of one answer; the program ended if there is none."""
    for line in output:
        yield line.rstrip("\n")
        if line == ".\n":
            return


def _answers(lines: Iterable[str]) -> Iterator[Answer]:
    answer = Answer()
    for line in lines:
        kind, *words = line.split(" ")
        if kind == ".":
            yield answer
            answer = Answer()
            continue
        values = tuple(None if word == "-" else _decoded(word) for word in words)
        if kind == "C":
            answer.columns.append((str(values[0]), str(values[1])))
        elif kind == "R":
            answer.rows.append(values)
        elif kind == "U":
            answer.updates.append(int(values[0] or -1))
        elif kind == "W":
            answer.warnings.append((int(values[0] or 0), str(values[1])))
        elif kind == "E":
            answer.error = (int(values[0] or -1), str(values[1]))


def _decoded(word: str) -> str:
    return base64.b64decode(word[1:]).decode()


def b64(value: str) -> str:
    return "=" + base64.b64encode(value.encode()).decode()


def statement(sql: str) -> str:
    return f"S {b64(sql)}"


def described(call: str, *patterns: str | None) -> str:
    return " ".join(["D", call, *("-" if p is None else b64(p) for p in patterns)])


Drivers = Callable[[int], Jdbc]


@pytest.fixture(scope="session")
def drivers(gateway: Gateway) -> Iterator[Drivers]:
    """Every driver asked for, each in one JVM, which compiles the program as it starts."""
    with ExitStack() as stack:
        yield cache(lambda version: stack.enter_context(_program(version, gateway)))


@contextmanager
def _program(version: int, gateway: Gateway) -> Iterator[Jdbc]:
    jar = require("java", jdbc_jar(version))
    with subprocess.Popen(
        [*_JAVA, "-cp", jar, _SOURCE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield Jdbc(program, gateway)
            program.communicate(timeout=_TIMEOUT_SECONDS)  # closes its input: it ends by itself
            assert program.returncode == 0
        finally:
            program.kill()


@pytest.fixture(params=JDBC_VERSIONS)
def jdbc(drivers: Drivers, request: pytest.FixtureRequest) -> Jdbc:
    """Each driver from the oldest to the newest."""
    return drivers(request.param)


@pytest.fixture(scope="session")
def script_of(drivers: Drivers) -> Callable[[int], dict[str, Answer]]:
    """By version: every step's last answer; each person's steps run on one connection."""
    return cache(lambda version: _script(drivers(version)))


def _script(jdbc: Jdbc) -> dict[str, Answer]:
    found = {}
    for who in PEOPLE:
        steps = [step for step in STEPS if step.who == who]
        lines = [statement(sql) for step in steps for sql in _with_way_home(step)]
        answers = iter(jdbc.run(who, *lines))
        for step in steps:
            heard = [next(answers) for _ in _with_way_home(step)]
            found[step.name] = heard[len(step.sql) - 1]
    return found


@pytest.mark.parametrize("version", JDBC_VERSIONS)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_script_by_jdbc(script_of, step, version):
    script_of(version)[step.name].heard().check(step)


@pytest.fixture(scope="session")
def cli_answers(gateway: Gateway) -> dict[str, Heard]:
    """Every step by the CLI: one run per person, with a marker between the steps."""
    jar = require("java", cli_jar())
    found = {}
    for who in PEOPLE:
        steps = [step for step in STEPS if step.who == who]
        printed = _cli(jar, gateway, who, steps)
        parts = printed.split(_MARK_ROW)
        assert len(parts) == len(steps) + 1, printed[-2000:]
        for step, part in zip(steps, parts[1:], strict=True):
            found[step.name] = _printed(part)
    return found


def _cli(jar: Path, gateway: Gateway, who: str, steps: list[Step]) -> str:
    script = "".join(
        f"SELECT '{_MARK}' AS mark;\n" + "".join(f"{sql};\n" for sql in _with_way_home(step))
        for step in steps
    )
    done = subprocess.run(
        [
            *(*_JAVA, "-jar", jar),
            *("--server", gateway.url, "--user", who, "--catalog", "lake", "--schema", "x_cli"),
            *("--output-format", "JSON", "--ignore-errors", "--execute", script),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    return done.stdout


def _printed(part: str) -> Heard:
    """Rows are JSON lines; everything else the CLI prints is a command, a note or an error."""
    rows: list[Row] = []
    message = None
    for line in part.split("\n"):
        if line.startswith("{"):
            found = json.loads(line, parse_float=str)
            rows.append(tuple(text(value) for value in found.values()))
        elif line.startswith("Query ") and " failed: " in line:
            message = line.partition(" failed: ")[2]
    return Heard(rows=tuple(rows), message=message)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_script_by_the_cli(cli_answers, step):
    cli_answers[step.name].check(step)


BASE_COLUMNS = ["claim_id", "ssn", "region", "amount", "code", "d"]


def test_metadata_calls_list_what_can_be_selected(jdbc):
    catalogs, schemas, tables, columns, kinds = jdbc.run(
        "bob",
        described("getCatalogs"),
        described("getSchemas", "lake", None),
        described("getTables", "lake", "x\\_cli", "%"),
        described("getColumns", "lake", "x\\_cli", "base", "%"),
        described("getTableTypes"),
    )
    assert catalogs.rows == [("lake",), ("system",)]
    assert [row[0] for row in schemas.rows] == ["claims", "information_schema", "x_cli"]
    assert [row[:4] for row in tables.rows] == [
        ("lake", "x_cli", "base", "TABLE"),
        ("lake", "x_cli", "kinds", "TABLE"),
    ]
    assert [row[3] for row in columns.rows] == BASE_COLUMNS
    assert [row[16] for row in columns.rows] == ["1", "2", "3", "4", "5", "6"]
    assert [row[4] for row in columns.rows] == ["-5", "12", "12", "8", "12", "91"]
    assert kinds.rows == [("TABLE",), ("VIEW",)]


@pytest.mark.parametrize(
    "call",
    [
        ("getTypeInfo",),
        ("getSchemas", "", "x%"),
        ("getTables", "", "", "%"),
        ("getColumns", "lake", None, "base", "claim\\_id"),
        ("getPrimaryKeys", "lake", "x_cli", "base"),
        ("getImportedKeys", "lake", "x_cli", "base"),
        ("getProcedures", "lake", None, None),
        ("getProcedureColumns", "lake", None, None, None),
        ("getUDTs", "lake", None, None),
        ("getSuperTypes", "lake", None, None),
        ("getSuperTables", "lake", None, None),
        ("getAttributes", "lake", None, None, None),
        ("getPseudoColumns", "lake", None, None, None),
    ],
    ids=lambda call: call[0],
)
def test_every_metadata_call_is_answered(jdbc, call):
    (answer,) = jdbc.run("alice", described(*call))
    assert answer.error is None
    assert answer.columns


def test_parameters_of_a_prepared_statement_are_bound(jdbc):
    sql = "SELECT claim_id, ? AS w FROM base WHERE amount > ? AND region = ? AND d < ? ORDER BY 1"
    bound = ("varchar", "it's"), ("double", "20"), ("varchar", "EU"), ("date", "2020-01-20")
    line = " ".join([f"P {b64(sql)}", *(f"{kind} {b64(value)}" for kind, value in bound)])
    (answer,) = jdbc.run("alice", line)
    assert answer.error is None, answer.error
    assert answer.rows == [("15", "it's"), ("18", "it's")]


def test_a_transaction_reads_and_ends(jdbc):
    off, count, on, valid = jdbc.run(
        "alice", "A false", statement("SELECT count(*) FROM base"), "A true", "V"
    )
    assert [one.error for one in (off, on)] == [None, None]
    assert count.rows == [("20",)]
    assert valid.rows == [("true",)]


def test_a_result_can_be_left_unread(jdbc):
    early, after = jdbc.run(
        "alice", f"T {b64('SELECT claim_id FROM base ORDER BY 1')} 2", statement("SELECT 1")
    )
    assert early.rows == [("1",), ("2",)]
    assert after.rows == [("1",)]
