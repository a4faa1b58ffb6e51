"""``meshgate policy``: the steward's loop of writing, checking and understanding rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.access.choice import UNSPECIFIED
from gateway.access.grants import GrantsError, load_grants
from gateway.access.model import Grant
from gateway.access.purposes import may_state
from gateway.catalog.domains import connections_setting
from gateway.catalog.load import load_catalog
from gateway.catalog.model import CatalogSnapshot, Problem, Table
from gateway.cli.opa_tool import OpaTool
from gateway.identity.directory import Directory, DirectoryError
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy import conditions
from gateway.policy.bundle import stage
from gateway.policy.canary import CanaryError
from gateway.policy.check import check_folder
from gateway.policy.compare import UNCHANGED, compare, shown, together
from gateway.policy.golden import Golden, load_goldens, write_expected
from gateway.policy.model import Decision, DecisionRequest, TableDecision
from gateway.policy.service import PolicyService

app = typer.Typer(help="Check, test and understand policies.", no_args_is_help=True)

_FINDINGS, _CANNOT_RUN = 1, 2

Folder = Annotated[Path, typer.Argument(help="The policy folder.")]
Policies = Annotated[Path, typer.Option("--policies", help="The policy folder.")]
Catalogs = Annotated[
    Path, typer.Option("--catalogs", help="The folder of domain files, principals and grants.")
]


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(_CANNOT_RUN)


@dataclass(frozen=True, slots=True)
class World:
    """What decisions are taken about, and for whom."""

    snapshot: CatalogSnapshot
    directory: Directory
    grants: tuple[Grant, ...]

    @classmethod
    def load(cls, catalogs: Path) -> World:
        """Read a catalog folder; stops with exit code 2 if it cannot be used."""
        try:
            grants_file = catalogs / "grants.yaml"
            return cls(
                load_catalog(catalogs, connections_file=connections_setting()),
                Directory.load(catalogs / "principals.yaml"),
                load_grants(grants_file) if grants_file.is_file() else (),
            )
        except (GrantsError, DirectoryError, OSError) as error:
            _stop(str(error))

    def principal(self, name: str) -> Principal:
        """The principal of this id."""
        found = self.directory.principal(name)
        if found is None:
            _stop(f"unknown principal {name}: see principals.yaml")
        return found

    def request(self, who: Principal, purpose: str, tables: Iterable[Table]) -> DecisionRequest:
        """A question asked now."""
        return DecisionRequest(
            principal=who,
            purpose=purpose,
            tables=tuple(tables),
            snapshot=self.snapshot,
            grants=self.grants,
            now=datetime.now(UTC),
        )


def _open(directory: Path, *, engine: str = "rego", opa_url: str | None = None) -> PolicyService:
    if not directory.is_dir():
        _stop(f"{directory} is not a folder: name the one that holds global/ and domains/")
    try:
        if engine == "opa":
            return PolicyService.open(directory, engine="opa", opa_url=opa_url, timeout_seconds=5)
        return PolicyService.open(directory, timeout_seconds=5)
    except (CanaryError, ValueError) as error:
        _stop(str(error))


@app.command()
def check(directory: Folder = Path("policies"), catalogs: Catalogs = Path("catalogs")) -> None:
    """Lint, read METADATA, compile, fit masks to column types; OPA's own checks if there."""
    if not directory.is_dir():
        _stop(f"{directory} is not a folder: name the one that holds global/ and domains/")
    problems = list(check_folder(directory))
    problems += _fit(directory, catalogs)
    tool = OpaTool.find()
    if tool is None:
        typer.echo("opa is not on PATH: its own checks are left out", err=True)
    else:
        problems += tool.check(directory)
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        raise typer.Exit(_FINDINGS)
    typer.echo(f"{directory}: no finding")


def _fit(directory: Path, catalogs: Path) -> list[Problem]:
    """Decide for every principal, purpose and table; report masks that do not fit and failures."""
    if not (catalogs / "principals.yaml").is_file():
        typer.echo(
            f"{catalogs} has no principals.yaml: masks are not checked against types", err=True
        )
        return []
    world, service = World.load(catalogs), _open(directory)
    if not world.snapshot.tables:
        typer.echo(f"{catalogs} has no readable table: types are not checked", err=True)
        return []
    people = [world.principal(name) for name in sorted(world.directory.entries)]
    asked = [
        world.request(who, purpose, world.snapshot.tables.values())
        for who in people
        for purpose in (UNSPECIFIED, *service.purposes)
        if may_state(service.purposes, purpose, who)
    ]
    decisions = asyncio.run(_decide_all(service, asked))
    bad = ("platform/mask_type", "platform/invalid_output", "platform/policy_error")
    found = {
        Problem(f"domains/{world.snapshot.tables[name].domain}", 1, 1, reason.rule, text)
        for decision in decisions
        for name, table in decision.tables.items()
        for reason in table.reasons
        if reason.rule in bad
        for text in [f"{name} {reason.on}: {reason.message}"]
    }
    return sorted(found, key=lambda p: (p.file, p.message))


async def _decide_all(service: PolicyService, asked: list[DecisionRequest]) -> list[Decision]:
    decisions = [await service.decide(request) for request in asked]
    await service.close()
    return decisions


