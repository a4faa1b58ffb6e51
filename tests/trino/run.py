"""``make trino-test``: the lab of real parts started once, the tests in it, all stopped again.

``--keep`` (``make trino-lab``) leaves it up for people and runs no test. Addresses and passwords
stand in the file that MESHGATE_LAB names (default ``.run/lab.json``), which the tests read.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.parts import REQUIRED, jdk, opa_path, postgres_programs, rest_jar, trino_home
from tests.realparts import addresses
from tests.realparts.lab import laboratory
from tests.realparts.process import PartError
from tests.run import order

_DEFAULT = ".run/lab.json"
_LOGS = ".run/lab-logs"
_PREFIX = "meshgate-lab-"
_OF_THE_MACHINE = (
    (jdk, "a JDK 24 or newer: install one, or set JAVA_HOME"),
    (postgres_programs, "a PostgreSQL server: install the package `postgresql`"),
)
_FETCHED = (
    (trino_home, "the Trino server: `make fetch` brings it"),
    (rest_jar, "Iceberg's REST servlet: `make fetch` brings it"),
)


def main() -> int:
    """Start, test or wait, stop; the tests' status."""
    given, words = _arguments()
    needed = _OF_THE_MACHINE if given.machine else (*_OF_THE_MACHINE, *_FETCHED)
    if lacking := [what for find, what in needed if find() is None]:
        print("no lab without\n  " + "\n  ".join(lacking), file=sys.stderr)
        return 1
    if given.machine:
        return 0
    if opa_path() is None:
        print("left out: a real OPA behind the gateway (`make fetch` brings it)")
        if "opa" in REQUIRED:
            return 1
    file = Path(os.environ.get(addresses.VARIABLE) or _DEFAULT).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    try:
        with _directory() as root, laboratory(root, whole=not given.bare) as lab:
            addresses.write(file, lab)
            print(f"the lab took {time.monotonic() - began:.0f} s to start", flush=True)
            try:
                return _stay(file, lab) if given.keep else _test(file, root, words)
            finally:
                file.unlink(missing_ok=True)
    except (PartError, FileNotFoundError) as error:
        print(f"the lab did not start: {error}", file=sys.stderr)
        return 1


def _arguments() -> tuple[argparse.Namespace, Sequence[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.trino.run", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="stay up until interrupted")
    parser.add_argument("--bare", action="store_true", help="no gateway, no locked Trino")
    parser.add_argument(
        "--machine", action="store_true", help="only see what `make fetch` cannot bring"
    )
    return parser.parse_known_args()  # the rest is pytest's


@contextmanager
def _directory() -> Iterator[Path]:
    """A directory that the unprivileged user of PostgreSQL can pass through."""
    _sweep()
    root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    root.chmod(0o711)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _sweep() -> None:
    """Remove the directories of labs that were killed; their processes died with them."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _test(file: Path, root: Path, words: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "tests/trino", "-n", "2", "--dist", "loadgroup"]
    command += order()
    environment = {**os.environ, addresses.VARIABLE: str(file)}
    status = subprocess.run([*command, "-rs", *words], env=environment, check=False).returncode
    if status:
        _keep_logs(root)
    return status


def _keep_logs(root: Path) -> None:
    """The lab's own directory goes; who looks for the cause needs what the parts said."""
    kept = Path(_LOGS).absolute()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in root.glob("*.log"):
        shutil.copyfile(log, kept / log.name)
    print(f"the logs of the lab's parts are in {kept}")


def _stay(file: Path, lab: addresses.Addresses) -> int:
    print(f"export {addresses.VARIABLE}={file}")
    for name in ("gateway", "locked", "bare", "rest", "postgres", "opa", "data", "root"):
        print(f"  {name:<9} {getattr(lab, name) or 'left out'}")
    print("passwords stand in that file; Ctrl-C stops all", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
    return 0


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind as at Ctrl-C, so that every part is stopped."""
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
