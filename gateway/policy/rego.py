"""The embedded engine: regopy, one interpreter per package, guarded.

Only packages that passed the lint come here. Each package has one thread of its
own, so an interpreter is never shared; a call that misses the deadline keeps its
package closed until it returns.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from regopy import Interpreter, LogLevel, RegoError, rego_version

from gateway.catalog.model import Problem
from gateway.policy.ask import QUERY_POSITION, Answer, Answers, Question
from gateway.policy.canonical import canonical_text, strict_loads
from gateway.policy.package import QUERY, Package

_LOCATION = re.compile(r"\(error \d+:(?P<file>[^|]*)\|(?P<offset>\d+)\|\d+")
_MESSAGE = re.compile(r"\(errormsg \d+:(?P<text>[^)]*)\)")


TABLES_A_DEADLINE = 20
"""A listing of many tables gets the deadline once for each so many of them."""


class CompileError(ValueError):
    """A package the interpreter refuses."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Compiled:
    """One package, ready to answer. Not thread-safe: one call at a time."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._entrypoint = f"{package.path}/decision"
        self._interpreter = Interpreter()
        self._interpreter.log_level = LogLevel.NONE
        self._interpreter.strict_built_in_errors = True
        try:
            self._interpreter.add_data_json(canonical_text(dict(package.config)))
            for module in package.modules:
                self._interpreter.add_module(module.file, module.text)
            self._bundle = self._interpreter.build(None, [self._entrypoint])
        except (RegoError, ValueError) as error:
            raise CompileError(_problem(package, str(error))) from None
        if not self._bundle.ok():
            raise CompileError(_problem(package, str(self._bundle.node())))

    def __del__(self) -> None:
        # the library wants outputs and bundles freed before their interpreter
        self._bundle = None

    def decide(self, document: Mapping[str, Any]) -> Answer:
        """Ask for ``decision`` with this input."""
        revision = self.package.revision
        try:
            self._interpreter.set_input(dict(document))
            output = self._interpreter.query_bundle_entrypoint(self._bundle, self._entrypoint)
            if not output.ok():
                return Answer(failure="policy_error", detail=_first(str(output)), revision=revision)
            text = str(output)
        except Exception as error:  # noqa: BLE001 - whatever the C++ library does, this package fails alone
            return Answer(failure="policy_error", detail=_first(str(error)), revision=revision)
        return read_output(text, revision)


def read_output(text: str, revision: str) -> Answer:
    """Read the interpreter's own JSON text of an entrypoint's result."""
    if text == "undefined":
        return Answer(failure="no_package", detail="decision is undefined", revision=revision)
    try:
        expressions = strict_loads(text)["expressions"]
        (value,) = expressions
    except (ValueError, KeyError, TypeError) as error:
        return Answer(failure="invalid_output", detail=str(error)[:200], revision=revision)
    return Answer(value=value, revision=revision)


def _problem(package: Package, text: str) -> Problem:
    where, message = _LOCATION.search(text), _MESSAGE.search(text)
    said = " ".join(message["text"].split()) if message else "does not compile"
    named = {module.file: module for module in package.modules}
    module = named.get(where["file"]) if where else None
    if where is None or module is None:
        return Problem(package.modules[0].file, 1, 1, "compile", said)
    before = module.text.encode()[: int(where["offset"])].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return Problem(module.file, line, column, "compile", said)


def _first(text: str) -> str:
    message = _MESSAGE.search(text)
    said = " ".join((message["text"] if message else text).split())[:200]
    return "evaluation failed" if said == "<error>" else said


class Worker:
    """One package's thread, which ends when the last question to it has been answered."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=compiled.package.name)
        self._late: asyncio.Future[list[Answer]] | None = None

    async def ask(self, documents: list[dict[str, Any]], seconds: float) -> list[Answer]:
        """All documents in one call; a missed deadline fails them all."""
        revision = self.compiled.package.revision
        late = Answer(failure="policy_timeout", detail="deadline missed", revision=revision)
        if self._late is not None and not self._late.done():
            return [late] * len(documents)
        self._late = None
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._all, documents)
        done, _ = await asyncio.wait([running], timeout=seconds)
        if not done:
            self._late = running
            return [late] * len(documents)
        return running.result()

    def _all(self, documents: list[dict[str, Any]]) -> list[Answer]:
        return [self.compiled.decide(document) for document in documents]


class RegoEngine:
    """Answers from compiled packages of this process."""

    def __init__(self, *, timeout_seconds: float = 1.0) -> None:
        self._timeout = timeout_seconds
        self._workers: dict[str, Worker] = {}

    @property
    def name(self) -> str:
        """``rego/<version>``."""
        return f"rego/{rego_version()}"

    def revision(self, package: str) -> str | None:
        """The revision of the package in force."""
        worker = self._workers.get(package)
        return worker.compiled.package.revision if worker else None

    def replace(self, compiled: Compiled) -> None:
        """Serve this package from now on; running calls finish on the old one."""
        self._workers[compiled.package.name] = Worker(compiled)

    def remove(self, name: str) -> None:
        """Serve this package no more."""
        self._workers.pop(name, None)

    async def ask(self, question: Question) -> Answers:
        """Ask every package once, in parallel, each for its tables in turn."""
        asked: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for item in question.items:
            document = {**question.common, **item.body}
            for package in item.packages:
                asked.setdefault(package, []).append((item.position, document))
        if question.query is not None:
            document = {**question.common, "tables": list(question.query)}
            asked.setdefault(QUERY, []).append((QUERY_POSITION, document))
        found = await asyncio.gather(*(self._package(name, jobs) for name, jobs in asked.items()))
        return {key: answer for answers in found for key, answer in answers}

    async def _package(
        self, name: str, jobs: list[tuple[int, dict[str, Any]]]
    ) -> list[tuple[tuple[int, str], Answer]]:
        worker = self._workers.get(name)
        if worker is None:
            missing = Answer(failure="no_package", detail=f"no package {name}")
            return [((position, name), missing) for position, _ in jobs]
        seconds = self._timeout * (1 + len(jobs) // TABLES_A_DEADLINE)
        answers = await worker.ask([document for _, document in jobs], seconds)
        broken = next((a for a in answers if a.failure == "policy_error"), None)
        if broken is not None:  # a package that failed once is not trusted with the rest
            answers = [broken] * len(jobs)
        return [((jobs[i][0], name), answer) for i, answer in enumerate(answers)]

    async def close(self) -> None:
        """Let all threads end."""
        for name in list(self._workers):
            self.remove(name)
