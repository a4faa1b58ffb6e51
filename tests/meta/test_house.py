"""The house stays in order: layers, makers of stage types, sizes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "gateway").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAKERS = {
    "GovernedQuery": {"sql/govern.py"},
    "ResolvedQuery": {"sql/resolve.py"},
    "Decision": {"policy/decide.py", "query/metadata.py"},
}
"""``query/metadata.py`` decides about metadata alone, whose rows are already its reader's own."""
MAX_LINES = 400


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func
            yield name.id if isinstance(name, ast.Name) else getattr(name, "attr", "")


@pytest.mark.parametrize("stage", sorted(MAKERS))
def test_each_stage_type_has_one_maker(stage: str) -> None:
    makers = {
        str(path.relative_to(ROOT / "gateway")) for path in SOURCES if stage in set(_calls(path))
    }
    assert makers <= MAKERS[stage], f"{stage} is made by {makers}"
    assert makers, f"nobody makes a {stage}"


def test_files_stay_small() -> None:
    large = {
        str(path.relative_to(ROOT)): lines
        for path in (*SOURCES, *TESTS)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not large, large


def test_the_project_speaks_of_itself_alone() -> None:
    """No machine path and no word about how it came to be."""
    forbidden = re.compile(
        r"/work/|/root/|shared/(facts|design)|\bissue #?\d|helper session", re.IGNORECASE
    )
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    endings = (".py", ".md", ".rego", ".yaml", ".sh")
    texts = [ROOT / name for name in listed if name.endswith(endings)]
    found = {
        str(path.relative_to(ROOT)): hit.group()
        for path in texts
        if path.name != Path(__file__).name
        and path.is_file()
        and (hit := forbidden.search(path.read_text(encoding="utf-8")))
    }
    assert not found, found


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_layers_hold() -> None:
    result = _lint(ROOT)
    assert result.returncode == 0, result.stdout


BREAKS = {
    "Direction": ("gateway/errors.py", "import gateway.names"),
    "One way to an engine": ("gateway/protocol/__init__.py", "import gateway.engines.base"),
    "Trees stay home": ("gateway/policy/__init__.py", "import sqlglot"),
    "Checker apart": ("gateway/sql/verify.py", "import gateway.sql.inject"),
}


@pytest.mark.parametrize("contract", sorted(BREAKS))
def test_each_contract_bites(contract: str, tmp_path: Path) -> None:
    """A copy of the house with one forbidden import is refused by that contract."""
    file, line = BREAKS[contract]
    subprocess.run(["cp", "-r", str(ROOT / "gateway"), str(tmp_path)], check=True)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    broken = tmp_path / file
    broken.write_text(broken.read_text(encoding="utf-8") + f"\n{line}  # noqa\n", encoding="utf-8")
    script = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(no_cache=True))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert re.search(rf"^{re.escape(contract)} BROKEN", result.stdout, re.MULTILINE), result.stdout
