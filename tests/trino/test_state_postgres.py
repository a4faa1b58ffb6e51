"""The shared state in PostgreSQL, also while PostgreSQL is restarted under it.

These need PostgreSQL alone: a cluster of their own, because they stop it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from gateway.audit.model import Result
from gateway.cli.audit import app
from gateway.errors import MeshgateError
from gateway.server.state import State, StateError, open_state
from gateway.settings import Settings, StateSettings
from tests.parts import missing, postgres_programs
from tests.realparts.ports import free_port
from tests.realparts.postgres import postgres
from tests.realparts.process import Part, running
from tests.unit.state.contract import (
    SLUG,
    AuditContract,
    DecisionsContract,
    StatementsContract,
    decision,
    record,
    statement,
)

_WAIT_SECONDS = 90


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL that can be killed and started again on its data."""

    part: Part
    url: str
    stack: ExitStack

    async def kill(self) -> None:
        """Stop at once, as a power cut would: the next start recovers."""
        self.part.process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(self.part.process.wait, _WAIT_SECONDS)

    async def start(self) -> None:
        """Start it again; by this thread, because the server ends with who started it."""
        user = "nobody" if os.geteuid() == 0 else None
        again = running("postgres", self.part.process.args, log=self.part.log, user=user)
        self.part = self.stack.enter_context(again)
        await asyncio.to_thread(self.part.wait, self._answers, _WAIT_SECONDS)

    def _answers(self) -> bool:
        try:
            psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if postgres_programs() is None:
        missing("postgres", "no PostgreSQL server: install the package `postgresql`")
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.chmod(0o755)  # the server runs as another user
        part = stack.enter_context(postgres(root, ("state",), free_port()))
        yield Cluster(part, part.url, stack)


_NUMBER = itertools.count()


