"""Policy packages on disk: ``global/*.rego`` and one folder per domain."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from gateway.catalog.model import Problem
from gateway.policy.canonical import canonical_text, strict_loads
from gateway.policy.input import InputError, guard
from gateway.policy.lint import lint, profile_of

GUARDRAILS, QUERY, PLATFORM = "global.guardrails", "global.query", "platform.batch"
TEST_SUFFIX = "_test.rego"
MAX_CONFIG_BYTES = 65_536

References = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Module:
    """One Rego file: its path relative to the policy folder, and its text."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Package:
    """One package as loaded: modules, its configuration data, its METADATA.

    ``standing`` maps the standing grants it may give to the groups that may hold them.
    ``required`` and ``optional`` are the attributes and product fields it reads.
    """

    name: str
    modules: tuple[Module, ...]
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    owner: str = ""
    standing: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    required: References = frozenset()
    optional: References = frozenset()
    revision: str = ""

    @property
    def path(self) -> str:
        """``domains/claims``."""
        return self.name.replace(".", "/")

    @property
    def domain(self) -> str | None:
        """The domain's name; None for a global package."""
        head, _, rest = self.name.partition(".")
        return rest if head == "domains" else None


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one package, unread beyond their bytes. Equal sources need no reload."""

    name: str
    modules: tuple[Module, ...]
    config: Module | None = None
    shared: Module | None = None
    """``global/config.json``, which every package may read."""

    @property
    def revision(self) -> str:
        """A short hash of everything that decides."""
        digest = hashlib.sha256(self.name.encode())
        for module in (*self.modules, self.config, self.shared):
            if module is not None:
                digest.update(f"\0{Path(module.file).name}\0{module.text}".encode())
        return "r" + digest.hexdigest()[:12]


def find_sources(directory: Path) -> dict[str, Source]:
    """Every package below a policy folder, tests left out. Raises OSError, UnicodeDecodeError."""
    shared = _module(directory, directory / "global" / "config.json")
    found: dict[str, Source] = {}
    for path in sorted((directory / "global").glob("*.rego")):
        if not path.name.endswith(TEST_SUFFIX):
            name = f"global.{path.stem}"
            found[name] = Source(name, (_read(directory, path),), None, shared)
    for folder in sorted((directory / "domains").glob("*/")):
        modules = tuple(
            _read(directory, path)
            for path in sorted(folder.glob("*.rego"))
            if not path.name.endswith(TEST_SUFFIX)
        )
        if modules:
            name = f"domains.{folder.name}"
            config = _module(directory, folder / "config.json")
            found[name] = Source(name, modules, config, shared)
    return found


def platform_source(directory: Path) -> Source:
    """The batch rule every question to OPA goes through."""
    path = directory / "platform" / "batch.rego"
    return Source(PLATFORM, (_read(directory, path),) if path.is_file() else ())


def _module(directory: Path, path: Path) -> Module | None:
    return _read(directory, path) if path.is_file() else None


def _read(directory: Path, path: Path) -> Module:
    return Module(path.relative_to(directory).as_posix(), path.read_text(encoding="utf-8"))


def load_package(source: Source) -> tuple[Package, list[Problem]]:
    """Lint one package, read its METADATA and configuration; findings with file and line."""
    problems: list[Problem] = []
    metadata = _metadata(source.modules, problems)
    config: dict[str, Any] = {}
    own = source.name.partition(".")[2] if source.name.startswith("domains.") else None
    for key, module in ((own, source.config), ("global", source.shared)):
        if key is not None and module is not None:
            config[key] = _config(module, problems)
    read = lint(((m.file, m.text) for m in source.modules), profile_of(source.name))
    problems.extend(read.problems)
    package = Package(
        name=source.name,
        modules=source.modules,
        config=MappingProxyType({"config": config}),
        owner=str(metadata.get("owner", "")),
        standing=_standing(metadata, source, problems),
        required=frozenset(read.required),
        optional=frozenset(read.optional),
        revision=source.revision,
    )
    return package, problems


def _config(module: Module, problems: list[Problem]) -> Any:  # noqa: ANN401 - JSON
    try:
        return _checked(strict_loads(module.text))
    except json.JSONDecodeError as error:
        problems.append(Problem(module.file, error.lineno, error.colno, "config", error.msg))
    except InputError as error:
        problems.append(Problem(module.file, 1, 1, error.code, str(error)))
    except ValueError as error:
        problems.append(Problem(module.file, 1, 1, "config", str(error)))
    return {}


def _checked(document: object) -> object:
    if not isinstance(document, dict):
        raise ValueError("configuration is an object")  # noqa: TRY004 - one kind of finding
    guard(document, "config")
    if len(canonical_text(document).encode()) > MAX_CONFIG_BYTES:
        raise ValueError("configuration has at most 64 KiB")
    return document


_BLOCK = re.compile(r"^# METADATA\s*\n((?:#.*\n)*)\s*package ", re.MULTILINE)


def _metadata(modules: tuple[Module, ...], problems: list[Problem]) -> dict[str, Any]:
    for module in modules:
        block = _BLOCK.search(module.text)
        if not block:
            continue
        text = "\n".join(line[1:] for line in block.group(1).splitlines())
        try:
            document = yaml.safe_load(text) or {}
            custom = document.get("custom", {})
        except (yaml.YAMLError, AttributeError):
            line = module.text.count("\n", 0, block.start()) + 1
            problems.append(Problem(module.file, line, 1, "metadata", "METADATA is not YAML"))
            continue
        if isinstance(custom, dict):
            return custom
    return {}


def _standing(
    metadata: Mapping[str, Any], source: Source, problems: list[Problem]
) -> Mapping[str, frozenset[str]]:
    raw = metadata.get("standing", {})
    sound = isinstance(raw, dict) and all(
        isinstance(name, str)
        and isinstance(groups, list)
        and groups
        and all(isinstance(group, str) and group for group in groups)
        for name, groups in raw.items()
    )
    if not sound:
        message = "standing maps names to lists of groups"
        problems.append(Problem(source.modules[0].file, 1, 1, "metadata", message))
        return MappingProxyType({})
    return MappingProxyType({name: frozenset(groups) for name, groups in raw.items()})
