"""The OPA binary, where there is one: its own checks, its tests, a server for a while."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gateway.catalog.model import Problem
from gateway.policy.bundle import stage, stage_flat

_START_SECONDS = 20.0
_RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class OpaTool:
    """One binary."""

    path: Path

    @classmethod
    def find(cls) -> Self | None:
        """The binary named by MESHGATE_OPA, else the one on PATH."""
        named = os.environ.get("MESHGATE_OPA") or shutil.which("opa")
        return cls(Path(named)) if named else None

    def check(self, directory: Path) -> list[Problem]:
        """Format, strict compilation with capabilities and schema, dependencies, regal."""
        listed = self._run("fmt", "--list", str(directory))
        found = [
            Problem(name, 1, 1, "opa fmt", "is not formatted: run opa fmt -w")
            for name in listed.stdout.splitlines()
        ]
        everything = self._run("check", "--strict", str(directory))
        found += _problems("opa check", everything)
        found += self._domains(directory)
        regal = shutil.which("regal")
        if regal is not None:
            done = _call([regal, "lint", str(directory)])
            found += _problems("regal", done)
        return found

    def _domains(self, directory: Path) -> list[Problem]:
        """Only domains' modules are bound to the capabilities and the input's schema."""
        extra: list[str] = []
        for option, name in (
            ("--capabilities", "capabilities.json"),
            ("--schema", "input.schema.json"),
        ):
            if (directory / name).is_file():
                extra += [option, str(directory / name)]
        modules = [str(p) for p in sorted(directory.glob("domains/*/*.rego"))]
        modules = [name for name in modules if not name.endswith("_test.rego")]
        if not modules:
            return []
        found = _problems("opa check", self._run("check", "--strict", *extra, *modules))
        for name in modules:
            found += self._foreign(Path(name))
        return found

    def _foreign(self, module: Path) -> list[Problem]:
        """No module reads another domain's rules."""
        package = f"data.domains.{module.parent.name}"
        done = self._run("deps", "--data", str(module), f"{package}.decision", "--format", "json")
        reads = [word.strip('", ') for word in done.stdout.split() if "data.domains." in word]
        return [
            Problem(str(module), 1, 1, "opa deps", f"reads {name}")
            for name in reads
            if not name.startswith(package)
        ]

    def test(self, directory: Path) -> int:
        """``opa test`` with coverage; the number of findings (0 or 1)."""
        with tempfile.TemporaryDirectory() as place:
            stage_flat(directory, Path(place) / "policies")
            done = self._run("test", str(Path(place) / "policies"))
            measured = self._run(
                "test", "--coverage", "--format=json", str(Path(place) / "policies")
            )
        print(done.stdout.strip() or done.stderr.strip())
        covered = [line for line in measured.stdout.splitlines() if '"coverage"' in line]
        if covered:
            print("coverage of all lines: " + covered[-1].split(":")[1].strip(" ,") + " %")
        return 0 if done.returncode == 0 else 1

    def evaluate(self, folder: Path, document: Path, query: str) -> dict[str, object]:
        """One query over the modules and data of a folder: its status, and the value if any."""
        loaded = [str(path) for path in sorted(folder.glob("*.rego"))]
        data = [str(path) for path in sorted(folder.glob("data.json"))]
        options = [option for path in (*loaded, *data) for option in ("-d", path)]
        done = self._run("eval", *options, "-i", str(document), "-f", "json", query)
        answer = json.loads(done.stdout)
        if "errors" in answer:
            return {"status": "eval_error"}
        results = answer.get("result")
        if not results:
            return {"status": "undefined"}
        return {"status": "defined", "value": results[0]["expressions"][0]["value"]}

    @contextmanager
    def serve(self, directory: Path) -> Iterator[str]:
        """A server with these policies on a free loopback port; yields its address."""
        with tempfile.TemporaryDirectory() as place:
            folders = stage(directory, Path(place) / "bundles")
            bundles = [option for folder in folders for option in ("-b", str(folder))]
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            address = f"127.0.0.1:{port}"
            command = [str(self.path), "run", "-s", "--addr", address, "--log-level", "error"]
            server = subprocess.Popen(  # noqa: S603 - the operator's own binary
                [*command, "--disable-telemetry", *bundles],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                _wait(f"http://{address}/health?bundles=true", server)
                yield f"http://{address}"
            finally:
                server.terminate()
                server.wait(10)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _call([str(self.path), *arguments])


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the operator's own binary
        command, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
    )


def _problems(tool: str, done: subprocess.CompletedProcess[str]) -> list[Problem]:
    if done.returncode == 0:
        return []
    text = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return [Problem(tool, 1, 1, tool, line) for line in text if line.strip()]


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"opa ended at once with code {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - loopback
                if answer.status == 200:  # noqa: PLR2004 - OK
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("opa did not become ready")