@app.command("test")
def take_goldens(
    directory: Folder = Path("policies"),
    engine: Annotated[str, typer.Option(help="rego, or opa: both engines and opa test.")] = "rego",
    catalogs: Catalogs = Path("catalogs"),  # noqa: ARG001 - accepted beside check's
    update: Annotated[bool, typer.Option("--update", help="Record what is decided now.")] = False,
) -> None:
    """Take every golden decision again; exit 1 if one differs."""
    try:
        goldens = load_goldens(directory)
    except ValueError as error:
        _stop(str(error))
    if not goldens:
        _stop(f"{directory} holds no golden decision (domains/<domain>/golden/*.json)")
    if engine not in {"rego", "opa"}:
        _stop("--engine is rego or opa")
    findings = _golden_run("rego", _open(directory), goldens, directory if update else None)
    if engine == "opa":
        tool = OpaTool.find()
        if tool is None:
            _stop("opa is not on PATH: put the binary there or name it in MESHGATE_OPA")
        with tool.serve(directory) as url:
            service = _open(directory, engine="opa", opa_url=url)
            findings += _golden_run("opa", service, goldens, None)
        findings += tool.test(directory)
    if findings:
        raise typer.Exit(_FINDINGS)


def _golden_run(
    name: str, service: PolicyService, goldens: tuple[Golden, ...], update: Path | None
) -> int:
    decisions = asyncio.run(_decide_all(service, [golden.request for golden in goldens]))
    differing = 0
    for golden, decision in zip(goldens, decisions, strict=True):
        if update is not None:
            write_expected(update / golden.file, decision)
            continue
        difference = golden.difference(decision)
        if difference:
            differing += 1
            typer.echo(f"{golden.file}: {golden.title}: {difference} ({name})")
    typer.echo(f"{name}: {len(goldens) - differing} of {len(goldens)} golden decisions as recorded")
    return differing


@app.command()
def explain(
    table: Annotated[str, typer.Argument(help="catalog.schema.table")],
    who: Annotated[str, typer.Option("--as", help="The principal.")],
    purpose: Annotated[str, typer.Option(help="The declared purpose.")] = UNSPECIFIED,
    directory: Policies = Path("policies"),
    catalogs: Catalogs = Path("catalogs"),
) -> None:
    """The merged decision about one table, each rule with its reason, losing masks too."""
    world, service = World.load(catalogs), _open(directory)
    try:
        found = world.snapshot.tables.get(TableName.parse(table))
    except ValueError as error:
        _stop(str(error))
    if found is None:
        _stop(f"unknown table {table}: see meshgate catalog check")
    principal = world.principal(who)
    if not may_state(service.purposes, purpose, principal):
        _stop(f"{who} may not state purpose {purpose}: see global/purposes.yaml")
    decisions = asyncio.run(_decide_all(service, [world.request(principal, purpose, [found])]))
    _print_table(decisions[0].tables[found.name], typer.echo)
    for reason in decisions[0].reasons:
        typer.echo(f"  query: {reason.rule}: {reason.message}")


def _print_table(table: TableDecision, line: Callable[[str], None]) -> None:
    standing = f", by {table.grant}" if table.grant else ""
    line(f"{table.table}: {table.effect}{standing}")
    if table.effect == "allow":
        line(f"  rows: {conditions.words(table.row_filter)}")
    for obligation in table.obligations:
        line(f"  obligation: {obligation.kind} {dict(obligation.params)}")
    if table.rights:
        line(f"  rights: {', '.join(sorted(table.rights))}")
    width = max((len(column.name) for column in table.columns), default=0)
    for column in table.columns:
        rules = f"  <- {', '.join(column.rules)}" if column.rules else ""
        line(f"  {column.name:<{width}}  {shown(column)}{rules}")
    if table.reasons:
        line("  because")
    for reason in table.reasons:
        told = "told to the caller" if reason.disclose else "not told"
        line(f"    {reason.rule} on {reason.on}: {reason.message} ({told})")


@app.command()
def simulate(
    candidate: Annotated[Path, typer.Option(help="The policy folder with the change.")],
    who: Annotated[list[str], typer.Option("--as", help="A principal; may be given again.")],
    purpose: Annotated[str, typer.Option(help="The declared purpose.")] = UNSPECIFIED,
    directory: Policies = Path("policies"),
    catalogs: Catalogs = Path("catalogs"),
) -> None:
    """What a change of policies does: old and new per table and column, with its class."""
    world, old, new = World.load(catalogs), _open(directory), _open(candidate)
    kinds: list[str] = []
    for name in who:
        asked = [world.request(world.principal(name), purpose, world.snapshot.tables.values())]
        before = asyncio.run(_decide_all(old, asked))[0]
        after = asyncio.run(_decide_all(new, asked))[0]
        kinds += _print_changes(name, before, after)
    typer.echo(f"{together(kinds)}: {len(kinds)} tables looked at")


def _print_changes(name: str, before: Decision, after: Decision) -> list[str]:
    kinds: list[str] = []
    for table, old in before.tables.items():
        kind, changes = compare(old, after.tables[table])
        kinds.append(kind)
        if kind != UNCHANGED:
            typer.echo(f"{name} {table}: {kind}")
        for change in changes:
            typer.echo(f"  {change.place}: {change.was} -> {change.now} ({change.kind})")
    return kinds


@app.command()
def bundle(
    target: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    directory: Policies = Path("policies"),
) -> None:
    """Write OPA bundles: one folder for the platform, the guardrails and each domain."""
    if target.exists() and any(target.iterdir()):
        _stop(f"{target} is not empty")
    for folder in stage(directory, target):
        typer.echo(str(folder))
