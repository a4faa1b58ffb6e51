"""``meshgate policy``: exit codes, and what a steward reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from policy_lab import DATA, LAB, NAME, snapshot, table
from typer.testing import CliRunner

from gateway.cli import policy
from gateway.cli.opa_tool import OpaTool

POLICIES = DATA.parents[3] / "policies"
PEOPLE = """principals:
  u: {groups: [lab], attributes: {level: 3}}
  low: {groups: [lab], attributes: {level: 1}}
  stranger: {groups: []}
"""


@pytest.fixture(autouse=True)
def _without_opa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpaTool, "find", classmethod(lambda _: None))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog folder whose tables are the laboratory's."""
    catalogs = tmp_path / "catalogs"
    catalogs.mkdir()
    (catalogs / "principals.yaml").write_text(PEOPLE, encoding="utf-8")
    one = table(("f-eq", "secret"), {"v": ("m-token", "m-first4"), "i": ("hidden",)})
    monkeypatch.setattr(policy, "load_catalog", lambda *_, **__: snapshot(one))
    return catalogs


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(policy.app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_check(world: Path, tmp_path: Path) -> None:
    code, text = run("check", POLICIES, "--catalogs", tmp_path / "nowhere")
    assert code == 0, text
    assert "no finding" in text
    shutil.copytree(POLICIES, tmp_path / "p")
    path = tmp_path / "p/domains/claims/policy.rego"
    path.write_text(path.read_text(encoding="utf-8") + "\nx := upper(1)\n", encoding="utf-8")
    code, text = run("check", tmp_path / "p", "--catalogs", tmp_path / "nowhere")
    assert code == 1
    assert "domains/claims/policy.rego:" in text
    assert "R05" in text
    assert run("check", tmp_path / "absent")[0] == 2
    assert world.is_dir()


def test_check_finds_masks_that_do_not_fit(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        policy, "load_catalog", lambda *_, **__: snapshot(table((), {"i": ("m-token",)}))
    )
    code, text = run("check", LAB, "--catalogs", world)
    assert code == 1
    assert "mask token does not apply to integer" in text


def test_goldens(tmp_path: Path) -> None:
    code, text = run("test", POLICIES, "--catalogs", "catalogs")
    assert (code, "24 of 24" in text) == (0, True), text
    shutil.copytree(POLICIES, tmp_path / "p")
    path = tmp_path / "p/domains/claims/policy.rego"
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace('"kind": "token"', '"kind": "mask-alphanum"'), encoding="utf-8")
    code, text = run("test", tmp_path / "p")
    assert code == 1
    assert "domains/claims/golden/ana-claims.json" in text
    assert run("test", tmp_path / "p", "--update")[0] == 0
    assert run("test", tmp_path / "p")[0] == 0
    path.write_text(old, encoding="utf-8")
    assert run("test", tmp_path / "p")[0] == 1


def test_goldens_that_cannot_run(tmp_path: Path) -> None:
    assert run("test", tmp_path)[0] == 2
    assert run("test", POLICIES, "--engine", "opa")[0] == 2
    assert run("test", POLICIES, "--engine", "other")[0] == 2


def test_explain(world: Path) -> None:
    options = ("--policies", LAB, "--catalogs", world)
    code, text = run("explain", NAME, "--as", "u", *options)
    assert code == 0, text
    assert f"{NAME}: allow, by standing:lab" in text
    assert """rows: v eq "a'b\"""" in text
    assert "token  <- domains.lab/m-first4, domains.lab/m-token" in text
    assert "domains.lab/m-first4 on column:v" in text
    code, text = run("explain", NAME, "--as", "low", *options)
    assert f"{NAME}: deny" in text
    assert "your level is too low (told to the caller)" in text
    code, text = run("explain", NAME, "--as", "stranger", *options)
    assert "platform/no_grant" in text


@pytest.mark.parametrize(
    "arguments",
    [
        (NAME, "--as", "nobody"),
        ("lake.lab.absent", "--as", "u"),
        ("t", "--as", "u"),
        (NAME, "--as", "u", "--purpose", "unknown"),
    ],
)
def test_explain_that_cannot_run(world: Path, arguments: tuple) -> None:
    assert run("explain", *arguments, "--policies", LAB, "--catalogs", world)[0] == 2


def test_simulate(world: Path, tmp_path: Path) -> None:
    shutil.copytree(LAB, tmp_path / "p")
    options = ("--policies", LAB, "--catalogs", world, "--as", "u", "--as", "low")
    code, text = run("simulate", "--candidate", tmp_path / "p", *options)
    assert (code, text.strip()) == (0, "unchanged: 2 tables looked at")
    path = tmp_path / "p/domains/lab/policy.rego"
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace('"hidden" in c.tags', '"none" in c.tags'), encoding="utf-8")
    code, text = run("simulate", "--candidate", tmp_path / "p", *options)
    assert "i: denied -> clear (widened)" in text
    assert "widened: 2 tables looked at" in text
    path.write_text(old.replace("level < 3", "level < 4"), encoding="utf-8")
    code, text = run("simulate", "--candidate", tmp_path / "p", *options)
    assert f"u {NAME}: narrowed" in text
    assert "table: allow -> deny (narrowed)" in text


def test_bundle(tmp_path: Path) -> None:
    code, text = run("bundle", tmp_path / "out", "--policies", LAB)
    assert code == 0
    assert str(tmp_path / "out/lab") in text
    assert run("bundle", tmp_path / "out", "--policies", LAB)[0] == 2
