"""``make test``: all that this machine can run, ending with what was left out and how to add it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.parts import cli_jar, jdbc_jar, opa_path, trino_home

LEFT_OUT = (
    ("opa", opa_path, "the rego = opa comparison and the policy tests on a real OPA"),
    ("java", jdbc_jar, "the JDBC driver"),
    ("java", cli_jar, "the Trino CLI"),
    ("trino", trino_home, "the server of `make trino-test`"),
)


def main() -> int:
    """Run the suite in parallel; real clients and benchmarks have targets of their own."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "tests", "-n", "2", "--dist", "loadgroup", "-rs"]
    command += ["--ignore=tests/trino"]  # it needs servers, which a target of its own starts
    command += order()
    status = subprocess.run(command, check=False).returncode
    print(f"\nmake test took {time.monotonic() - began:.0f} s")
    missing = [(part, what) for part, find, what in LEFT_OUT if find() is None]
    for part, what in missing:
        print(f"left out: {what} ({part} is missing; `make fetch` brings it)")
    print("left out: what only a real Trino shows (`make trino-test`)")
    print("left out: benchmarks (`make bench`); the long property runs (HYPOTHESIS=proof)")
    return status


CI_SEED = 702871823


def order() -> list[str]:
    """Random order for people; one known order where a change lands, so that it can be repeated."""
    return [f"--randomly-seed={CI_SEED}"] if os.environ.get("CI") else []


if __name__ == "__main__":
    sys.exit(main())
