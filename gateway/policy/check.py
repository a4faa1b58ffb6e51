"""Everything that can be said of a policy folder without asking a question."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gateway.access.purposes import load_purposes
from gateway.catalog.model import Problem
from gateway.policy.lint import Profile, lint
from gateway.policy.package import GUARDRAILS, TEST_SUFFIX, find_sources, load_package
from gateway.policy.rego import Compiled, CompileError
from gateway.policy.regolex import RegoSyntaxError
from gateway.policy.regoparse import parse
from gateway.policy.regotree import Rule

_STEPS = frozenset({"deny", "row_filters", "masks", "deny_columns", "obligations"})
_DENIES = re.compile(r"test_.*(_denied|_denies|_deny|_refused|_closed)(_|$)")


def check_folder(directory: Path) -> tuple[Problem, ...]:
    """Findings of lint, METADATA, compilation, tests and purposes, sorted by place."""
    found: list[Problem] = []
    sources = find_sources(directory)
    if GUARDRAILS not in sources:
        found.append(Problem("global/guardrails.rego", 1, 1, "missing", "there are no guardrails"))
    for source in sources.values():
        package, problems = load_package(source)
        found.extend(problems)
        if not problems:
            found.extend(_compiles(package.name, directory))
        first = source.modules[0].file
        if not package.owner:
            found.append(Problem(first, 1, 1, "metadata", "METADATA names no owner"))
        for module in source.modules:
            found.extend(_titles(module.file, module.text))
        if package.domain is not None:
            found.extend(_tests(directory, package.domain, package.name))
    purposes = directory / "global" / "purposes.yaml"
    if purposes.is_file():
        found.extend(replace(p, file="global/purposes.yaml") for p in load_purposes(purposes)[1])
    return tuple(sorted(found, key=lambda p: (p.file, p.line, p.column, p.code)))


def _compiles(name: str, directory: Path) -> list[Problem]:
    package, _ = load_package(find_sources(directory)[name])
    try:
        Compiled(package)
    except CompileError as error:
        return [error.problem]
    return []


def _titles(file: str, text: str) -> list[Problem]:
    """Every rule that decides something has a title people can read."""
    try:
        rules = parse(text).rules
    except RegoSyntaxError:
        return []
    lines = text.splitlines()
    return [
        Problem(
            file, rule.token.line, 1, "metadata", f"{rule.name}: METADATA with a title is missing"
        )
        for rule in rules
        if _decides(rule) and not _titled(lines, rule.token.line - 1)
    ]


def _decides(rule: Rule) -> bool:
    return rule.name in _STEPS and not rule.default


def _titled(lines: list[str], at: int) -> bool:
    block: list[str] = []
    while at > 0 and lines[at - 1].startswith("#"):
        at -= 1
        block.append(lines[at])
    return any(line.startswith("# title:") for line in block)


def _tests(directory: Path, domain: str, package: str) -> list[Problem]:
    """Each domain has a test module, lint-clean as a test, with a test of a denial."""
    folder = directory / "domains" / domain
    paths = sorted(folder.glob(f"*{TEST_SUFFIX}"))
    named = [(p.relative_to(directory).as_posix(), p.read_text(encoding="utf-8")) for p in paths]
    found = lint(named, Profile(f"{package}_test"), test=True).problems
    names = [rule.name for _, text in named for rule in _rules(text)]
    if not any(_DENIES.match(name) for name in names):
        file = named[0][0] if named else f"domains/{domain}/policy_test.rego"
        found.append(Problem(file, 1, 1, "tests", f"{package} has no test of a denial"))
    return found


def _rules(text: str) -> tuple[Rule, ...]:
    try:
        return parse(text).rules
    except RegoSyntaxError:
        return ()
