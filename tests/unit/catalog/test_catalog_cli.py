"""``meshgate catalog check``."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.catalog import app
from tests.unit.catalog import lake


def test_a_clean_mesh_says_so(tmp_path: Path):
    result = CliRunner().invoke(app, ["check", str(lake.build(tmp_path))])
    assert result.exit_code == 0
    assert result.stdout.startswith("3 domains, 4 tables, no problem (c1:")


def test_every_problem_is_one_line_and_the_exit_is_1(tmp_path: Path):
    mesh = lake.build(tmp_path)
    text = lake.CLAIMS.replace("token_domain: member", "token_domain: membr")
    (mesh / "claims.yaml").write_text(text.replace("{field_id: 1}", "{field_id: 9}"))
    (mesh / "weather.yaml").write_text("{")
    result = CliRunner().invoke(app, ["check", str(mesh)])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith(f"{mesh}/claims.yaml:30:7: field-moved: ")
    assert f"\n{mesh}/weather.yaml:2:1: syntax: " in result.stdout


def test_a_missing_folder_cannot_be_checked(tmp_path: Path):
    result = CliRunner().invoke(app, ["check", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "is not a folder" in result.stderr
