"""What stands in for a missing part: nothing. Runs that need it fail and say what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts

ROOT = Path(__file__).parents[2]


def _run(*words, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_lab_starts_without_trino(tmp_path):
    done = _run("tests.trino.run", MESHGATE_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "the Trino server: `make fetch` brings it" in done.stderr


@pytest.mark.parametrize("required", ["", "trino"])
def test_a_test_without_the_lab(required):
    words = ("pytest", "tests/trino/test_lab.py", "-k", "durable", "-rs", "-n", "0")
    done = _run(*words, "-p", "no:cacheprovider", MESHGATE_REQUIRE=required)
    assert done.returncode == (1 if required else 0), done.stdout
    assert "make trino-test" in done.stdout


def test_where_a_change_lands_every_part_is_required():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    required = re.search(r"MESHGATE_REQUIRE=(\S+)", script)
    assert required
    assert set(required[1].split(",")) == {"java", "opa", "trino", "postgres"}
    assert script.index("MESHGATE_REQUIRE") < script.index("make trino-test")


def _jdk(home, version):
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch()
    (home / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')


@pytest.fixture
def homes(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_JDK_FOLDERS", (f"{tmp_path}/jvm/*",))
    monkeypatch.setattr(parts, "_JDK_FOLDERS_AT_HOME", ())
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path / "jvm"


def test_the_least_jdk_that_trino_takes_is_found(homes):
    for name, version in (("old", "17.0.15"), ("new", "25.0.3"), ("newer", "26"), ("none", "x")):
        _jdk(homes / name, version)
    assert parts.jdk() == homes / "new" / "bin" / "java"


def test_an_old_jdk_is_none(homes):
    _jdk(homes / "old", "23.0.1")
    assert parts.jdk() is None


@pytest.mark.usefixtures("homes")
def test_java_home_counts(monkeypatch, tmp_path):
    _jdk(tmp_path / "own", "24.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "own"))
    assert parts.jdk() == tmp_path / "own" / "bin" / "java"


_GROUPED = """
import pytest
pytestmark = pytest.mark.xdist_group("one")
@pytest.mark.parametrize("n", ["a", "b", "c", "d", "e", "f"])
def test_it(worker_id, n):
    print("ran on", worker_id)
"""


def test_a_group_runs_on_one_worker(tmp_path):
    """Tests of one group share tables and servers: apart they would break each other."""
    (tmp_path / "test_grouped.py").write_text(_GROUPED)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    words = ("-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:cacheprovider")
    done = _run("pytest", str(tmp_path), f"--rootdir={tmp_path}", "-c", os.devnull, *words)
    ran = re.findall(r"^ran on (\w+)$", done.stdout, re.MULTILINE)
    assert len(ran) == 6, done.stdout
    assert len(set(ran)) == 1
