"""The lab is what it says: real parts over the same tables, and nothing of it outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tests.realparts.lab import CATALOGS


def test_trino_reads_the_demo(bare):
    assert bare.execute("SELECT count(*) FROM lake.claims.claims").fetchone()[0] > 0


@pytest.mark.usefixtures("rest")
def test_all_catalogs_are_there(bare):
    assert {name for (name,) in bare.execute("SHOW CATALOGS").fetchall()} >= set(CATALOGS)


def test_pyiceberg_reads_what_trino_wrote(lake, bare, scratch):
    bare.execute(f"CREATE TABLE lake.{scratch}.t AS SELECT 7 AS n").fetchall()
    table = lake.load_table((scratch, "t"))
    assert table.scan().to_arrow().to_pylist() == [{"n": 7}]


def test_both_ways_through_the_rest_catalog(rest_lake, bare, rest_scratch):
    table = rest_lake.create_table((rest_scratch, "p"), schema=pa.schema([("n", pa.int64())]))
    table.append(pa.table({"n": [1, 2]}))
    bare.execute(f"INSERT INTO rest.{rest_scratch}.p VALUES 3").fetchall()
    assert bare.execute(f"SELECT sum(n) FROM rest.{rest_scratch}.p").fetchone() == [6]
    table.refresh()
    assert sorted(table.scan().to_arrow()["n"].to_pylist()) == [1, 2, 3]


def test_an_own_database(database):
    assert database.execute("SELECT current_database()").fetchone() == ("meshgate",)


def test_postgres_is_durable(database):
    assert database.execute("SHOW fsync").fetchone() == ("on",)


_KILLED = """
import signal, sys, time
from pathlib import Path
from tests.realparts.process import running
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background run ignores it
with running("sleep", ["sleep", "600"], log=Path(sys.argv[1])) as part:
    print(part.process.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_outlives_its_starter(tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, tmp_path / "log"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert _runs(child)
        starter.send_signal(number)
        starter.wait(20)
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline, "the part outlived its starter"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