@pytest.fixture
def url(cluster: Cluster) -> str:
    """An empty schema of this test's own: recovery after a kill syncs every file there is."""
    name = f"state_{next(_NUMBER)}"
    with psycopg.connect(f"{cluster.url}/state", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{cluster.url}/state?options=-csearch_path%3D{name}"


@pytest.fixture
def gateways(url, tmp_path):
    opened: list[State] = []

    def one_more() -> State:
        directory = tmp_path / str(len(opened))
        state = StateSettings(directory=directory, database_url=SecretStr(url))
        opened.append(open_state(Settings(state=state)))
        return opened[-1]

    yield one_more
    for state in opened:
        state.close()


class TestAudit(AuditContract):
    """In PostgreSQL."""


class TestDecisions(DecisionsContract):
    """In PostgreSQL."""


class TestStatements(StatementsContract):
    """In PostgreSQL."""


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


async def test_gateways_that_start_at_once_share_one_key(gateways):
    states = await asyncio.gather(*(asyncio.to_thread(gateways) for _ in range(6)))
    assert len({state.poll_keys for state in states}) == 1


async def test_no_handle_stands_open_in_the_table(gateways, url):
    await gateways().statements.open(statement())
    assert SLUG not in str(rows(url, "SELECT * FROM open_statement"))


def key_file(directory: Path, *keys: bytes) -> None:
    directory.mkdir()
    (directory / "poll.keys").write_text("\n".join(key.hex() for key in keys))


def test_a_key_file_keeps_the_key_out_of_the_database(gateways, url, tmp_path):
    old, new = b"o" * 32, b"n" * 32
    key_file(tmp_path / "0", old)
    key_file(tmp_path / "1", new, old)
    assert gateways().poll_keys == (old,)
    assert gateways().poll_keys == (new, old)
    stored = str(rows(url, "SELECT * FROM poll_key"))
    assert old.hex() not in stored
    assert new.hex() not in stored


def test_different_key_files_are_refused(gateways, tmp_path):
    key_file(tmp_path / "0", b"a" * 32)
    gateways()
    key_file(tmp_path / "1", b"b" * 32)
    with pytest.raises(ValueError, match="same file, or none"):
        gateways()
    (tmp_path / "1" / "poll.keys").unlink()
    with pytest.raises(ValueError, match="copy it to"):
        gateways()


def test_a_key_file_beside_a_shared_key_is_refused(gateways, tmp_path):
    gateways()
    key_file(tmp_path / "1", b"b" * 32)
    with pytest.raises(ValueError, match="same file, or none"):
        gateways()


async def test_commits_reach_the_disk_whatever_the_server_says(gateways, url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE state SET synchronous_commit = off")
        state = gateways()
        connection.execute("ALTER DATABASE state RESET synchronous_commit")
    shown = await state.audit._store.read(lambda d: d.rows("SHOW synchronous_commit"))
    assert shown == [("on",)]


async def until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(_WAIT_SECONDS):
        while not reached():  # noqa: ASYNC110 - what is waited for is a list
            await asyncio.sleep(0.01)


async def test_a_killed_server_loses_nothing_that_was_acknowledged(gateways, cluster, url):
    """Statements go on while the server dies: each was recorded, or its sender was told."""
    state = gateways()
    acknowledged: list[str] = []
    refused: list[str] = []
    stopped = asyncio.Event()

    async def client(number: int) -> None:
        for n in itertools.count():
            query_id = f"q{number}_{n}"
            try:
                await state.audit.started(
                    record(query_id),
                    state.active.opening(decision(query_id)),
                    state.statements.opening(statement(query_id)),
                )
            except MeshgateError as error:
                refused.append(f"{error.name}: {error.message}")
                await asyncio.sleep(0.01)
            else:
                acknowledged.append(query_id)
            if stopped.is_set():
                return

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    await until(lambda: len(acknowledged) >= 200)
    await cluster.kill()
    await until(lambda: refused)
    with pytest.raises(MeshgateError):
        await state.active.of("nobody", fresh=True)
    await cluster.start()
    some = len(acknowledged)
    await until(lambda: len(acknowledged) >= some + 50)
    stopped.set()
    await asyncio.gather(*clients)
    (told,) = set(refused)
    assert told.startswith("CONFIGURATION_UNAVAILABLE: access records are unavailable")
    recorded = {row[0] for row in rows(url, "SELECT query_id FROM audit_record")}
    assert set(acknowledged) <= recorded
    for table in ("active_decision", "open_statement"):
        assert {row[0] for row in rows(url, f"SELECT query_id FROM {table}")} == recorded


async def test_the_first_statement_after_a_restart_works(gateways, cluster):
    state = gateways()
    await state.audit.started(record("q1"))
    await state.active.of("alice")
    await cluster.kill()
    await cluster.start()
    await state.audit.started(record("q2"), state.active.opening(decision("q2")))
    assert await state.audit.find("q1")
    assert len(await state.active.of("alice", fresh=True)) == 1


async def test_a_connection_cut_between_statements_is_not_felt(gateways, url):
    state = gateways()
    await state.audit.started(record("q1"))
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'meshgate' AND datname = current_database()"
    )
    assert rows(url, cut) != [(0,)]
    await state.audit.started(record("q2"))
    assert len(await state.audit.query()) == 2


async def test_a_server_that_does_not_answer_refuses_in_time(gateways, cluster):
    """Stopped, not dead: sockets stay open and nothing comes back."""
    state = gateways()
    await state.audit.started(record("q1"))
    pids = _family(cluster.part.process.pid)
    for pid in pids:
        signal_to(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(MeshgateError, match="access records are unavailable"):
            await state.audit.started(record("q2"))
        assert time.monotonic() - began < 15
        # the stuck connection was cut: the next one fails by itself, sooner
        began = time.monotonic()
        with pytest.raises(MeshgateError, match="access records are unavailable"):
            await state.audit.started(record("q2b"))
        assert time.monotonic() - began < 9
    finally:
        for pid in pids:
            signal_to(pid, signal.SIGCONT)
    for _ in range(100):
        try:
            await state.audit.started(record("q3"))
            break
        except MeshgateError:
            await asyncio.sleep(0.2)
    assert await state.audit.find("q3")
    assert await state.audit.find("q2b") is None


def _family(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [pid, *map(int, found.stdout.split())]


def signal_to(pid: int, number: signal.Signals) -> None:
    subprocess.run(["kill", f"-{int(number)}", str(pid)], check=False)


def test_a_database_that_cannot_be_used_names_the_setting_and_no_password(tmp_path):
    url = f"postgresql://meshgate:hunter2@127.0.0.1:{free_port()}/state"
    state = StateSettings(directory=tmp_path, database_url=SecretStr(url))
    with pytest.raises(StateError, match="MESHGATE_STATE__DATABASE_URL") as caught:
        open_state(Settings(state=state))
    assert "hunter2" not in str(caught.value)
    shown = CliRunner().invoke(app, ["show", "--database-url", url])
    assert shown.exit_code == 2
    assert "hunter2" not in shown.output


async def test_a_database_of_a_later_version_is_left_alone(gateways, url, tmp_path):
    gateways()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO state_version VALUES (99)")
    state = StateSettings(directory=tmp_path / "x", database_url=SecretStr(url))
    with pytest.raises(StateError):
        open_state(Settings(state=state))


async def test_the_command_line_reads_it(gateways, url):
    await gateways().audit.finished(record("q1", "finished", result=Result("finished", rows=7)))
    shown = CliRunner().invoke(app, ["show", "--database-url", url, "--outcome", "finished"])
    assert shown.exit_code == 0, shown.output
    assert "q1" in shown.output
    again = CliRunner().invoke(app, ["show", "--query-id", "q1"], env={
        "MESHGATE_STATE__DATABASE_URL": url,
    })  # fmt: skip
    assert '"rows": 7' in again.output
