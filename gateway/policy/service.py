"""Decisions as a service: loads packages, follows their files, asks the engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import structlog

from gateway.access.purposes import Purpose, load_purposes
from gateway.catalog.model import Problem
from gateway.policy.ask import PolicyEngine
from gateway.policy.cache import CachedEngine
from gateway.policy.canary import check_canary
from gateway.policy.decide import Policies, decide
from gateway.policy.model import Decision, DecisionRequest
from gateway.policy.opa import OpaEngine
from gateway.policy.package import (
    PLATFORM,
    Package,
    Source,
    find_sources,
    load_package,
    platform_source,
)
from gateway.policy.rego import Compiled, CompileError, RegoEngine
from gateway.policy.schema import attributes_schema

EngineName = Literal["rego", "opa"]
_log = structlog.get_logger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class PolicyService:
    """Takes decisions by the packages of one policy folder.

    A saved file takes effect on the next decision; a package that does not load
    keeps its last good revision and says why in ``problems``.
    """

    def __init__(self, directory: Path, engine: PolicyEngine, *, time_zone: str) -> None:
        self._directory = directory
        self._zone = time_zone
        self._rego = engine if isinstance(engine, RegoEngine) else None
        self._engine = CachedEngine(engine)
        self._stamp: Stamp | None = None
        self._sources: dict[str, Source] = {}
        self._packages: dict[str, Package] = {}
        self._policies = Policies(MappingProxyType({}))
        self._purposes: Mapping[str, Purpose] = MappingProxyType({})
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._reloading = asyncio.Lock()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        engine: EngineName = "rego",
        opa_url: str | None = None,
        timeout_seconds: float = 1.0,
        time_zone: str = "UTC",
        opa_token: str | None = None,
    ) -> Self:
        """Load a policy folder. Broken packages deny; ``problems`` names them.

        ``rego`` first tests itself and raises CanaryError if the interpreter differs
        from what is recorded. ``opa`` takes its decisions from the server at
        ``opa_url``; the folder then gives METADATA and which attributes are read.
        """
        if engine == "rego":
            check_canary()
            asked: PolicyEngine = RegoEngine(timeout_seconds=timeout_seconds)
        elif opa_url is None:
            raise ValueError("engine opa needs the address of an OPA server")
        else:
            asked = OpaEngine(opa_url, timeout_seconds=timeout_seconds, token=opa_token)
        service = cls(directory, asked, time_zone=time_zone)
        service._load()
        return service

    @property
    def engine_name(self) -> str:
        """Name and version of the engine."""
        return self._engine.name

    @property
    def revisions(self) -> Mapping[str, str]:
        """Revision by package of what is in force."""
        return self._policies.revisions

    @property
    def purposes(self) -> Mapping[str, Purpose]:
        """Declared purposes by name."""
        return self._purposes

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why the newest files are not all in force."""
        return tuple(problem for name in sorted(self._problems) for problem in self._problems[name])

    @property
    def packages(self) -> Mapping[str, Package]:
        """The packages in force."""
        return self._policies.packages

    async def decide(self, request: DecisionRequest) -> Decision:
        """The decision about every table of the request; never raises for a policy's failure."""
        await self.reload()
        return await decide(request, self._policies, self._engine, zone=self._zone)

    async def reload(self) -> bool:
        """Take up saved files; True if something changed. Cheap when nothing did."""
        if _stamp(self._directory) == self._stamp:
            return False
        async with self._reloading:
            return await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Release the engine."""
        await self._engine.close()

    def _load(self) -> bool:
        stamp = _stamp(self._directory)
        if stamp == self._stamp:
            return False
        try:
            sources = find_sources(self._directory)
        except (OSError, UnicodeDecodeError) as error:
            self._note("folder", [Problem(str(self._directory), 1, 1, "unreadable", str(error))])
            return False
        self._problems.pop("folder", None)
        for name in set(self._sources) - set(sources):
            self._drop(name)
        for name, source in sources.items():
            if self._sources.get(name) != source:
                self._take(name, source)
        self._read_purposes()
        self._stamp = stamp
        revisions = {name: package.revision for name, package in self._packages.items()}
        revisions[PLATFORM] = platform_source(self._directory).revision
        self._policies = Policies(
            MappingProxyType(dict(self._packages)),
            MappingProxyType(revisions),
            self._read_schema(),
        )
        return True

    def _drop(self, name: str) -> None:
        del self._sources[name]
        self._packages.pop(name, None)
        self._problems.pop(name, None)
        if self._rego is not None:
            self._rego.remove(name)

    def _take(self, name: str, source: Source) -> None:
        """Load one package, or keep the last good one and note why."""
        self._sources[name] = source
        package, problems = load_package(source)
        if not problems and self._rego is not None:
            try:
                self._rego.replace(Compiled(package))
            except CompileError as error:
                problems = [error.problem]
        if problems:
            self._note(name, problems)
            return
        self._problems.pop(name, None)
        self._packages[name] = package

    def _note(self, name: str, problems: list[Problem]) -> None:
        self._problems[name] = tuple(problems)
        for problem in problems:
            _log.warning("policy.refused", package=name, problem=str(problem))

    def _read_purposes(self) -> None:
        path = self._directory / "global" / "purposes.yaml"
        purposes, problems = load_purposes(path) if path.is_file() else ({}, [])
        if problems:
            named = [replace(p, file="global/purposes.yaml") for p in problems]
            self._note("purposes", named)
            return
        self._problems.pop("purposes", None)
        self._purposes = MappingProxyType(purposes)

    def _read_schema(self) -> Mapping[str, Any]:
        """The newest readable schema of attributes, else the one in force."""
        try:
            schema = attributes_schema(self._directory)
        except ValueError as error:
            self._note("schema", [Problem("input.schema.json", 1, 1, "schema", str(error))])
            return self._policies.attributes_schema
        self._problems.pop("schema", None)
        return schema


def _stamp(directory: Path) -> Stamp:
    """Names, sizes and times of all files that can change a decision.

    Asked for with every statement, so straight on the system's own directory entries.
    """
    root = str(directory)
    found: list[tuple[str, int, int]] = []
    for folder in (root, f"{root}/global", f"{root}/platform", *_folders(f"{root}/domains")):
        found += _files(folder)
    return tuple(sorted(found))


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: str) -> list[tuple[str, int, int]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((".rego", ".json", ".yaml")):
                    status = entry.stat()
                    found.append((entry.path, status.st_mtime_ns, status.st_size))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return found
