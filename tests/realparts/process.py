"""Processes of the lab: started in a group of their own, stopped gently, never left behind."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_TAIL_LINES = 40


class PartError(RuntimeError):
    """A real part did not start; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One running process: its name in messages, where it listens, where it logs."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def wait(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready; raises PartError when it ended, or in the end."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise PartError(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise PartError(f"{self.name} was not ready in {seconds:.0f} s\n{self.tail()}")
            time.sleep(0.1)

    def tail(self) -> str:
        """The end of its log."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    url: str = "",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
    orphaned: signal.Signals = signal.SIGKILL,
    seconds: float = 20,
) -> Iterator[Part]:
    """Run a command until the end of the block.

    ``stop`` ends it, SIGKILL after ``seconds``. ``orphaned`` is what the kernel sends when this
    process dies without reaching the end of the block. ``user`` is whom to become, for root.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ if environment is None else environment),
            cwd=folder,
            start_new_session=True,
            user=user,
            group=None if user is None else _group(user),
            extra_groups=None if user is None else [],
            preexec_fn=_dying_with(os.getpid(), orphaned),  # noqa: PLW1509 # no threads yet
        )
    part = Part(name, url, log, process)
    try:
        yield part
    finally:
        _end(process, stop, seconds)


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _dying_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Ask the kernel to signal the child when its parent dies; runs after the change of user."""

    def ask() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _end(process: subprocess.Popen[bytes], stop: signal.Signals, seconds: float) -> None:
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    # What it started itself is in its group, which nobody else is in.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
