"""Trino's own parser as a judge of texts: a long-lived Java process, JSON lines in and out."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.parts import jdk, judge_jars

_JAVA = Path(__file__).parent / "java" / "Judge.java"
_OPTIONS = ("-Xmx1G", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")


class JudgeError(RuntimeError):
    """The judge ended or gave no answer."""


@dataclass(frozen=True, slots=True)
class Named:
    """One table: its parts, lower case, and the alias it has alone in a sub-query of a FROM."""

    parts: tuple[str, ...]
    alias: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Trino's parser reads in one text; only ``ok`` counts where it reads nothing."""

    ok: bool
    kind: str = ""
    tables: tuple[Named, ...] = ()
    functions: tuple[str, ...] = ()
    table_functions: tuple[str, ...] = ()
    tree_digest: str = ""


class Judge:
    """Answers texts in their order. One thread uses it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def judged(self, texts: Sequence[str]) -> list[Verdict]:
        """Read each text; raises JudgeError if the process ends."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        lines = b"".join(json.dumps({"sql": text}).encode() + b"\n" for text in texts)
        writer = threading.Thread(target=_write, args=(stdin, lines), daemon=True)
        writer.start()  # both pipes are short: somebody must read while the other writes
        answers = [stdout.readline() for _ in texts]
        writer.join()
        if not all(answers):
            raise JudgeError("the judge ended")
        return [_verdict(json.loads(answer)) for answer in answers]


@contextmanager
def judge() -> Iterator[Judge]:
    """Start the judge; FileNotFoundError says what is missing."""
    java, jars = jdk(), judge_jars()
    if java is None or jars is None:
        raise FileNotFoundError("the judge needs a JDK 24 or newer, and `make fetch`")
    command = [java, *_OPTIONS, "-cp", ":".join(map(str, jars)), _JAVA]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Judge(process)
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            process.communicate()


def _write(stream: IO[bytes], lines: bytes) -> None:
    try:
        stream.write(lines)
        stream.flush()
    except BrokenPipeError:
        return  # the reader sees that the judge ended


def _verdict(answer: dict[str, Any]) -> Verdict:
    if not answer["ok"]:
        return Verdict(ok=False)
    return Verdict(
        ok=True,
        kind=answer["kind"],
        tables=tuple(Named(tuple(one["name"]), one["alias"]) for one in answer["tables"]),
        functions=tuple(answer["functions"]),
        table_functions=tuple(answer["table_functions"]),
        tree_digest=answer["tree_digest"],
    )
