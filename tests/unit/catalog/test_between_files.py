"""What two files say together."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.catalog.load import load_catalog
from tests.unit.catalog import lake


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return lake.build(tmp_path / "mesh")


def _change(mesh: Path, file: str, old: str, new: str) -> None:
    path = mesh / f"{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


SECOND = """\
  second:
    code: mbr
    method: ht1
    shape: text
    numeric: i63
    canonicalizer: raw
    versions: [{v: 1, state: active, key: {env: K}}]
"""


@pytest.mark.parametrize(
    ("code", "old", "new", "line", "other_line"),
    [
        ("duplicate-guid", "ed457526-0001", "ed457526-0002", 14, 14),
        ("duplicate-key", "key: claims", "key: people", 15, 15),
        ("schema-overlap", "  - {name: claims}", "  - {name: claims}\n  - {name: members}", 13, 12),
    ],
)
def test_a_name_held_twice_closes_both_holders(
    mesh: Path, code: str, old: str, new: str, line: int, other_line: int
):
    _change(mesh, "claims", old, new)
    snapshot = load_catalog(mesh)
    assert [(Path(p.file).stem, p.line, p.code) for p in snapshot.problems] == [
        ("claims", line, code),
        ("members", other_line, code),
    ]
    assert f"members.yaml:{other_line}" in snapshot.problems[0].message
    assert list(snapshot.domains) == ["weather"]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("member", "abc", "token domain member"), ("second", "mbr", "code mbr")],
)
def test_a_token_domain_or_code_is_held_once(mesh: Path, name: str, code: str, said: str):
    text = SECOND.replace("second", name).replace("mbr", code)
    _change(mesh, "weather", "tables:", f"token_domains:\n{text}tables:")
    snapshot = load_catalog(mesh)
    assert {p.code for p in snapshot.problems} == {"duplicate-token-domain"}
    assert {Path(p.file).stem for p in snapshot.problems} == {"members", "weather"}
    assert said in snapshot.problems[0].message
    assert list(snapshot.domains) == ["claims"]


def test_a_name_held_twice_in_one_file_closes_it(mesh: Path):
    _change(mesh, "members", "token_domains:\n", f"token_domains:\n{SECOND}")
    snapshot = load_catalog(mesh)
    assert {p.code for p in snapshot.problems} == {"duplicate-token-domain"}
    assert list(snapshot.domains) == ["claims", "weather"]


def test_the_file_that_connects_a_catalog_differently_is_closed(mesh: Path):
    _change(mesh, "weather", "path: lake.db", "path: other.db")
    snapshot = load_catalog(mesh)
    assert [(Path(p.file).stem, p.line, p.column, p.code) for p in snapshot.problems] == [
        ("weather", 7, 3, "catalog-mismatch")
    ]
    assert list(snapshot.domains) == ["claims", "members"]


def test_without_a_majority_nobody_is_believed(mesh: Path):
    (mesh / "members.yaml").unlink()
    _change(mesh, "claims", ", token_domain: member", "")
    _change(mesh, "weather", "path: lake.db", "path: other.db")
    snapshot = load_catalog(mesh)
    assert {p.code for p in snapshot.problems} == {"catalog-mismatch"}
    assert not snapshot.domains


def test_a_broken_owner_of_a_token_domain_leaves_the_columns_bound(mesh: Path):
    before = load_catalog(mesh)
    (mesh / "members.yaml").write_text("{")
    snapshot = load_catalog(mesh)
    assert {Path(p.file).stem for p in snapshot.problems} == {"members"}
    assert snapshot.domains["claims"] == before.domains["claims"]
    assert all(snapshot.tables[n] == t for n, t in before.tables.items() if t.domain == "claims")
    assert "member" not in snapshot.token_domains


def test_a_closed_owner_of_a_token_domain_is_still_known(mesh: Path):
    _change(mesh, "members", "shape: text", "shape: long")
    assert {Path(p.file).stem for p in load_catalog(mesh).problems} == {"members"}


@pytest.mark.parametrize(
    ("column", "numeric", "refused"),
    [
        ("a_string", "i63", None),
        ("a_long", "i63", None),
        ("a_long", "refuse", "refuses numbers"),
        ("a_decimal", "i63", "too small"),
        ("an_int", "i63", "no token fits integer"),
        ("a_double", "i63", "no token fits double"),
        ("a_date", "i63", "no token fits date"),
        ("a_timestamptz", "i63", "no token fits timestamp"),
        ("a_uuid", "i63", "no token fits uuid"),
        ("a_boolean", "i63", "no token fits boolean"),
        ("a_list", "i63", "no token fits array"),
    ],
)
def test_a_column_no_token_fits_quarantines_its_table(
    mesh: Path, column: str, numeric: str, refused: str | None
):
    _change(mesh, "members", "numeric: i63", f"numeric: {numeric}")
    (mesh / "weather.yaml").write_text(
        lake.HEAD.format(name="weather")
        + "tables:\n  - name: weather.hours\n"
        + f"    columns: {{{column}: {{token_domain: member}}}}\n"
    )
    snapshot = load_catalog(mesh)
    served = "hours" in {name.table for name in snapshot.tables}
    assert served == (refused is None)
    assert [p.code for p in snapshot.problems] == ["token-type"] * (refused is not None)
    assert refused is None or refused in snapshot.problems[0].message
    assert list(snapshot.domains) == ["claims", "members", "weather"]
