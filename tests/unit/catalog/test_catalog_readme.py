"""``catalogs/README.md`` says what the loader does."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.catalog.connect import read_connections
from gateway.catalog.load import load_catalog
from gateway.cli.catalog import app
from tests.unit.catalog.test_between_files import SECOND
from tests.unit.catalog.test_problem_codes import AGAINST_ICEBERG, CASES

ROOT = Path(__file__).parents[3]
README = (ROOT / "catalogs" / "README.md").read_text()
_LISTED = {
    code
    for row in re.findall(r"^\|(`[^|]*)\|", README, re.MULTILINE)
    for code in re.findall(r"`([a-z-]+)`", row)
}


def test_every_code_is_explained_and_every_explained_code_exists():
    source = "".join(path.read_text() for path in (ROOT / "gateway" / "catalog").glob("*.py"))
    assert {case[0] for case in (*CASES, *AGAINST_ICEBERG)} <= _LISTED
    assert "missing-connection" in _LISTED
    assert all(f'"{code}"' in source for code in _LISTED)
    reported = set(
        re.findall(r'(?:\.at\(|report\(|Claim\(|_problem\()[^()]*?"([a-z]+-[a-z-]+)"', source)
    )
    assert reported <= _LISTED


def test_the_example_is_a_valid_file(tmp_path: Path):
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "claims.yaml").write_text(example)
    snapshot = load_catalog(tmp_path, {})
    assert {problem.code for problem in snapshot.problems} == {"catalog-unreachable"}
    assert snapshot.domains["claims"].product("claims") is not None
    assert list(snapshot.token_domains) == ["member"]


def test_the_connections_file_shown_is_valid():
    (shown,) = re.findall(r"```\n(lake: .*?)```", README, re.DOTALL)
    found, problems = read_connections(Path("connections.yaml"), shown.encode(), {})
    assert not problems
    assert found["lake"].storage is not None


def test_the_commands_shown_exist():
    shown = re.findall(r"^meshgate catalog (\w+)", README, re.MULTILINE)
    listed = {command.name for command in app.registered_commands}
    assert set(shown) == listed


def test_what_the_readme_calls_refused_is_refused(tmp_path: Path):
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for key in ("detokenize", "min_distinct", "max_top_share", "override"):
        assert f"`{key}`" in README
        text = example + SECOND.replace("mbr", "sec").replace("code:", f"{key}: x\n    code:")
        (tmp_path / "claims.yaml").write_text(text)
        codes = {problem.code for problem in load_catalog(tmp_path, {}).problems}
        assert codes == {"unknown-key"}
